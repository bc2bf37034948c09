// metrics.jsonl: one JSON object a line, {"step": N, name: value, ...}.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "runtime/trainer/append_file.h"

namespace tatami {

// One figure of a step, for metrics.jsonl and TensorBoard.
struct Metric {
  std::string name;  // as "train/loss"; not "step"
  double value = 0;
};

struct MetricsWriterOptions {
  // A resumed run gives the step it goes on from: lines up to and including it are
  // kept, later ones (which the run will write again) and a last line cut short are
  // dropped. A line of that step which is there already is not written twice. Without
  // it the file starts empty.
  std::optional<int64_t> resume_step;
};

// Thread-compatible. Failures are kStorage.
class MetricsWriter {
 public:
  static absl::StatusOr<std::unique_ptr<MetricsWriter>> Open(
      const std::string& path, const MetricsWriterOptions& options = {});
  MetricsWriter(const MetricsWriter&) = delete;
  MetricsWriter& operator=(const MetricsWriter&) = delete;

  // Appends one line and hands it to the system. Values are printed so that they read
  // back bit for bit; NaN and infinities, which JSON lacks, become null.
  absl::Status Write(int64_t step, absl::Span<const Metric> metrics);

  // What lines of the resumed step say of `name`; nullopt where none does.
  std::optional<double> Kept(absl::string_view name) const;

 private:
  MetricsWriter(std::unique_ptr<AppendFile> file, std::set<std::string> kept)
      : file_(std::move(file)), kept_(std::move(kept)) {}

  std::unique_ptr<AppendFile> file_;
  std::set<std::string> kept_;  // lines of the resumed step
};

}  // namespace tatami
