// Groups of processes that take training steps together when told to: ours under
// mpirun, and PyTorch's. A group that waits uses no processor time, so several can take
// turns.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "tools/bench/line_process.h"
#include "tools/bench/scaling_record.h"
#include "tools/bench/scratch_folder.h"

namespace tatami {

// What some steps took: by the clock, and where the time went, as far as is known.
struct StepsTime {
  double seconds = 0;
  std::optional<StepParts> parts;
};

class StepGroup {
 public:
  virtual ~StepGroup() = default;
  virtual absl::StatusOr<StepsTime> RunSteps(int steps) = 0;
};

// Starts `words`, the command that serves steps (scaling_rank.h) on `ranks` ranks and
// reads its requests in `folder`. Returns when all are ready. Error: E0603.
absl::StatusOr<std::unique_ptr<StepGroup>> StartOurGroup(
    int ranks, std::vector<std::string> words, std::unique_ptr<ScratchFolder> folder);

// Starts pytorch_ddp.py in `processes` processes; `batch` samples in each. The memory
// format is the one that was faster in a first trial. Error: E0603.
absl::StatusOr<std::unique_ptr<StepGroup>> StartPytorchGroup(const std::string& model,
                                                             int64_t batch, int threads,
                                                             int processes);

}  // namespace tatami
