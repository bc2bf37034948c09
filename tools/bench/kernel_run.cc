#include "tools/bench/kernel_run.h"

#include <algorithm>
#include <chrono>

#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "core/program.h"
#include "core/random.h"
#include "core/status_macros.h"

namespace tatami {
namespace {

int64_t BytesOf(const TensorType& type, const Box& box) {
  return NumElements(box) * ByteSize(type.dtype);
}

int64_t Aligned(int64_t bytes) {
  return (bytes + kSramAlignment - 1) / kSramAlignment * kSramAlignment;
}

void Draw(DType dtype, uint64_t stream, int64_t n, std::byte* to) {
  std::vector<float> values(n);
  if (dtype != DType::kI32) {
    for (int64_t i = 0; i < n; ++i) {
      values[i] = static_cast<float>(2 * RandomUniform(/*seed=*/1, stream, i) - 1);
    }
  }
  StoreFromFloat(dtype, values.data(), n, to);
}

absl::Status CheckHasKernel(const LocalCall& at) {
  for (const Kernel& kernel : *at.call->op->kernels) {
    if (kernel.supports(at).ok()) return absl::OkStatus();
  }
  return MakeError(ErrorCode::kBadGraph,
                   absl::StrCat(*at.call->op->name, " of ", at.call->out.ToString(),
                                " has only its reference"));
}

}  // namespace

absl::StatusOr<KernelRun> KernelRun::Create(const LocalCall& at) {
  TATAMI_RETURN_IF_ERROR(CheckHasKernel(at));
  KernelCache cache;
  TATAMI_ASSIGN_OR_RETURN(auto kernel, ChooseKernel(at, cache));
  std::vector<int64_t> begins;
  int64_t end = 0;
  for (size_t i = 0; i < at.in.size(); ++i) {
    begins.push_back(end);
    end += Aligned(BytesOf(at.call->in[i], at.in[i]));
  }
  TATAMI_ASSIGN_OR_RETURN(
      SramArena arena, SramArena::Create(end + Aligned(BytesOf(at.call->out, at.out))));
  KernelRun run(at, std::move(kernel), std::move(arena));
  for (size_t i = 0; i < at.in.size(); ++i) {
    Draw(at.call->in[i].dtype, i, NumElements(at.in[i]), run.arena_.at(begins[i]));
    run.in_.push_back(run.arena_.at(begins[i]));
  }
  run.begins_ = std::move(begins);
  run.out_ = run.arena_.at(end);
  return run;
}

absl::Span<const std::byte> KernelRun::output() const {
  return {out_, static_cast<size_t>(BytesOf(at_.call->out, at_.out))};
}

double KernelRun::SecondsPerCall(double seconds) const {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start = Clock::now();
  for (int64_t calls = 1;; ++calls) {
    Run();
    const double passed = std::chrono::duration<double>(Clock::now() - start).count();
    if (passed >= seconds) return passed / static_cast<double>(calls);
  }
}

}  // namespace tatami
