// PyTorch's operator for one of our calls, run by tools/bench/pytorch_kernels.py.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/op_def.h"
#include "tools/bench/line_process.h"
#include "tools/bench/scratch_folder.h"

namespace tatami {

// One process for all calls; single-threaded. Its tensors come through files in a
// folder of its own, which goes away with it.
class PytorchOperators {
 public:
  // Error: E0603.
  static absl::StatusOr<std::unique_ptr<PytorchOperators>> Start();

  // What PyTorch made of a call on inputs that it drew. Storage bytes, in our order of
  // dims.
  struct Opened {
    std::string none;                  // why there is no operator; the rest is empty
    std::vector<std::string> formats;  // memory formats it can be timed in
    std::string differs;               // how its work differs from the kernel's
    std::vector<std::vector<std::byte>> in, out;  // `out` by format
    std::vector<float> magnitude;  // see kernel_agreement.h; may be empty
  };
  absl::StatusOr<Opened> Open(const LocalCall& at);
  // Of the call opened last; runs for at least `seconds`.
  absl::StatusOr<double> SecondsPerCall(size_t format, double seconds);

 private:
  PytorchOperators(std::unique_ptr<ScratchFolder> folder,
                   std::unique_ptr<LineProcess> process)
      : folder_(std::move(folder)), process_(std::move(process)) {}

  std::unique_ptr<ScratchFolder> folder_;
  std::unique_ptr<LineProcess> process_;
};

}  // namespace tatami
