// Where a run begins: from the seed, a checkpoint or a snapshot of its last step.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "runtime/emulator/emulator.h"
#include "runtime/recovery/step_snapshots.h"
#include "runtime/storage.h"
#include "runtime/trainer/trainer.h"
#include "runtime/transport.h"

namespace tatami {

struct StartPoint {
  int64_t step = 0;  // steps done
  StartSource source = StartSource::kSeed;
  int64_t checkpoint_step = 0;       // of the newest good checkpoint; 0: there is none
  int64_t incarnation = 1;           // 1 unless there was a start before
  std::vector<std::string> remarks;  // for the user
};

// Snapshots of the states of the emulator's nodes, in options.snapshot_dir; before_mark
// as in SnapshotOptions. Collective.
absl::StatusOr<std::unique_ptr<StepSnapshots>> MakeSnapshots(
    Emulator& emulator, Transport& transport, Storage& storage,
    const TrainerOptions& options,
    std::function<void(absl::Span<std::byte> image)> before_mark);

// Writes all states of the emulator: those after the newest step that a good checkpoint
// or a whole snapshot holds where options.start resumes, else those of the seed.
// `snapshots` may be null. All ranks start alike, or none. Collective. Errors: E0101
// when the folder holds another run or lies ahead of options.steps, E0601, E0602,
// E0701, E0702.
absl::StatusOr<StartPoint> LoadStates(Emulator& emulator, Transport& transport,
                                      Storage& storage, StepSnapshots* snapshots,
                                      const TrainerOptions& options);

}  // namespace tatami
