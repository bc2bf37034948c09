#include "ops/compare.h"

#include "ops/fill.h"
#include "ops/pointwise.h"
#include "ops/pointwise_samples.h"
#include "ops/reduce.h"

namespace tatami {
namespace {

constexpr Gradient kConstant = Gradient::None("comparisons are piecewise constant");

struct Compare : NoAttrs {
  using NoAttrs::NoAttrs;
  static constexpr int kArity = 2;
  static constexpr int64_t kFlops = 1;
};
struct LessF : Compare {
  using Compare::Compare;
  template <typename T>
  T operator()(T a, T b) const {
    return a < b ? T(1) : T(0);
  }
};
struct GreaterF : Compare {
  using Compare::Compare;
  template <typename T>
  T operator()(T a, T b) const {
    return a > b ? T(1) : T(0);
  }
};
struct EqualF : Compare {
  using Compare::Compare;
  template <typename T>
  T operator()(T a, T b) const {
    return a == b ? T(1) : T(0);
  }
};
struct WhereF : NoAttrs {
  using NoAttrs::NoAttrs;
  static constexpr int kArity = 3;
  static constexpr int64_t kFlops = 1;
  template <typename T>
  T operator()(T condition, T a, T b) const {
    return condition == T(0) ? b : a;
  }
};

std::vector<Value> WhereGradient(GraphBuilder& g, const CallSite& site, Value d) {
  const Value zero = Fill(g, TensorType{g.type(d).dtype, {}}, 0);
  const Value da = Where(g, site.in[0], d, zero), db = Where(g, site.in[0], zero, d);
  return {Value{}, SumTo(g, da, g.type(site.in[1])), SumTo(g, db, g.type(site.in[2]))};
}

// Whole numbers, so that equal operands occur.
std::vector<OpSample> CompareSamples() {
  const InputDomain digits{0, 2, true};
  std::vector<OpSample> samples = BinarySamples(digits, digits);
  samples.push_back({"i32",
                     {TensorType{DType::kI32, {3, 4}}, TensorType{DType::kI32, {}}},
                     {},
                     {digits, digits}});
  return samples;
}

std::vector<OpSample> WhereSamples() {
  const auto f32 = [](Dims dims) { return TensorType{DType::kF32, std::move(dims)}; };
  const auto bf16 = [](Dims dims) { return TensorType{DType::kBF16, std::move(dims)}; };
  std::vector<OpSample> samples = {{"dense", {f32({3, 5}), f32({3, 5}), f32({3, 5})}},
                                   {"mask", {f32({2, 3, 1}), f32({2, 3, 4}), f32({})}},
                                   {"row", {f32({4}), f32({2, 3, 4}), f32({3, 1})}},
                                   {"bf16", {bf16({2, 5}), bf16({5}), bf16({2, 5})}}};
  for (OpSample& sample : samples) sample.domains = {{0, 1, true}, {}, {}};
  return samples;
}

}  // namespace

Value Less(GraphBuilder& g, Value a, Value b) { return g.Call(LessOp(), {a, b}); }
Value Greater(GraphBuilder& g, Value a, Value b) { return g.Call(GreaterOp(), {a, b}); }
Value Equal(GraphBuilder& g, Value a, Value b) { return g.Call(EqualOp(), {a, b}); }
Value Where(GraphBuilder& g, Value condition, Value a, Value b) {
  return g.Call(WhereOp(), {condition, a, b});
}

const OpDef& LessOp() {
  static const OpDef kOp = MakePointwiseOp<LessF>("less", "1 where a < b, else 0",
                                                  kConstant, 0, CompareSamples);
  return kOp;
}
const OpDef& GreaterOp() {
  static const OpDef kOp = MakePointwiseOp<GreaterF>("greater", "1 where a > b, else 0",
                                                     kConstant, 0, CompareSamples);
  return kOp;
}
const OpDef& EqualOp() {
  static const OpDef kOp = MakePointwiseOp<EqualF>(
      "equal", "1 where a equals b, else 0", kConstant, 0, CompareSamples);
  return kOp;
}
const OpDef& WhereOp() {
  static const OpDef kOp =
      MakePointwiseOp<WhereF>("where", "a where the condition is not 0, else b",
                              WhereGradient, 0, WhereSamples);
  return kOp;
}

}  // namespace tatami
