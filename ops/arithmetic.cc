// Ops of two operands; those of one are in arithmetic_unary.cc.
#include "ops/arithmetic.h"

#include "ops/compare.h"
#include "ops/pointwise.h"
#include "ops/pointwise_samples.h"
#include "ops/reduce.h"

namespace tatami {
namespace {

struct Binary : NoAttrs {
  using NoAttrs::NoAttrs;
  static constexpr int kArity = 2;
  static constexpr int64_t kFlops = 1;
};
struct AddF : Binary {
  using Binary::Binary;
  template <typename T>
  T operator()(T a, T b) const {
    return a + b;
  }
};
struct SubF : Binary {
  using Binary::Binary;
  template <typename T>
  T operator()(T a, T b) const {
    return a - b;
  }
};
struct MulF : Binary {
  using Binary::Binary;
  template <typename T>
  T operator()(T a, T b) const {
    return a * b;
  }
};
struct DivF : Binary {
  using Binary::Binary;
  template <typename T>
  T operator()(T a, T b) const {
    return a / b;
  }
};
struct MaximumF : Binary {
  using Binary::Binary;
  template <typename T>
  T operator()(T a, T b) const {
    return Max(a, b);
  }
};
struct MinimumF : Binary {
  using Binary::Binary;
  template <typename T>
  T operator()(T a, T b) const {
    return Min(a, b);
  }
};

// The gradients by both operands, summed over what was broadcast.
std::vector<Value> SumBack(GraphBuilder& g, const CallSite& site, Value da, Value db) {
  return {SumTo(g, da, g.type(site.in[0])), SumTo(g, db, g.type(site.in[1]))};
}

std::vector<Value> AddGradient(GraphBuilder& g, const CallSite& site, Value d) {
  return SumBack(g, site, d, d);
}
std::vector<Value> SubGradient(GraphBuilder& g, const CallSite& site, Value d) {
  const Value db = SumTo(g, d, g.type(site.in[1]));
  return {SumTo(g, d, g.type(site.in[0])), Neg(g, db)};
}
std::vector<Value> MulGradient(GraphBuilder& g, const CallSite& site, Value d) {
  return SumBack(g, site, Mul(g, d, site.in[1]), Mul(g, d, site.in[0]));
}
// d(a/b)/db = -(a/b)/b, with a/b the output.
std::vector<Value> DivGradient(GraphBuilder& g, const CallSite& site, Value d) {
  const Value da = Div(g, d, site.in[1]);
  return SumBack(g, site, da, Neg(g, Mul(g, da, site.out)));
}
// `b_wins` is 1 where the output is b.
std::vector<Value> ChoiceGradient(GraphBuilder& g, const CallSite& site, Value d,
                                  Value b_wins) {
  const Value db = Mul(g, d, b_wins);
  return SumBack(g, site, Sub(g, d, db), db);
}
std::vector<Value> MaximumGradient(GraphBuilder& g, const CallSite& site, Value d) {
  return ChoiceGradient(g, site, d, Less(g, site.in[0], site.in[1]));
}
std::vector<Value> MinimumGradient(GraphBuilder& g, const CallSite& site, Value d) {
  return ChoiceGradient(g, site, d, Less(g, site.in[1], site.in[0]));
}

}  // namespace

Value Add(GraphBuilder& g, Value a, Value b) { return g.Call(AddOp(), {a, b}); }
Value Sub(GraphBuilder& g, Value a, Value b) { return g.Call(SubOp(), {a, b}); }
Value Mul(GraphBuilder& g, Value a, Value b) { return g.Call(MulOp(), {a, b}); }
Value Div(GraphBuilder& g, Value a, Value b) { return g.Call(DivOp(), {a, b}); }
Value Maximum(GraphBuilder& g, Value a, Value b) { return g.Call(MaximumOp(), {a, b}); }
Value Minimum(GraphBuilder& g, Value a, Value b) { return g.Call(MinimumOp(), {a, b}); }

const OpDef& AddOp() {
  static const OpDef kOp = MakePointwiseOp<AddF>("add", "a + b", AddGradient, 0.5,
                                                 [] { return BinarySamples(); });
  return kOp;
}
const OpDef& SubOp() {
  static const OpDef kOp = MakePointwiseOp<SubF>("sub", "a - b", SubGradient, 0.5,
                                                 [] { return BinarySamples(); });
  return kOp;
}
const OpDef& MulOp() {
  static const OpDef kOp = MakePointwiseOp<MulF>("mul", "a * b", MulGradient, 0.5,
                                                 [] { return BinarySamples(); });
  return kOp;
}
const OpDef& DivOp() {
  static const OpDef kOp = MakePointwiseOp<DivF>("div", "a / b", DivGradient, 0.5, [] {
    return BinarySamples({-1, 1}, {0.5, 2});
  });
  return kOp;
}
const OpDef& MaximumOp() {
  static const OpDef kOp =
      MakePointwiseOp<MaximumF>("maximum", "the larger of a and b", MaximumGradient, 0,
                                [] { return BinarySamples(); });
  return kOp;
}
const OpDef& MinimumOp() {
  static const OpDef kOp =
      MakePointwiseOp<MinimumF>("minimum", "the smaller of a and b", MinimumGradient, 0,
                                [] { return BinarySamples(); });
  return kOp;
}

}  // namespace tatami
