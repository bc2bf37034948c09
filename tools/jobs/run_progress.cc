#include "tools/jobs/run_progress.h"

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace tatami::jobs {
namespace {

constexpr int64_t kTailBytes = 16'384;

std::string Tail(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return "";
  const int64_t bytes = file.tellg();
  const int64_t from = std::max<int64_t>(0, bytes - kTailBytes);
  std::string text(static_cast<size_t>(bytes - from), '\0');
  file.seekg(from);
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(file.gcount()));
  return text;
}

}  // namespace

std::optional<RunProgress> ReadProgress(const std::string& run_folder) {
  const std::string text = Tail(run_folder + "/metrics.jsonl");
  const size_t end = text.rfind('\n');  // what follows is still being written
  if (end == std::string::npos) return std::nullopt;
  std::vector<absl::string_view> lines =
      absl::StrSplit(absl::string_view(text).substr(0, end), '\n');
  for (auto line = lines.rbegin(); line != lines.rend(); ++line) {
    const auto object =
        nlohmann::json::parse(line->begin(), line->end(), nullptr, false);
    if (object.is_discarded() || !object.contains("step")) continue;
    const auto loss = object.find("train/loss");
    if (loss == object.end()) continue;
    return RunProgress{object["step"].get<int64_t>(),
                       loss->is_number() ? loss->get<double>() : 0};
  }
  return std::nullopt;
}

std::optional<RunEnd> ReadEnd(const std::string& run_folder) {
  std::ifstream file(run_folder + "/summary.json", std::ios::binary);
  const auto object = nlohmann::json::parse(file, nullptr, false);
  if (!object.is_object()) return std::nullopt;
  return RunEnd{.steps = object.value("steps", int64_t{0}),
                .total_steps = object.value("total_steps", int64_t{0}),
                .stopped = object.value("stopped", false),
                .weights_hash = object.value("weights_hash", std::string())};
}

std::string LastError(const std::string& log_path) {
  const std::string text = Tail(log_path);
  std::string found;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    if (absl::StartsWith(line, "tatami: ")) found = std::string(line.substr(8));
  }
  return found;
}

}  // namespace tatami::jobs
