// Training steps of PyTorch, in a process of its own.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "compiler/passes/narrow_storage.h"
#include "tools/bench/line_process.h"

namespace tatami {

struct RunTime {
  double seconds = 0;      // by the clock
  double cpu_seconds = 0;  // of the processor, all threads
};

class PytorchPeer {
 public:
  // Starts tools/bench/pytorch_step.py with `threads` threads. Error: E0603.
  static absl::StatusOr<PytorchPeer> Start(const std::string& model, int64_t batch,
                                           int threads, Precision precision);

  // What `steps` training steps took. `format` is contiguous or channels_last.
  absl::StatusOr<RunTime> RunSteps(absl::string_view format, int steps);

 private:
  explicit PytorchPeer(std::unique_ptr<LineProcess> process)
      : process_(std::move(process)) {}

  std::unique_ptr<LineProcess> process_;
};

}  // namespace tatami
