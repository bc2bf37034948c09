// One of our kernels with operands of its own, to be called again and again.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/op_def.h"
#include "runtime/emulator/sram_arena.h"

namespace tatami {

class KernelRun {
 public:
  // The fastest kernel for the call, its operands where a node would have them; inputs
  // are uniform in [-1, 1), i32 ones 0. E0107 when the op has only its reference, which
  // nobody should time.
  static absl::StatusOr<KernelRun> Create(const LocalCall& at);

  // The bytes of input `i`, dense row-major of its box, to be written over.
  std::byte* input(size_t i) { return arena_.at(begins_[i]); }
  absl::Span<const std::byte> output() const;
  void Run() const { kernel_->Run(at_, in_, out_); }
  // Runs for at least so long; the time of one call.
  double SecondsPerCall(double seconds) const;

 private:
  KernelRun(LocalCall at, std::shared_ptr<PreparedKernel> kernel, SramArena arena)
      : at_(std::move(at)), kernel_(std::move(kernel)), arena_(std::move(arena)) {}

  LocalCall at_;
  std::shared_ptr<PreparedKernel> kernel_;
  SramArena arena_;
  std::vector<int64_t> begins_;  // of the inputs in the arena
  std::vector<const std::byte*> in_;
  std::byte* out_ = nullptr;
};

}  // namespace tatami
