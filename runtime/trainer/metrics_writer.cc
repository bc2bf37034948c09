#include "runtime/trainer/metrics_writer.h"

#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "core/status_macros.h"

namespace tatami {
namespace {

using nlohmann::json;

// The step of a whole line, or nullopt.
std::optional<int64_t> StepOf(const std::string& line) {
  const json object = json::parse(line, nullptr, /*allow_exceptions=*/false);
  const auto step = object.is_object() ? object.find("step") : object.end();
  if (step == object.end() || !step->is_number_integer()) return std::nullopt;
  return step->get<int64_t>();
}

// Rewrites the file with its lines up to `step`. A rename puts it in place, so that a
// run killed here loses nothing. Returns the lines of `step`.
absl::StatusOr<std::set<std::string>> KeepUpTo(const std::string& path, int64_t step) {
  std::set<std::string> of_step;
  std::ifstream in(path);
  if (!in) return of_step;  // a run that had written no metrics
  const std::string kept_path = path + ".kept";
  std::ofstream kept(kept_path, std::ios::trunc);
  for (std::string line; std::getline(in, line);) {
    const auto line_step = StepOf(line);
    if (!line_step || *line_step > step) continue;
    kept << line << "\n";
    if (*line_step == step) of_step.insert(line);
  }
  kept.close();
  if (!kept || std::rename(kept_path.c_str(), path.c_str()) != 0) {
    return MakeError(ErrorCode::kStorage,
                     absl::StrCat("cannot rewrite '", path, "' by way of '", kept_path,
                                  "'. Free space there or give --out another "
                                  "directory."));
  }
  return of_step;
}

}  // namespace

absl::StatusOr<std::unique_ptr<MetricsWriter>> MetricsWriter::Open(
    const std::string& path, const MetricsWriterOptions& options) {
  std::set<std::string> kept;
  AppendMode mode = AppendMode::kReplace;
  if (options.resume_step) {
    TATAMI_ASSIGN_OR_RETURN(kept, KeepUpTo(path, *options.resume_step));
    mode = AppendMode::kContinue;
  }
  TATAMI_ASSIGN_OR_RETURN(std::unique_ptr<AppendFile> file,
                          AppendFile::Open(path, mode));
  return absl::WrapUnique(new MetricsWriter(std::move(file), std::move(kept)));
}

absl::Status MetricsWriter::Write(int64_t step, absl::Span<const Metric> metrics) {
  nlohmann::ordered_json line;
  line["step"] = step;
  // dump() prints non-finite numbers as null.
  for (const Metric& metric : metrics) line[metric.name] = metric.value;
  const std::string text = line.dump(-1, ' ', false, json::error_handler_t::replace);
  if (kept_.contains(text)) return absl::OkStatus();
  return file_->Append(text + "\n");
}

std::optional<double> MetricsWriter::Kept(absl::string_view name) const {
  for (const std::string& line : kept_) {
    const json object = json::parse(line, nullptr, /*allow_exceptions=*/false);
    const auto value = object.find(std::string(name));
    if (value != object.end() && value->is_number()) return value->get<double>();
  }
  return std::nullopt;
}

}  // namespace tatami
