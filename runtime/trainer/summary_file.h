// summary.json: what a run came to, for whoever started it.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "runtime/storage.h"
#include "runtime/trainer/trainer.h"

namespace tatami {

// One JSON object, the fields of the summary by their names:
// {"steps", "total_steps", "stopped", "resumed", "resumed_step", "loss", "metrics",
// "baselines", "weights_hash", "samples_per_s", "data_wait_share", "snapshot_s",
// "exchange_s", "wait_s", "compute_s"}. "resumed" is "no", "checkpoint" or "snapshot".
std::string SummaryJson(const TrainSummary& summary);

// Writes RUN_DIR/summary.json: at every moment there is none, or a whole one. kStorage.
absl::Status WriteSummaryFile(Storage& storage, const std::string& run_dir,
                              const TrainSummary& summary);
// Removes that of an earlier start: while a run goes on there is none.
absl::Status RemoveSummaryFile(Storage& storage, const std::string& run_dir);

}  // namespace tatami
