// The training loop: steps, schedule, metrics, evaluation, checkpoints, resume.
//
// Every rank runs one; rank 0 alone writes files and speaks to the user. What is
// computed depends on the Programs, the data and the seed, never on the number of
// ranks.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/program.h"
#include "runtime/emulator/emulator.h"
#include "runtime/ingest/clip_dataset.h"
#include "runtime/recovery/fault_injector.h"
#include "runtime/storage.h"
#include "runtime/trainer/schedule.h"
#include "runtime/transport.h"

namespace tatami {

enum class RunStart {
  kNew,          // refused where run_dir holds a run
  kOverwrite,    // removes the checkpoints of an earlier run in run_dir
  kResume,       // refused where there is nothing to resume
  kResumeIfAny,  // resumes where there is something, else as kNew
};

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
  RunStart start = RunStart::kNew;
  // Folder in shared memory, of this run alone, that keeps the states after each step
  // (runtime/recovery/step_snapshots.h) until the run ends; empty: none.
  std::string snapshot_dir;
  // Asked on rank 0 after each step; true ends the run there. May be null.
  std::function<bool()> stop_requested;
  // The run ends after the step in which this comes.
  absl::Time stop_at = absl::InfiniteFuture();
  std::vector<Fault> faults;  // put into the run on purpose
  EmulatorOptions emulator;
};

enum class StartSource { kSeed, kCheckpoint, kSnapshot };

// What `tatami train --json` prints and run_dir/summary.json holds; figures on rank 0
// only.
struct TrainSummary {
  int64_t steps = 0;        // done in all
  int64_t total_steps = 0;  // to do in all
  bool stopped = false;     // ended before total_steps, on request or by stop_at
  StartSource resumed = StartSource::kSeed;
  int64_t resumed_step = 0;                 // steps that were done before this start
  double loss = 0;                          // of the last step
  std::map<std::string, double> metrics;    // on held-out data
  std::map<std::string, double> baselines;  // the same without a network
  std::string weights_hash;  // of all states after the last step, as in a checkpoint
  double samples_per_s = 0;
  double data_wait_share = 0;
  double snapshot_s = 0;  // spent on keeping the states after each step
  StepTimes times;
};

// Trains `train` and measures with `evaluate` (the same weights, no update). The
// outputs that it reads are those of models/drivenet.h. Errors: E0404 when the data is
// too small, E0501 when the loss or a state to be kept is not finite, E0101 when
// run_dir holds another run, E0601, E0602, E0603, E0701, E0702. A checkpoint that
// cannot be written is a warning: training goes on and the last good one stays; that of
// the last step is an error. A run that is stopped writes a checkpoint and is no error.
absl::StatusOr<TrainSummary> Train(std::shared_ptr<const Program> train,
                                   std::shared_ptr<const Program> evaluate,
                                   const ClipDataset& data, Transport& transport,
                                   Storage& storage, const TrainerOptions& options);

}  // namespace tatami
