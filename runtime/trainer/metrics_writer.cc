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
// run killed here loses nothing.
absl::Status KeepUpTo(const std::string& path, int64_t step) {
  std::ifstream in(path);
  if (!in) return absl::OkStatus();  // a run that had written no metrics
  const std::string kept_path = path + ".kept";
  std::ofstream kept(kept_path, std::ios::trunc);
  for (std::string line; std::getline(in, line);) {
    const auto line_step = StepOf(line);
    if (line_step && *line_step <= step) kept << line << "\n";
  }
  kept.close();
  if (!kept || std::rename(kept_path.c_str(), path.c_str()) != 0) {
    return MakeError(ErrorCode::kStorage,
                     absl::StrCat("cannot rewrite '", path, "' by way of '", kept_path,
                                  "'. Free space there or give --out another "
                                  "directory."));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<MetricsWriter>> MetricsWriter::Open(
    const std::string& path, const MetricsWriterOptions& options) {
  AppendMode mode = AppendMode::kReplace;
  if (options.resume_step) {
    TATAMI_RETURN_IF_ERROR(KeepUpTo(path, *options.resume_step));
    mode = AppendMode::kContinue;
  }
  TATAMI_ASSIGN_OR_RETURN(std::unique_ptr<AppendFile> file,
                          AppendFile::Open(path, mode));
  return absl::WrapUnique(new MetricsWriter(std::move(file)));
}

absl::Status MetricsWriter::Write(int64_t step, absl::Span<const Metric> metrics) {
  nlohmann::ordered_json line;
  line["step"] = step;
  // dump() prints non-finite numbers as null.
  for (const Metric& metric : metrics) line[metric.name] = metric.value;
  return file_->Append(line.dump(-1, ' ', false, json::error_handler_t::replace) +
                       "\n");
}

}  // namespace tatami
