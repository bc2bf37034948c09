// Measures weights on held-out clips.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "runtime/emulator/emulator.h"
#include "runtime/ingest/clip_dataset.h"

namespace tatami {

// Feeds frames, mask and labels; an input that the program lacks is passed over.
absl::Status FeedBatch(Emulator& emulator, const ClipBatch& batch);

struct EvaluationResult {
  std::map<std::string, double> metrics;    // rank 0 only
  std::map<std::string, double> baselines;  // rank 0 only
  absl::Status strip_written;               // a full disk costs the picture only
};

// Copies the states of `from` that `to` has too. Collective.
absl::Status CopyStates(Emulator& from, Emulator& to, Transport& transport);

// Runs `emulator` over all held-out clips, `batch` at a time. With a non-empty
// `strip_path` the first clip's reconstruction is drawn there by rank 0. Collective.
absl::StatusOr<EvaluationResult> Evaluate(Emulator& emulator, const ClipDataset& data,
                                          int64_t batch, Transport& transport,
                                          const std::string& strip_path);

}  // namespace tatami
