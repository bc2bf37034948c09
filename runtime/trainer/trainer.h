// The training loop: steps, schedule, metrics, evaluation, checkpoints, resume.
//
// Every rank runs one; rank 0 alone writes files and speaks to the user. What is
// computed depends on the Programs, the data and the seed, never on the number of
// ranks.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/program.h"
#include "runtime/emulator/emulator.h"
#include "runtime/ingest/clip_dataset.h"
#include "runtime/storage.h"
#include "runtime/trainer/schedule.h"
#include "runtime/transport.h"

namespace tatami {

struct TrainerOptions {
  std::string model;
  std::string run_dir;  // empty: nothing is written
  int64_t steps = 0;    // in all, also of a resumed run
  int64_t batch = 1;
  int64_t evaluation_batch = 0;  // of the Program that measures; 0: as `batch`
  uint64_t seed = 1;
  Schedule schedule;
  int64_t checkpoint_every = 100;  // steps; 0: only at the end
  int64_t evaluate_every = 0;      // steps; 0: only at the end
  bool resume = false;
  bool overwrite = false;  // removes the checkpoints of an earlier run in run_dir
  EmulatorOptions emulator;
};

// What `tatami train --json` prints; figures on rank 0 only.
struct TrainSummary {
  int64_t steps = 0;
  double loss = 0;                          // of the last step
  std::map<std::string, double> metrics;    // on held-out data
  std::map<std::string, double> baselines;  // the same without a network
  std::string weights_hash;  // of all states after the last step, as in a checkpoint
  double samples_per_s = 0;
  double data_wait_share = 0;
  StepTimes times;
};

// Trains `train` and measures with `evaluate` (the same weights, no update). The
// outputs that it reads are those of models/drivenet.h. Errors: E0404 when the data is
// too small, E0501 when the loss or a state to be kept is not finite, E0101 when
// run_dir holds another run, E0601, E0602, E0603, E0701, E0702. A checkpoint that
// cannot be written is a warning: training goes on and the last good one stays; that of
// the last step is an error.
absl::StatusOr<TrainSummary> Train(std::shared_ptr<const Program> train,
                                   std::shared_ptr<const Program> evaluate,
                                   const ClipDataset& data, Transport& transport,
                                   Storage& storage, const TrainerOptions& options);

}  // namespace tatami
