// The ops `batch_norm_grad_sums` and `batch_norm_input_grad`.
#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "core/status_macros.h"
#include "ops/batch_norm.h"
#include "ops/batch_norm_samples.h"
#include "ops/channel_shape.h"
#include "ops/kernels/channel_loops.h"

namespace tatami {
namespace {

using Types = absl::Span<const TensorType>;

absl::Status NeedEpsilon(const Attrs& attrs) {
  if (attrs.Has("epsilon")) return absl::OkStatus();
  return MakeError(ErrorCode::kBadGraph, "batch norm needs the attribute epsilon");
}

// x, mean, variance, dy -> f32[2,C]
absl::StatusOr<TensorType> InferSums(const Attrs& attrs, Types in) {
  TATAMI_RETURN_IF_ERROR(NeedEpsilon(attrs));
  TATAMI_RETURN_IF_ERROR(
      CheckChannelOperands("batch_norm_grad_sums", in, 4, {1, 2}, {3}));
  return TensorType{DType::kF32, {2, in[0].dim(-1)}};
}

// x, mean, variance, gamma, sums, dy -> dx
absl::StatusOr<TensorType> InferInputGrad(const Attrs& attrs, Types in) {
  TATAMI_RETURN_IF_ERROR(NeedEpsilon(attrs));
  TATAMI_RETURN_IF_ERROR(
      CheckChannelOperands("batch_norm_input_grad", in, 6, {1, 2, 3}, {5}));
  if (in[4] != TensorType{DType::kF32, {2, in[0].dim(-1)}}) {
    return MakeError(ErrorCode::kBadGraph,
                     absl::StrCat("batch_norm_input_grad needs sums f32[2,C], not ",
                                  in[4].ToString()));
  }
  return in[0];
}

IndexRule SumsRule(const OpCall& call) {
  const TensorType& x = call.in[0];
  IndexRule rule = ChannelRule(x, FactorKind::kReduce, FactorKind::kParallel);
  const int s = static_cast<int>(rule.factors.size());
  rule.factors.push_back({"s", 2, FactorKind::kWhole});
  const OperandRule vector = ChannelVector(x);
  rule.inputs = {ChannelOperand(x), vector, vector, ChannelOperand(x)};
  rule.output = {{s, {}}, vector[0]};
  return rule;
}

IndexRule InputGradRule(const OpCall& call) {
  const TensorType& x = call.in[0];
  IndexRule rule = ChannelRule(x, FactorKind::kParallel, FactorKind::kParallel);
  const OperandRule vector = ChannelVector(x);
  rule.inputs = {ChannelOperand(x), vector,           vector, vector,
                 {{}, vector[0]},   ChannelOperand(x)};
  rule.output = ChannelOperand(x);
  return rule;
}

// Per element two additions, a difference and a product; per channel the deviation (3)
// and a product. The factor s is no loop.
OpCost SumsCost(const OpCall& call, const Box& factors) {
  if (IsEmpty(factors)) return {};
  const int64_t channels = factors[call.in[0].rank() - 1].size();
  return {.vector_flops = 4 * (NumElements(factors) / 2) + 4 * channels};
}

OpCost InputGradCost(const OpCall&, const Box& factors) {
  if (IsEmpty(factors)) return {};
  return {.vector_flops = 5 * NumElements(factors) + 7 * factors.back().size()};
}

template <typename T>
T ReciprocalDeviation(const LocalCall& at, const View<const T>& variance, int64_t c) {
  return T(1.0) / Sqrt(variance(c) + T(at.call->attrs.Double("epsilon")));
}

struct SumsReference {
  template <typename T>
  static void Run(const LocalCall& at, In<T> in, const View<T>& sums) {
    const Interval channels = sums.box()[1];
    for (int64_t c = channels.begin; c < channels.end; ++c) {
      Box column = at.in[0];
      column.back() = {c, c + 1};
      T sum{}, product{};
      ForEachPoint(column, [&](absl::Span<const int64_t> i) {
        sum += in[3].at(i);
        product += in[3].at(i) * (in[0].at(i) - in[1](c));
      });
      sums(0, c) = sum;
      sums(1, c) = product * ReciprocalDeviation(at, in[2], c);
    }
  }
};

struct InputGradReference {
  template <typename T>
  static void Run(const LocalCall& at, In<T> in, const View<T>& dx) {
    const Interval channels = dx.box().back();
    const T scale = T(1.0 / static_cast<double>(Positions(at.call->in[0])));
    for (int64_t c = channels.begin; c < channels.end; ++c) {
      const T r = ReciprocalDeviation(at, in[2], c);
      const T a = in[3](c) * r, b = in[4](0, c) * scale, k = in[4](1, c) * r * scale;
      Box column = dx.box();
      column.back() = {c, c + 1};
      ForEachPoint(column, [&](absl::Span<const int64_t> i) {
        dx.at(i) = a * (in[5].at(i) - b - (in[0].at(i) - in[1](c)) * k);
      });
    }
  }
};

constexpr Kernel kSumsKernels[] = {
    {"loops", ChannelLoopsSupport, nullptr,
     [](const LocalCall&) -> absl::StatusOr<std::shared_ptr<PreparedKernel>> {
       return MakeSimpleKernel(RunBatchNormGradSums);
     }}};
constexpr Kernel kInputGradKernels[] = {
    {"loops", ChannelLoopsSupport, nullptr,
     [](const LocalCall&) -> absl::StatusOr<std::shared_ptr<PreparedKernel>> {
       return MakeSimpleKernel(RunBatchNormInputGrad);
     }}};

constexpr absl::string_view kNoGradient =
    "a part of batch_norm's gradient; second derivatives are not offered";

}  // namespace

Value BatchNormGradSums(GraphBuilder& g, Value x, Value mean, Value variance, Value dy,
                        double epsilon) {
  return g.Call(BatchNormGradSumsOp(), {x, mean, variance, dy},
                Attrs{{"epsilon", epsilon}});
}

Value BatchNormInputGrad(GraphBuilder& g, Value x, Value mean, Value variance,
                         Value gamma, Value sums, Value dy, double epsilon) {
  return g.Call(BatchNormInputGradOp(), {x, mean, variance, gamma, sums, dy},
                Attrs{{"epsilon", epsilon}});
}

const OpDef& BatchNormGradSumsOp() {
  static const OpDef kOp = {
      .name = "batch_norm_grad_sums",
      .summary = "sums over positions of dy and of dy * xhat",
      .infer = InferSums,
      .rule = SumsRule,
      .cost = SumsCost,
      .gradient = Gradient::None(kNoGradient),
      .reference = Reference::Of<SumsReference>(),
      .kernels = absl::MakeConstSpan(kSumsKernels),
      // n terms |dy xhat|, off by n + 6 roundings together. With the statistics of x,
      // sum |dy xhat| <= sqrt(sum dy^2) sqrt(sum xhat^2) <= n max|dy| (Cauchy-Schwarz):
      // n (n + 6) / 2 units, for the n <= 24 of the samples.
      .error = ErrorModel{ErrorModel::kUlps, 360},
      .may_overwrite = kNoAlias,
      .absorb = nullptr,
      .narrow = Operands::Of({0, 3}),
      .samples = BatchNormGradSumsSamples,
  };
  return kOp;
}

const OpDef& BatchNormInputGradOp() {
  static const OpDef kOp = {
      .name = "batch_norm_input_grad",
      .summary = "gradient of batch_norm by x, through the statistics as well",
      .infer = InferInputGrad,
      .rule = InputGradRule,
      .cost = InputGradCost,
      .gradient = Gradient::None(kNoGradient),
      .reference = Reference::Of<InputGradReference>(),
      .kernels = absl::MakeConstSpan(kInputGradKernels),
      // The samples have variance >= 1/4 and other inputs within [-1,1], n >= 5
      // positions: |a| <= 2, |dy| + |b| + |(x - mean) k| <= 1 + 1/5 + 4/5 = 2, at most
      // 14 roundings on any term: 14 * 4 half units of 1, and the largest input exceeds
      // 1/2.
      .error = ErrorModel{ErrorModel::kUlps, 56},
      .may_overwrite = 5,
      .absorb = nullptr,
      .narrow = Operands::Of({0, 5}),
      .samples = BatchNormInputGradSamples,
  };
  return kOp;
}

}  // namespace tatami
