#include "ops/fill.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "core/status_macros.h"

namespace tatami {
namespace {

absl::StatusOr<TensorType> InferFill(const Attrs& attrs,
                                     absl::Span<const TensorType> in) {
  if (!in.empty()) {
    return MakeError(ErrorCode::kBadGraph,
                     absl::StrCat("fill takes no operands; got ", in.size()));
  }
  TATAMI_ASSIGN_OR_RETURN(const DType dtype, ParseDType(attrs.String("dtype")));
  const auto& dims = attrs.Ints("dims");
  return TensorType{dtype, Dims(dims.begin(), dims.end())};
}

IndexRule FillRule(const OpCall& call) { return PointwiseRule({}, call.out); }

OpCost FillCost(const OpCall&, const Box&) { return {}; }

struct FillReference {
  template <typename T>
  static void Run(const LocalCall& at, In<T>, const View<T>& out) {
    const T value(at.call->attrs.Double("value"));
    ForEachPoint(out.box(), [&](absl::Span<const int64_t> o) { out.at(o) = value; });
  }
};

void RunFill(const LocalCall& at, absl::Span<const std::byte* const>, std::byte* out) {
  const auto value = static_cast<float>(at.call->attrs.Double("value"));
  const DType dtype = at.call->out.dtype;
  const int64_t n = NumElements(at.out);
  uint32_t stored = 0;
  StoreFromFloat(dtype, &value, 1, &stored);
  if (ByteSize(dtype) == 2) {
    std::fill_n(reinterpret_cast<uint16_t*>(out), n, static_cast<uint16_t>(stored));
  } else {
    std::fill_n(reinterpret_cast<uint32_t*>(out), n, stored);
  }
}

constexpr Kernel kFillKernels[] = {
    {"fill", [](const LocalCall&) { return absl::OkStatus(); }, nullptr,
     [](const LocalCall&) -> absl::StatusOr<std::shared_ptr<PreparedKernel>> {
       return MakeSimpleKernel(RunFill);
     }}};

std::vector<OpSample> FillSamples() {
  const auto sample = [](std::string name, std::vector<int64_t> dims, std::string dtype,
                         double value) {
    return OpSample{
        std::move(name),
        {},
        Attrs{
            {"dims", std::move(dims)}, {"dtype", std::move(dtype)}, {"value", value}}};
  };
  return {sample("matrix", {3, 5}, "f32", 0.3), sample("scalar", {}, "f32", -1),
          sample("bf16", {2, 2}, "bf16", 0.3), sample("i32", {7}, "i32", -4)};
}

}  // namespace

Value Fill(GraphBuilder& g, const TensorType& type, double value) {
  return g.Call(
      FillOp(), {},
      Attrs{{"dims", std::vector<int64_t>(type.dims.begin(), type.dims.end())},
            {"dtype", std::string(Name(type.dtype))},
            {"value", value}});
}

const OpDef& FillOp() {
  static const OpDef kOp = {
      .name = "fill",
      .summary = "a constant tensor",
      .infer = InferFill,
      .rule = FillRule,
      .cost = FillCost,
      .gradient = Gradient::None("it has no operands"),
      .reference = Reference::Of<FillReference>(),
      .kernels = absl::MakeConstSpan(kFillKernels),
      .error = ErrorModel{ErrorModel::kExact},
      .may_overwrite = kNoAlias,
      .absorb = nullptr,
      .narrow = Operands::All(),
      .samples = FillSamples,
  };
  return kOp;
}

}  // namespace tatami
