#include "core/op_def.h"

#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "core/status_macros.h"

namespace tatami {
namespace {

class SimpleKernel : public PreparedKernel {
 public:
  explicit SimpleKernel(KernelFn run) : run_(run) {}
  void Run(const LocalCall& at, absl::Span<const std::byte* const> in,
           std::byte* out) const override {
    run_(at, in, out);
  }

 private:
  KernelFn run_;
};

void RunReferenceF32(const LocalCall& at, absl::Span<const std::byte* const> in,
                     std::byte* out) {
  const OpCall& call = *at.call;
  std::vector<std::vector<float>> wide(in.size());
  std::vector<View<const float>> views;
  for (size_t i = 0; i < in.size(); ++i) {
    const int64_t n = NumElements(at.in[i]);
    wide[i].resize(n);
    LoadAsFloat(call.in[i].dtype, in[i], n, wide[i].data());
    views.emplace_back(wide[i].data(), at.in[i], call.in[i].dims);
  }
  std::vector<float> result(NumElements(at.out));
  (*call.op->reference)
      .f32(at, views, View<float>(result.data(), at.out, call.out.dims));
  StoreFromFloat(call.out.dtype, result.data(), result.size(), out);
}

class KernelOfWidened : public PreparedKernel {
 public:
  KernelOfWidened(const LocalCall& call, std::shared_ptr<PreparedKernel> kernel)
      : narrow_(call.call), wide_(*Widened(call)), kernel_(std::move(kernel)) {}

  void Run(const LocalCall&, absl::Span<const std::byte* const> in,
           std::byte* out) const override {
    std::vector<Floats> scratch;
    std::vector<const std::byte*> wide(in.begin(), in.end());
    for (size_t i = 0; i < in.size(); ++i) {
      if (narrow_->in[i].dtype != DType::kBF16) continue;
      const int64_t n = NumElements(wide_.in[i]);
      scratch.push_back(std::make_unique_for_overwrite<float[]>(n));
      LoadAsFloat(DType::kBF16, in[i], n, scratch.back().get());
      wide[i] = reinterpret_cast<const std::byte*>(scratch.back().get());
    }
    if (narrow_->out.dtype != DType::kBF16) return kernel_->Run(wide_, wide, out);
    const int64_t n = NumElements(wide_.out);
    const Floats result = std::make_unique_for_overwrite<float[]>(n);
    kernel_->Run(wide_, wide, reinterpret_cast<std::byte*>(result.get()));
    StoreFromFloat(DType::kBF16, result.get(), n, out);
  }

 private:
  using Floats = std::unique_ptr<float[]>;
  std::shared_ptr<const OpCall> narrow_;
  LocalCall wide_;
  std::shared_ptr<PreparedKernel> kernel_;
};

// The first kernel that supports the call; null when none does.
absl::StatusOr<std::shared_ptr<PreparedKernel>> FirstThatSupports(const LocalCall& call,
                                                                  KernelCache& cache) {
  for (const Kernel& kernel : *call.call->op->kernels) {
    if (!kernel.supports(call).ok()) continue;
    if (kernel.key == nullptr) return kernel.prepare(call);
    auto& shared = cache[absl::StrCat(kernel.name, "|", kernel.key(call))];
    if (shared == nullptr) {
      TATAMI_ASSIGN_OR_RETURN(shared, kernel.prepare(call));
    }
    return shared;
  }
  return nullptr;
}

}  // namespace

LocalCall MakeLocalCall(std::shared_ptr<const OpCall> call, const IndexRule& rule,
                        const Box& factors) {
  LocalCall local{.call = std::move(call), .factors = factors};
  for (size_t i = 0; i < local.call->in.size(); ++i) {
    local.in.push_back(OperandBox(rule.inputs[i], factors, local.call->in[i].dims));
  }
  local.out = OperandBox(rule.output, factors, local.call->out.dims);
  return local;
}

std::shared_ptr<PreparedKernel> MakeSimpleKernel(KernelFn run) {
  return std::make_shared<SimpleKernel>(run);
}

std::shared_ptr<PreparedKernel> ReferenceKernel() {
  return MakeSimpleKernel(RunReferenceF32);
}

std::string ShapeKey(const LocalCall& call) {
  std::string key =
      absl::StrCat(*call.call->op->name, "|", call.call->attrs.ToString());
  const auto add = [&key](const Box& box, DType dtype) {
    absl::StrAppend(&key, "|", Name(dtype));
    for (const Interval& i : box) absl::StrAppend(&key, ",", i.size());
  };
  for (size_t i = 0; i < call.in.size(); ++i) add(call.in[i], call.call->in[i].dtype);
  add(call.out, call.call->out.dtype);
  return key;
}

std::optional<LocalCall> Widened(const LocalCall& call) {
  auto wide = std::make_shared<OpCall>(*call.call);
  const auto widen = [](TensorType& type) {
    const bool narrow = type.dtype == DType::kBF16;
    if (narrow) type.dtype = DType::kF32;
    return narrow;
  };
  bool any = widen(wide->out);
  for (TensorType& type : wide->in) any |= widen(type);
  if (!any) return std::nullopt;
  LocalCall out = call;
  out.call = std::move(wide);
  return out;
}

std::shared_ptr<PreparedKernel> WideningKernel(const LocalCall& call,
                                               std::shared_ptr<PreparedKernel> kernel) {
  return std::make_shared<KernelOfWidened>(call, std::move(kernel));
}

absl::StatusOr<std::shared_ptr<PreparedKernel>> ChooseKernel(const LocalCall& call,
                                                             KernelCache& cache) {
  TATAMI_ASSIGN_OR_RETURN(std::shared_ptr<PreparedKernel> kernel,
                          FirstThatSupports(call, cache));
  if (kernel != nullptr) return kernel;
  if (const std::optional<LocalCall> wide = Widened(call)) {
    TATAMI_ASSIGN_OR_RETURN(kernel, FirstThatSupports(*wide, cache));
    if (kernel != nullptr) return WideningKernel(call, std::move(kernel));
  }
  return ReferenceKernel();
}

}  // namespace tatami
