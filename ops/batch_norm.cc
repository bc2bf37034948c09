// The op `batch_norm`; its gradient's ops are in batch_norm_grads.cc, the statistics in
// channel_statistics.cc.
#include "ops/batch_norm.h"

#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "core/status_macros.h"
#include "ops/activation.h"
#include "ops/arithmetic.h"
#include "ops/batch_norm_samples.h"
#include "ops/cast.h"
#include "ops/channel_shape.h"
#include "ops/kernels/channel_loops.h"

namespace tatami {
namespace {

using Types = absl::Span<const TensorType>;

bool HasRelu(const Attrs& attrs) { return attrs.String("activation") == "relu"; }

absl::StatusOr<TensorType> InferBatchNorm(const Attrs& attrs, Types in) {
  TATAMI_RETURN_IF_ERROR(CheckChannelOperands("batch_norm", in, 5, {1, 2, 3, 4}, {}));
  const bool known =
      attrs.Has("epsilon") && attrs.Has("activation") &&
      (attrs.String("activation") == "" || HasRelu(attrs)) && attrs.Has("statistics") &&
      (attrs.String("statistics") == "batch" || attrs.String("statistics") == "given");
  if (!known) {
    return MakeError(ErrorCode::kBadGraph,
                     absl::StrCat("batch_norm needs epsilon, the activation \"\" or "
                                  "\"relu\" and the statistics \"batch\" or \"given\"; "
                                  "got ",
                                  attrs.ToString()));
  }
  return in[0];
}

IndexRule BatchNormRule(const OpCall& call) {
  const TensorType& x = call.in[0];
  IndexRule rule = ChannelRule(x, FactorKind::kParallel, FactorKind::kParallel);
  const OperandRule vector = ChannelVector(x);
  rule.inputs = {ChannelOperand(x), vector, vector, vector, vector};
  rule.output = ChannelOperand(x);
  return rule;
}

// Per channel gamma / sqrt(variance + epsilon); per element three, four with relu.
OpCost BatchNormCost(const OpCall& call, const Box& factors) {
  if (IsEmpty(factors)) return {};
  return {.vector_flops = (HasRelu(call.attrs) ? 4 : 3) * NumElements(factors) +
                          3 * factors.back().size()};
}

std::vector<Value> BatchNormGradient(GraphBuilder& g, const CallSite& site, Value dy) {
  const Value x = site.in[0], mean = site.in[1], variance = site.in[2],
              gamma = site.in[3];
  const double epsilon = site.attrs.Double("epsilon");
  if (HasRelu(site.attrs)) dy = ReluGrad(g, site.out, dy);
  const Value sums = BatchNormGradSums(g, x, mean, variance, dy, epsilon);
  const Value d_beta = ChannelRow(g, sums, 0), d_gamma = ChannelRow(g, sums, 1);
  if (site.attrs.String("statistics") == "batch") {
    return {BatchNormInputGrad(g, x, mean, variance, gamma, sums, dy, epsilon),
            {},
            {},
            d_gamma,
            d_beta};
  }
  // With r = 1 / sqrt(variance + epsilon): dy/dx = gamma r = -dy/dmean, and
  // dy/dvariance = -gamma r^2 xhat / 2.
  const Value r = Rsqrt(g, Affine(g, variance, 1, epsilon));
  const Value slope = Mul(g, gamma, r);
  const Value d_variance = Affine(g, Mul(g, Mul(g, slope, r), d_gamma), -0.5, 0);
  return {Mul(g, dy, Cast(g, slope, g.type(dy).dtype)), Neg(g, Mul(g, slope, d_beta)),
          d_variance, d_gamma, d_beta};
}

struct BatchNormReference {
  template <typename T>
  static void Run(const LocalCall& at, In<T> in, const View<T>& y) {
    const T epsilon = at.call->attrs.Double("epsilon");
    const bool relu = HasRelu(at.call->attrs);
    const Interval channels = y.box().back();
    std::vector<T> scale(channels.size());
    for (int64_t c = channels.begin; c < channels.end; ++c) {
      scale[c - channels.begin] = in[3](c) / Sqrt(in[2](c) + epsilon);
    }
    ForEachPoint(y.box(), [&](absl::Span<const int64_t> i) {
      const int64_t c = i.back();
      const T v = (in[0].at(i) - in[1](c)) * scale[c - channels.begin] + in[4](c);
      y.at(i) = relu ? Max(v, T{}) : v;
    });
  }
};

// A relu that follows becomes a part of the normalisation.
std::optional<Attrs> BatchNormAbsorb(const OpCall& call, const OpCall& next) {
  if (*next.op->name != "relu" || HasRelu(call.attrs)) return std::nullopt;
  Attrs attrs = call.attrs;
  attrs.Set("activation", std::string("relu"));
  return attrs;
}

constexpr Kernel kKernels[] = {
    {"loops", ChannelLoopsSupport, nullptr,
     [](const LocalCall&) -> absl::StatusOr<std::shared_ptr<PreparedKernel>> {
       return MakeSimpleKernel(RunBatchNorm);
     }}};

Value Normalize(GraphBuilder& g, std::vector<Value> in, double epsilon,
                std::string statistics) {
  return g.Call(BatchNormOp(), std::move(in),
                Attrs{{"epsilon", epsilon},
                      {"activation", std::string()},
                      {"statistics", std::move(statistics)}});
}

}  // namespace

BatchNormResult BatchNorm(GraphBuilder& g, Value x, Value gamma, Value beta,
                          double epsilon) {
  const Value mean = ChannelMean(g, x);
  const Value variance = ChannelVariance(g, x, mean);
  return {Normalize(g, {x, mean, variance, gamma, beta}, epsilon, "batch"), mean,
          variance};
}

Value BatchNormInference(GraphBuilder& g, Value x, Value mean, Value variance,
                         Value gamma, Value beta, double epsilon) {
  return Normalize(g, {x, mean, variance, gamma, beta}, epsilon, "given");
}

const OpDef& BatchNormOp() {
  static const OpDef kOp = {
      .name = "batch_norm",
      .summary = "(x - mean) / sqrt(variance + epsilon) * gamma + beta; perhaps relu",
      .infer = InferBatchNorm,
      .rule = BatchNormRule,
      .cost = BatchNormCost,
      .gradient = BatchNormGradient,
      .reference = Reference::Of<BatchNormReference>(),
      .kernels = absl::MakeConstSpan(kKernels),
      // The product p = (x - mean) * scale is off by 6 roundings (difference, product,
      // and sum, root, quotient, product in scale), the sum by one more, and
      // |p| <= |y| + |beta|: 6 * 2 + 1 half units, 13 / 2 with relu only making it
      // less.
      .error = ErrorModel{ErrorModel::kUlps, 7},
      .may_overwrite = 0,
      .absorb = BatchNormAbsorb,
      .narrow = Operands::Of({0}),
      .samples = BatchNormSamples,
  };
  return kOp;
}

}  // namespace tatami
