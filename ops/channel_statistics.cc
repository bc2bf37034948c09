// The ops `channel_mean` and `channel_variance`: statistics of a whole batch. Each part
// of a cut call divides by the count of the whole, so the parts add up.
#include "core/status_macros.h"
#include "ops/batch_norm.h"
#include "ops/channel_shape.h"
#include "ops/kernels/channel_loops.h"

namespace tatami {
namespace {

using Types = absl::Span<const TensorType>;

absl::StatusOr<TensorType> InferMean(const Attrs&, Types in) {
  TATAMI_RETURN_IF_ERROR(CheckChannelOperands("channel_mean", in, 1, {}, {}));
  return TensorType{DType::kF32, {in[0].dim(-1)}};
}

absl::StatusOr<TensorType> InferVariance(const Attrs&, Types in) {
  TATAMI_RETURN_IF_ERROR(CheckChannelOperands("channel_variance", in, 2, {1}, {}));
  return in[1];
}

IndexRule StatisticsRule(const OpCall& call) {
  const TensorType& x = call.in[0];
  IndexRule rule = ChannelRule(x, FactorKind::kReduce, FactorKind::kParallel);
  rule.inputs = {ChannelOperand(x)};
  if (call.in.size() == 2) rule.inputs.push_back(ChannelVector(x));
  rule.output = ChannelVector(x);
  return rule;
}

OpCost MeanCost(const OpCall&, const Box& factors) {
  if (IsEmpty(factors)) return {};
  return {.vector_flops = NumElements(factors) + factors.back().size()};
}

OpCost VarianceCost(const OpCall&, const Box& factors) {
  if (IsEmpty(factors)) return {};
  return {.vector_flops = 3 * NumElements(factors) + factors.back().size()};
}

template <typename T>
T ReciprocalCount(const LocalCall& at) {
  return T(1.0 / static_cast<double>(Positions(at.call->in[0])));
}

struct MeanReference {
  template <typename T>
  static void Run(const LocalCall& at, In<T> in, const View<T>& mean) {
    ForEachPoint(mean.box(), [&](absl::Span<const int64_t> c) {
      Box column = at.in[0];
      column.back() = {c[0], c[0] + 1};
      T sum{};
      ForEachPoint(column, [&](absl::Span<const int64_t> i) { sum += in[0].at(i); });
      mean.at(c) = sum * ReciprocalCount<T>(at);
    });
  }
};

struct VarianceReference {
  template <typename T>
  static void Run(const LocalCall& at, In<T> in, const View<T>& variance) {
    ForEachPoint(variance.box(), [&](absl::Span<const int64_t> c) {
      Box column = at.in[0];
      column.back() = {c[0], c[0] + 1};
      T sum{};
      ForEachPoint(column, [&](absl::Span<const int64_t> i) {
        const T d = in[0].at(i) - in[1].at(c);
        sum += d * d;
      });
      variance.at(c) = sum * ReciprocalCount<T>(at);
    });
  }
};

constexpr Kernel kMeanKernels[] = {
    {"loops", ChannelLoopsSupport, nullptr,
     [](const LocalCall&) -> absl::StatusOr<std::shared_ptr<PreparedKernel>> {
       return MakeSimpleKernel(RunChannelMean);
     }}};
constexpr Kernel kVarianceKernels[] = {
    {"loops", ChannelLoopsSupport, nullptr,
     [](const LocalCall&) -> absl::StatusOr<std::shared_ptr<PreparedKernel>> {
       return MakeSimpleKernel(RunChannelVariance);
     }}};

// At most 50 positions: see the error bound of channel_variance.
std::vector<OpSample> MeanSamples() {
  return {{"nhwc", {{DType::kF32, {2, 3, 5, 4}}}, {}},
          {"nthwc", {{DType::kF32, {1, 3, 4, 2, 3}}}, {}},
          {"rows", {{DType::kF32, {7, 19}}}, {}},
          {"one_position", {{DType::kF32, {1, 5}}}, {}},
          {"bf16", {{DType::kBF16, {2, 5, 4}}}, {}}};
}

std::vector<OpSample> VarianceSamples() {
  std::vector<OpSample> samples = MeanSamples();
  for (OpSample& sample : samples) {
    sample.in.push_back({DType::kF32, {sample.in[0].dim(-1)}});
  }
  return samples;
}

constexpr absl::string_view kNoGradient =
    "statistics serve batch_norm, whose gradient by x accounts for them";

}  // namespace

Value ChannelMean(GraphBuilder& g, Value x) { return g.Call(ChannelMeanOp(), {x}); }
Value ChannelVariance(GraphBuilder& g, Value x, Value mean) {
  return g.Call(ChannelVarianceOp(), {x, mean});
}

const OpDef& ChannelMeanOp() {
  static const OpDef kOp = {
      .name = "channel_mean",
      .summary = "the mean over all but the last dim",
      .infer = InferMean,
      .rule = StatisticsRule,
      .cost = MeanCost,
      .gradient = Gradient::None(kNoGradient),
      .reference = Reference::Of<MeanReference>(),
      .kernels = absl::MakeConstSpan(kMeanKernels),
      .error = ErrorModel{ErrorModel::kSumOfProducts},
      .may_overwrite = kNoAlias,
      .absorb = nullptr,
      .narrow = Operands::Of({0}),
      .samples = MeanSamples,
  };
  return kOp;
}

const OpDef& ChannelVarianceOp() {
  static const OpDef kOp = {
      .name = "channel_variance",
      .summary = "the mean over all but the last dim of (x - mean)^2",
      .infer = InferVariance,
      .rule = StatisticsRule,
      .cost = VarianceCost,
      .gradient = Gradient::None(kNoGradient),
      .reference = Reference::Of<VarianceReference>(),
      .kernels = absl::MakeConstSpan(kVarianceKernels),
      // A sum of n non-negative terms, each off by 3 roundings, scaled by a number off
      // by one: relative error (n + 5) / 2 units, for the n <= 50 of the samples.
      .error = ErrorModel{ErrorModel::kUlps, 28},
      .may_overwrite = kNoAlias,
      .absorb = nullptr,
      .narrow = Operands::Of({0}),
      .samples = VarianceSamples,
  };
  return kOp;
}

}  // namespace tatami
