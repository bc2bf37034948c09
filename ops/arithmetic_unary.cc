// Arithmetic ops of one operand, and the fused gradients of those with kinks.
#include <cmath>

#include "ops/arithmetic.h"
#include "ops/pointwise.h"
#include "ops/pointwise_samples.h"
#include "ops/vector_math.h"

namespace tatami {
namespace {

constexpr Gradient kOnce = Gradient::None("gradients are not differentiated again");

struct Unary : NoAttrs {
  using NoAttrs::NoAttrs;
  static constexpr int kArity = 1;
  static constexpr int64_t kFlops = 1;
};
struct NegF : Unary {
  using Unary::Unary;
  template <typename T>
  T operator()(T x) const {
    return -x;
  }
};
struct AbsF : Unary {
  using Unary::Unary;
  template <typename T>
  T operator()(T x) const {
    return tatami::Abs(x);
  }
};
struct SquareF : Unary {
  using Unary::Unary;
  template <typename T>
  T operator()(T x) const {
    return x * x;
  }
};
struct SqrtF : Unary {
  using Unary::Unary;
  template <typename T>
  T operator()(T x) const {
    return tatami::Sqrt(x);
  }
};
struct RsqrtF : Unary {
  using Unary::Unary;
  static constexpr int64_t kFlops = 2;
  template <typename T>
  T operator()(T x) const {
    return T(1) / tatami::Sqrt(x);
  }
};
struct ExpF : Unary {
  using Unary::Unary;
  template <typename T>
  T operator()(T x) const {
    return vector_math::Exp(x);
  }
};
struct LogF : Unary {
  using Unary::Unary;
  template <typename T>
  T operator()(T x) const {
    return tatami::Log(x);
  }
};
struct PowF {
  static constexpr int kArity = 1;
  static constexpr int64_t kFlops = 1;
  explicit PowF(const Attrs& attrs) : exponent(attrs.Double("exponent")) {}
  template <typename T>
  T operator()(T x) const {
    return tatami::Pow(x, T(exponent));
  }
  double exponent;
};
struct AffineF {
  static constexpr int kArity = 1;
  static constexpr int64_t kFlops = 2;
  explicit AffineF(const Attrs& attrs)
      : scale(attrs.Double("scale")), shift(attrs.Double("shift")) {}
  template <typename T>
  T operator()(T x) const {
    return T(scale) * x + T(shift);
  }
  double scale, shift;
};
struct ClampF {
  static constexpr int kArity = 1;
  static constexpr int64_t kFlops = 2;
  explicit ClampF(const Attrs& attrs)
      : lo(attrs.Double("lo")), hi(attrs.Double("hi")) {}
  template <typename T>
  T operator()(T x) const {
    return Min(Max(x, T(lo)), T(hi));
  }
  double lo, hi;
};
struct ClampGradF : ClampF {
  static constexpr int kArity = 2;
  using ClampF::ClampF;
  template <typename T>
  T operator()(T x, T d) const {
    const T above = x < T(lo) ? T(0) : d;
    return x > T(hi) ? T(0) : above;
  }
};
struct AbsGradF : NoAttrs {
  using NoAttrs::NoAttrs;
  static constexpr int kArity = 2;
  static constexpr int64_t kFlops = 3;
  template <typename T>
  T operator()(T x, T d) const {
    const T minus = -d;
    const T right = x > T(0) ? d : T(0);
    return x < T(0) ? minus : right;
  }
};

using Site = const CallSite&;

}  // namespace

Value Neg(GraphBuilder& g, Value x) { return g.Call(NegOp(), {x}); }
Value Abs(GraphBuilder& g, Value x) { return g.Call(AbsOp(), {x}); }
Value Square(GraphBuilder& g, Value x) { return g.Call(SquareOp(), {x}); }
Value Sqrt(GraphBuilder& g, Value x) { return g.Call(SqrtOp(), {x}); }
Value Rsqrt(GraphBuilder& g, Value x) { return g.Call(RsqrtOp(), {x}); }
Value Exp(GraphBuilder& g, Value x) { return g.Call(ExpOp(), {x}); }
Value Log(GraphBuilder& g, Value x) { return g.Call(LogOp(), {x}); }
Value Pow(GraphBuilder& g, Value x, double exponent) {
  return g.Call(PowOp(), {x}, Attrs{{"exponent", exponent}});
}
Value Affine(GraphBuilder& g, Value x, double scale, double shift) {
  return g.Call(AffineOp(), {x}, Attrs{{"scale", scale}, {"shift", shift}});
}
Value Clamp(GraphBuilder& g, Value x, double lo, double hi) {
  return g.Call(ClampOp(), {x}, Attrs{{"lo", lo}, {"hi", hi}});
}

const OpDef& NegOp() {
  static const OpDef kOp = MakePointwiseOp<NegF>(
      "neg", "-x",
      +[](GraphBuilder& g, Site, Value d) { return std::vector<Value>{Neg(g, d)}; }, 0,
      [] { return UnarySamples(); });
  return kOp;
}
const OpDef& AbsOp() {
  static const OpDef kOp = MakePointwiseOp<AbsF>(
      "abs", "|x|",
      +[](GraphBuilder& g, Site site, Value d) {
        return std::vector<Value>{g.Call(AbsGradOp(), {site.in[0], d})};
      },
      0, [] { return UnarySamples(); });
  return kOp;
}
const OpDef& AbsGradOp() {
  static const OpDef kOp =
      MakePointwiseOp<AbsGradF>("abs_grad", "d with the sign of x; 0 where x is 0",
                                kOnce, 0, [] { return BinarySamples(); });
  return kOp;
}
const OpDef& SquareOp() {
  static const OpDef kOp = MakePointwiseOp<SquareF>(
      "square", "x^2",
      +[](GraphBuilder& g, Site site, Value d) {
        return std::vector<Value>{Mul(g, site.in[0], Affine(g, d, 2, 0))};
      },
      0.5, [] { return UnarySamples(); });
  return kOp;
}
const OpDef& SqrtOp() {
  static const OpDef kOp = MakePointwiseOp<SqrtF>(
      "sqrt", "the square root",
      +[](GraphBuilder& g, Site site, Value d) {
        return std::vector<Value>{Div(g, Affine(g, d, 0.5, 0), site.out)};
      },
      0.5,
      [] {
        return UnarySamples({0.25, 4});
      });
  return kOp;
}
const OpDef& RsqrtOp() {
  static const OpDef kOp = MakePointwiseOp<RsqrtF>(
      "rsqrt", "1 / sqrt(x)",
      +[](GraphBuilder& g, Site site, Value d) {  // -d y^3 / 2
        const Value cube = Mul(g, site.out, Square(g, site.out));
        return std::vector<Value>{Mul(g, cube, Affine(g, d, -0.5, 0))};
      },
      1.5,
      [] {
        return UnarySamples({0.25, 4});
      });
  return kOp;
}
const OpDef& ExpOp() {
  static const OpDef kOp = MakePointwiseOp<ExpF>(
      "exp", "e^x",
      +[](GraphBuilder& g, Site site, Value d) {
        return std::vector<Value>{Mul(g, d, site.out)};
      },
      2,
      [] {
        return UnarySamples({-3, 3});
      });
  return kOp;
}
const OpDef& LogOp() {
  static const OpDef kOp = MakePointwiseOp<LogF>(
      "log", "the natural logarithm",
      +[](GraphBuilder& g, Site site, Value d) {
        return std::vector<Value>{Div(g, d, site.in[0])};
      },
      1,
      [] {
        return UnarySamples({0.25, 4});
      });
  return kOp;
}
const OpDef& PowOp() {
  static const OpDef kOp = MakePointwiseOp<PowF>(
      "pow", "x^exponent",
      +[](GraphBuilder& g, Site site, Value d) {
        const double e = site.attrs.Double("exponent");
        const Value slope = Affine(g, Pow(g, site.in[0], e - 1), e, 0);
        return std::vector<Value>{Mul(g, d, slope)};
      },
      1,
      [] {
        return UnarySamples({0.25, 2}, Attrs{{"exponent", 2.5}});
      });
  return kOp;
}
const OpDef& AffineOp() {
  static const OpDef kOp = MakePointwiseOp<AffineF>(
      "affine", "scale x + shift",
      +[](GraphBuilder& g, Site site, Value d) {
        return std::vector<Value>{Affine(g, d, site.attrs.Double("scale"), 0)};
      },
      // Roundings of scale, shift, product and sum, at magnitudes up to twice the
      // result or operand.
      4,
      [] {
        return UnarySamples({}, Attrs{{"scale", 1.7}, {"shift", -0.3}});
      });
  return kOp;
}
const OpDef& ClampOp() {
  static const OpDef kOp = MakePointwiseOp<ClampF>(
      "clamp", "x limited to [lo, hi]",
      +[](GraphBuilder& g, Site site, Value d) {
        return std::vector<Value>{g.Call(ClampGradOp(), {site.in[0], d}, site.attrs)};
      },
      // Not 0: lo and hi are rounded to f32.
      0.5,
      [] {
        return UnarySamples({}, Attrs{{"lo", -0.4}, {"hi", 0.7}});
      });
  return kOp;
}
const OpDef& ClampGradOp() {
  static const OpDef kOp = MakePointwiseOp<ClampGradF>(
      "clamp_grad", "d where lo <= x <= hi, else 0", kOnce, 0, [] {
        return BinarySamples({}, {}, Attrs{{"lo", -0.4}, {"hi", 0.7}});
      });
  return kOp;
}

}  // namespace tatami
