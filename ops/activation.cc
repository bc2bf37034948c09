#include "ops/activation.h"

#include <numbers>

#include "ops/pointwise.h"
#include "ops/pointwise_samples.h"
#include "ops/vector_math.h"

namespace tatami {
namespace {

constexpr Gradient kOnce = Gradient::None("gradients are not differentiated again");

struct ReluF : NoAttrs {
  using NoAttrs::NoAttrs;
  static constexpr int kArity = 1;
  static constexpr int64_t kFlops = 1;
  template <typename T>
  T operator()(T x) const {
    return Max(T(0), x);
  }
};
struct SigmoidF : NoAttrs {
  using NoAttrs::NoAttrs;
  static constexpr int kArity = 1;
  static constexpr int64_t kFlops = 4;
  template <typename T>
  T operator()(T x) const {
    return vector_math::Sigmoid(x);
  }
};
struct TanhF : NoAttrs {
  using NoAttrs::NoAttrs;
  static constexpr int kArity = 1;
  static constexpr int64_t kFlops = 1;
  template <typename T>
  T operator()(T x) const {
    return vector_math::Tanh(x);
  }
};
struct SiluF : NoAttrs {
  using NoAttrs::NoAttrs;
  static constexpr int kArity = 1;
  static constexpr int64_t kFlops = 5;
  template <typename T>
  T operator()(T x) const {
    return x * vector_math::Sigmoid(x);
  }
};
struct GeluF : NoAttrs {
  using NoAttrs::NoAttrs;
  static constexpr int kArity = 1;
  static constexpr int64_t kFlops = 5;
  template <typename T>
  T operator()(T x) const {
    const T root(std::numbers::sqrt2 / 2);
    return T(0.5) * x * (T(1) + vector_math::Erf(root * x));
  }
};
struct ReluGradF : NoAttrs {
  using NoAttrs::NoAttrs;
  static constexpr int kArity = 2;
  static constexpr int64_t kFlops = 1;
  template <typename T>
  T operator()(T y, T d) const {
    return y > T(0) ? d : T(0);
  }
};
struct SigmoidGradF : NoAttrs {
  using NoAttrs::NoAttrs;
  static constexpr int kArity = 2;
  static constexpr int64_t kFlops = 3;
  template <typename T>
  T operator()(T y, T d) const {
    return d * (y * (T(1) - y));
  }
};
// 1 - y^2 as a product: no cancellation beyond that already in y.
struct TanhGradF : NoAttrs {
  using NoAttrs::NoAttrs;
  static constexpr int kArity = 2;
  static constexpr int64_t kFlops = 4;
  template <typename T>
  T operator()(T y, T d) const {
    return d * ((T(1) - y) * (T(1) + y));
  }
};
// With s = sigmoid(x): d s (1 + x (1 - s)), and 1 - s = sigmoid(-x) without
// cancellation.
struct SiluGradF : NoAttrs {
  using NoAttrs::NoAttrs;
  static constexpr int kArity = 2;
  static constexpr int64_t kFlops = 13;
  template <typename T>
  T operator()(T x, T d) const {
    const T s = vector_math::Sigmoid(x), rest = vector_math::Sigmoid(-x);
    return d * (s * (T(1) + x * rest));
  }
};
// The normal distribution function plus x times its density.
struct GeluGradF : NoAttrs {
  using NoAttrs::NoAttrs;
  static constexpr int kArity = 2;
  static constexpr int64_t kFlops = 11;
  template <typename T>
  T operator()(T x, T d) const {
    const T root(std::numbers::sqrt2 / 2);
    const T scale(std::numbers::inv_sqrtpi * std::numbers::sqrt2 / 2);
    const T below = T(0.5) * (T(1) + vector_math::Erf(root * x));
    const T density = scale * vector_math::Exp(T(-0.5) * (x * x));
    return d * (below + x * density);
  }
};

std::vector<OpSample> WideUnary() { return UnarySamples({-4, 4}); }
std::vector<OpSample> WideBinary() { return BinarySamples({-4, 4}, {-1, 1}); }
std::vector<OpSample> SigmoidOutputs() { return BinarySamples({0, 1}, {-1, 1}); }

using Site = const CallSite&;

}  // namespace

Value Relu(GraphBuilder& g, Value x) { return g.Call(ReluOp(), {x}); }
Value Sigmoid(GraphBuilder& g, Value x) { return g.Call(SigmoidOp(), {x}); }
Value Tanh(GraphBuilder& g, Value x) { return g.Call(TanhOp(), {x}); }
Value Silu(GraphBuilder& g, Value x) { return g.Call(SiluOp(), {x}); }
Value Gelu(GraphBuilder& g, Value x) { return g.Call(GeluOp(), {x}); }
Value ReluGrad(GraphBuilder& g, Value y, Value d) {
  return g.Call(ReluGradOp(), {y, d});
}
Value SigmoidGrad(GraphBuilder& g, Value y, Value d) {
  return g.Call(SigmoidGradOp(), {y, d});
}
Value TanhGrad(GraphBuilder& g, Value y, Value d) {
  return g.Call(TanhGradOp(), {y, d});
}
Value SiluGrad(GraphBuilder& g, Value x, Value d) {
  return g.Call(SiluGradOp(), {x, d});
}
Value GeluGrad(GraphBuilder& g, Value x, Value d) {
  return g.Call(GeluGradOp(), {x, d});
}

const OpDef& ReluOp() {
  static const OpDef kOp = MakePointwiseOp<ReluF>(
      "relu", "max(x, 0)",
      +[](GraphBuilder& g, Site site, Value d) {
        return std::vector<Value>{ReluGrad(g, site.out, d)};
      },
      0, [] { return UnarySamples(); });
  return kOp;
}
const OpDef& SigmoidOp() {
  static const OpDef kOp = MakePointwiseOp<SigmoidF>(
      "sigmoid", "1 / (1 + exp(-x))",
      +[](GraphBuilder& g, Site site, Value d) {
        return std::vector<Value>{SigmoidGrad(g, site.out, d)};
      },
      3, WideUnary);
  return kOp;
}
const OpDef& TanhOp() {
  static const OpDef kOp = MakePointwiseOp<TanhF>(
      "tanh", "the hyperbolic tangent",
      +[](GraphBuilder& g, Site site, Value d) {
        return std::vector<Value>{TanhGrad(g, site.out, d)};
      },
      2, WideUnary);
  return kOp;
}
const OpDef& SiluOp() {
  static const OpDef kOp = MakePointwiseOp<SiluF>(
      "silu", "x sigmoid(x)",
      +[](GraphBuilder& g, Site site, Value d) {
        return std::vector<Value>{SiluGrad(g, site.in[0], d)};
      },
      3, WideUnary);
  return kOp;
}
const OpDef& GeluOp() {
  static const OpDef kOp = MakePointwiseOp<GeluF>(
      "gelu", "x times the normal distribution function of x",
      +[](GraphBuilder& g, Site site, Value d) {
        return std::vector<Value>{GeluGrad(g, site.in[0], d)};
      },
      // 2 ulps of erf (vector_math.h) times x/2, and four roundings.
      3, WideUnary);
  return kOp;
}
const OpDef& ReluGradOp() {
  static const OpDef kOp =
      MakePointwiseOp<ReluGradF>("relu_grad", "d where the output y is above 0, else 0",
                                 kOnce, 0, [] { return BinarySamples(); });
  return kOp;
}
const OpDef& SigmoidGradOp() {
  static const OpDef kOp = MakePointwiseOp<SigmoidGradF>(
      "sigmoid_grad", "d y (1 - y) for the output y", kOnce, 2, SigmoidOutputs);
  return kOp;
}
const OpDef& TanhGradOp() {
  static const OpDef kOp = MakePointwiseOp<TanhGradF>(
      "tanh_grad", "d (1 - y^2) for the output y", kOnce, 2, SigmoidOutputs);
  return kOp;
}
const OpDef& SiluGradOp() {
  static const OpDef kOp = MakePointwiseOp<SiluGradF>(
      "silu_grad", "the gradient of silu by x", kOnce, 4, WideBinary);
  return kOp;
}
const OpDef& GeluGradOp() {
  static const OpDef kOp = MakePointwiseOp<GeluGradF>(
      "gelu_grad", "the gradient of gelu by x", kOnce, 4, WideBinary);
  return kOp;
}

}  // namespace tatami
