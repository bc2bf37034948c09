#include "runtime/trainer/summary_file.h"

#include <nlohmann/json.hpp>

#include "core/status_macros.h"

namespace tatami {
namespace {

constexpr char kName[] = "/summary.json";

const char* NameOf(StartSource source) {
  switch (source) {
    case StartSource::kSeed:
      return "no";
    case StartSource::kCheckpoint:
      return "checkpoint";
    case StartSource::kSnapshot:
      return "snapshot";
  }
  return "";
}

}  // namespace

std::string SummaryJson(const TrainSummary& summary) {
  const nlohmann::ordered_json object = {{"steps", summary.steps},
                                         {"total_steps", summary.total_steps},
                                         {"stopped", summary.stopped},
                                         {"resumed", NameOf(summary.resumed)},
                                         {"resumed_step", summary.resumed_step},
                                         {"loss", summary.loss},
                                         {"metrics", summary.metrics},
                                         {"baselines", summary.baselines},
                                         {"weights_hash", summary.weights_hash},
                                         {"samples_per_s", summary.samples_per_s},
                                         {"data_wait_share", summary.data_wait_share},
                                         {"snapshot_s", summary.snapshot_s},
                                         {"exchange_s", summary.times.exchange_s},
                                         {"wait_s", summary.times.wait_s},
                                         {"compute_s", summary.times.compute_s}};
  return object.dump();
}

absl::Status WriteSummaryFile(Storage& storage, const std::string& run_dir,
                              const TrainSummary& summary) {
  const std::string text = SummaryJson(summary) + "\n";
  const Bytes bytes = AsBytes(text);
  TATAMI_RETURN_IF_ERROR(
      ReplaceFile(storage, run_dir + kName, absl::MakeConstSpan(&bytes, 1)));
  return storage.Sync(run_dir);
}

absl::Status RemoveSummaryFile(Storage& storage, const std::string& run_dir) {
  return storage.Remove(run_dir + kName);
}

}  // namespace tatami
