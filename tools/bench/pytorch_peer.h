// PyTorch in a process of its own, kept alive between runs, told over a pipe what to
// run.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace tatami {

struct RunTime {
  double seconds = 0;      // by the clock
  double cpu_seconds = 0;  // of the processor, all threads
};

class PytorchPeer {
 public:
  // Starts tools/bench/pytorch_step.py with `threads` threads. Error: E0603.
  static absl::StatusOr<std::unique_ptr<PytorchPeer>> Start(const std::string& model,
                                                            int64_t batch, int threads);
  ~PytorchPeer();
  PytorchPeer(const PytorchPeer&) = delete;
  PytorchPeer& operator=(const PytorchPeer&) = delete;

  // What `steps` training steps took. `format` is contiguous or channels_last.
  absl::StatusOr<RunTime> RunSteps(absl::string_view format, int steps);

 private:
  PytorchPeer(pid_t child, FILE* to, FILE* from)
      : child_(child), to_(to), from_(from) {}

  pid_t child_;
  FILE* to_;
  FILE* from_;
};

}  // namespace tatami
