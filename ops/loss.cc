#include "ops/loss.h"

#include <cmath>

#include "ops/activation.h"
#include "ops/arithmetic.h"
#include "ops/cast.h"
#include "ops/compare.h"
#include "ops/fill.h"
#include "ops/pointwise.h"
#include "ops/pointwise_samples.h"
#include "ops/reduce.h"
#include "ops/vector_math.h"

namespace tatami {
namespace {

using Site = const CallSite&;

struct SmoothL1F {
  static constexpr int kArity = 1;
  static constexpr int64_t kFlops = 6;
  explicit SmoothL1F(const Attrs& attrs) : beta(attrs.Double("beta")) {}
  template <typename T>
  T operator()(T e) const {
    const T size = tatami::Abs(e);
    const T inside = T(0.5 / beta) * (size * size), outside = size - T(0.5 * beta);
    return Max(size, T(beta)) > T(beta) ? outside : inside;
  }
  double beta;
};

// max(x, 0) - x t + log(1 + exp(-|x|)): no exp of a large number.
struct BceF : NoAttrs {
  using NoAttrs::NoAttrs;
  static constexpr int kArity = 2;
  static constexpr int64_t kFlops = 9;
  template <typename T>
  T operator()(T x, T t) const {
    const T tail = vector_math::Exp(-tatami::Abs(x));
    return Max(x, T(0)) - x * t + tatami::Log(T(1) + tail);
  }
};

struct BceGradF : NoAttrs {
  using NoAttrs::NoAttrs;
  static constexpr int kArity = 3;
  static constexpr int64_t kFlops = 6;
  template <typename T>
  T operator()(T x, T t, T d) const {
    return (vector_math::Sigmoid(x) - t) * d;
  }
};

// |e| / beta limited to 1, with the sign of e.
std::vector<Value> SmoothL1Gradient(GraphBuilder& g, Site site, Value d) {
  const double beta = site.attrs.Double("beta");
  return {Mul(g, Clamp(g, Affine(g, site.in[0], 1 / beta, 0), -1, 1), d)};
}

std::vector<Value> BceGradient(GraphBuilder& g, Site site, Value d) {
  const Value dx = g.Call(BceWithLogitsGradOp(), {site.in[0], site.in[1], d});
  const Value dt = Neg(g, Mul(g, site.in[0], d));
  return {SumTo(g, dx, g.type(site.in[0])), SumTo(g, dt, g.type(site.in[1]))};
}

std::vector<OpSample> BceGradSamples() {
  std::vector<OpSample> samples = BinarySamples({-5, 5}, {0, 1});
  for (OpSample& sample : samples) {
    sample.in.push_back({sample.in[0].dtype, {}});
    sample.domains.push_back({});
  }
  return samples;
}

Value AsF32(GraphBuilder& g, Value x) { return Cast(g, x, DType::kF32); }

// How many elements of `type` the mask selects, at least 1: f32 [].
Value Selected(GraphBuilder& g, Value mask, const TensorType& type) {
  const Value ones = ReduceSum(g, AsF32(g, mask), AllDims(g.type(mask)));
  const double repeats = static_cast<double>(type.num_elements()) /
                         std::max<int64_t>(1, g.type(mask).num_elements());
  return Clamp(g, Affine(g, ones, repeats, 0), 1, INFINITY);
}

Value SmoothL1(GraphBuilder& g, Value prediction, Value target, double beta) {
  return g.Call(SmoothL1Op(), {Sub(g, prediction, target)}, Attrs{{"beta", beta}});
}

Value Bce(GraphBuilder& g, Value logits, Value target) {
  return g.Call(BceWithLogitsOp(), {logits, target});
}

}  // namespace

Value MeanAll(GraphBuilder& g, Value x) {
  return ReduceMean(g, AsF32(g, x), AllDims(g.type(x)));
}

Value MaskedMean(GraphBuilder& g, Value x, Value mask) {
  const Value selected = AsF32(g, Mul(g, x, mask));
  return Div(g, ReduceSum(g, selected, AllDims(g.type(x))),
             Selected(g, mask, g.type(x)));
}

// A sum of squares needs no tensor of squares, and its gradient none of the scalar.
Value MseLoss(GraphBuilder& g, Value prediction, Value target) {
  const Value error = AsF32(g, Sub(g, prediction, target));
  const TensorType type = g.type(error);
  return Affine(g, ReduceSumSquares(g, error, AllDims(type)),
                1.0 / std::max<int64_t>(1, type.num_elements()), 0);
}

Value MaskedMseLoss(GraphBuilder& g, Value prediction, Value target, Value mask) {
  // The square of a mask of 0 and 1 is the mask.
  const Value error = AsF32(g, Mul(g, Sub(g, prediction, target), mask));
  return Div(g, ReduceSumSquares(g, error, AllDims(g.type(error))),
             Selected(g, mask, g.type(error)));
}

Value SmoothL1Loss(GraphBuilder& g, Value prediction, Value target, double beta) {
  return MeanAll(g, SmoothL1(g, prediction, target, beta));
}
Value MaskedSmoothL1Loss(GraphBuilder& g, Value prediction, Value target, Value mask,
                         double beta) {
  return MaskedMean(g, SmoothL1(g, prediction, target, beta), mask);
}

Value BceWithLogitsLoss(GraphBuilder& g, Value logits, Value target) {
  return MeanAll(g, Bce(g, logits, target));
}
Value MaskedBceWithLogitsLoss(GraphBuilder& g, Value logits, Value target, Value mask) {
  return MaskedMean(g, Bce(g, logits, target), mask);
}

Value SoftmaxCrossEntropyLoss(GraphBuilder& g, Value logits, Value labels,
                              CrossEntropyOptions options) {
  const Value rows = CrossEntropyRows(g, logits, labels, options);
  if (!options.ignore_label) return MeanAll(g, rows);
  const Value ignored = Fill(g, {DType::kI32, {}}, double(*options.ignore_label));
  const Value weight = Affine(g, AsF32(g, Equal(g, labels, ignored)), -1, 1);
  // Ignored rows are 0 already, so they only have to be left out of the count.
  const TensorType type = g.type(rows);
  return Div(g, ReduceSum(g, rows, AllDims(type)), Selected(g, weight, type));
}

const OpDef& SmoothL1Op() {
  static const OpDef kOp = MakePointwiseOp<SmoothL1F>(
      "smooth_l1", "e^2/(2 beta) near 0, |e| - beta/2 beyond beta", SmoothL1Gradient, 2,
      [] {
        return UnarySamples({-2, 2}, Attrs{{"beta", 0.7}});
      },
      Operands::None());
  return kOp;
}

const OpDef& BceWithLogitsOp() {
  static const OpDef kOp = MakePointwiseOp<BceF>(
      "bce_with_logits", "binary cross entropy of sigmoid(x) with a target",
      BceGradient, 3,
      [] {
        return BinarySamples({-5, 5}, {0, 1});
      },
      Operands::None());
  return kOp;
}

const OpDef& BceWithLogitsGradOp() {
  static const OpDef kOp = MakePointwiseOp<BceGradF>(
      "bce_with_logits_grad", "(sigmoid(x) - target) d",
      Gradient::None("gradients are not differentiated again"), 3, BceGradSamples,
      Operands::None());
  return kOp;
}

}  // namespace tatami
