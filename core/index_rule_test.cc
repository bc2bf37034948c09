#include "core/index_rule.h"

#include <algorithm>

#include "core/error.h"
#include "gtest/gtest.h"

namespace tatami {
namespace {

TensorType F32(Dims dims) { return {DType::kF32, std::move(dims)}; }

// Smallest interval that holds what `reads(o)` lists for every o of `factor` and that
// lies in [0, size).
template <typename Reads>
Interval Hull(const Interval& factor, int64_t size, Reads reads) {
  Interval hull{size, 0};
  for (int64_t o = factor.begin; o < factor.end; ++o) {
    for (int64_t i : reads(o)) {
      if (i < 0 || i >= size) continue;
      hull = {std::min(hull.begin, i), std::max(hull.end, i + 1)};
    }
  }
  return hull.empty() ? Interval{0, 0} : hull;
}

TEST(IndexMap, TheDefaultIsTheIdentityClippedToTheDim) {
  EXPECT_TRUE(IndexMap().IsIdentity());
  EXPECT_EQ(IndexMap().Apply({2, 5}, 9), (Interval{2, 5}));
  EXPECT_EQ(IndexMap().Apply({2, 5}, 4), (Interval{2, 4}));
  EXPECT_EQ(IndexMap().ToString(), "{1/1 0..0}");
}

TEST(IndexMap, AnEmptyFactorIntervalMapsToEmpty) {
  const IndexMap wide{1, 1, -10, 10};
  EXPECT_EQ(wide.Apply({3, 3}, 9), (Interval{0, 0}));
}

TEST(IndexMap, WhatLiesOutsideTheDimIsTheCanonicalEmptyInterval) {
  EXPECT_EQ(IndexMap::Shift(7).Apply({0, 2}, 5), (Interval{0, 0}));
  EXPECT_EQ(IndexMap::Shift(-4).Apply({0, 2}, 5), (Interval{0, 0}));
}

TEST(IndexMap, NegativeNumeratorsAreFlooredNotTruncated) {
  // floor(-1 / 2) = -1 and floor(-3 / 2) = -2, clipped to 0.
  EXPECT_EQ((IndexMap{1, 2, -3, -3}.Apply({0, 3}, 9)), (Interval{0, 0}));
  EXPECT_EQ((IndexMap{1, 2, -3, -3}.Apply({0, 4}, 9)), (Interval{0, 1}));
}

struct WindowCase {
  int64_t kernel, stride, dilation, padding, in_size;
  int64_t span() const { return (kernel - 1) * dilation + 1; }
  int64_t out_size() const { return (in_size + 2 * padding - span()) / stride + 1; }
  // The definition: output o reads o stride - padding + k dilation.
  std::vector<int64_t> Reads(int64_t o) const {
    std::vector<int64_t> list;
    for (int64_t k = 0; k < kernel; ++k) {
      list.push_back(o * stride - padding + k * dilation);
    }
    return list;
  }
  std::vector<int64_t> ReadersOf(int64_t i) const {
    std::vector<int64_t> list;
    for (int64_t o = 0; o < out_size(); ++o) {
      const std::vector<int64_t> reads = Reads(o);
      if (std::count(reads.begin(), reads.end(), i) > 0) list.push_back(o);
    }
    return list;
  }
};

std::vector<WindowCase> WindowCases() {
  std::vector<WindowCase> cases;
  for (int64_t code = 0; code < 4 * 4 * 2 * 7; ++code) {
    const WindowCase c{1 + code % 4, 1 + code / 4 % 4, 1 + code / 16 % 2, code / 32,
                       11};
    if (c.padding < c.span()) cases.push_back(c);
  }
  return cases;
}

// Compares `map` with the hull of `reads` on every interval of [0, size).
template <typename Reads>
void ExpectHolds(const IndexMap& map, int64_t size, int64_t other_size, bool tight,
                 Reads reads) {
  for (int64_t b = 0; b < size; ++b) {
    for (int64_t e = b + 1; e <= size; ++e) {
      const Interval got = map.Apply({b, e}, other_size);
      const Interval hull = Hull({b, e}, other_size, reads);
      EXPECT_TRUE(got.Contains(hull)) << map.ToString() << " at " << b << ".." << e;
      EXPECT_TRUE(!tight || got == hull) << map.ToString() << " at " << b << ".." << e;
    }
  }
}

// Without gaps (dilation 1, stride at most the kernel) the maps are the hulls
// themselves; with gaps they may be larger, never smaller.
TEST(IndexMap, WindowAndAdjointAgreeWithTheDefinition) {
  for (const WindowCase& c : WindowCases()) {
    const bool tight = c.dilation == 1 && c.stride <= c.kernel;
    ExpectHolds(IndexMap::Window(c.kernel, c.stride, c.dilation, c.padding),
                c.out_size(), c.in_size, tight, [&](int64_t o) { return c.Reads(o); });
    ExpectHolds(IndexMap::Adjoint(c.kernel, c.stride, c.dilation, c.padding), c.in_size,
                c.out_size(), tight, [&](int64_t i) { return c.ReadersOf(i); });
  }
}

TEST(ParseIndexRule, MatmulPrintsAsItWasWritten) {
  const auto rule =
      ParseIndexRule("m k, k n -> m n", {F32({5, 7}), F32({7, 3})}, F32({5, 3}));
  ASSERT_TRUE(rule.ok()) << rule.status();
  EXPECT_EQ(rule->ToString(), "m k, k n -> m n");
  ASSERT_EQ(rule->factors.size(), 3u);
  EXPECT_EQ(rule->factors[rule->FindFactor("m")].kind, FactorKind::kParallel);
  EXPECT_EQ(rule->factors[rule->FindFactor("k")].kind, FactorKind::kReduce);
  EXPECT_EQ(rule->factors[rule->FindFactor("k")].size, 7);
  EXPECT_EQ(rule->FindFactor("x"), -1);
  EXPECT_EQ(ToString(rule->WholeFactors()), "[0,5)x[0,7)x[0,3)");
  EXPECT_EQ(FindRuleFault(*rule, {F32({5, 7}), F32({7, 3})}, F32({5, 3})), "");
}

TEST(ParseIndexRule, MarksWholeFactorsAndWholeDims) {
  const auto rule = ParseIndexRule("_ c! -> c!", {F32({4, 6})}, F32({6}));
  ASSERT_TRUE(rule.ok()) << rule.status();
  EXPECT_EQ(rule->factors[0].kind, FactorKind::kWhole);
  EXPECT_EQ(rule->inputs[0][0].factor, kWholeDim);
  EXPECT_EQ(rule->ToString(), "_ c! -> c!");
}

TEST(ParseIndexRule, RefusesWithTheRuleAndTheReason) {
  const auto message = [](absl::string_view text, std::vector<TensorType> in,
                          TensorType out) {
    const auto rule = ParseIndexRule(text, in, out);
    EXPECT_EQ(GetErrorCode(rule.status()), ErrorCode::kBadGraph);
    return std::string(rule.status().message());
  };
  EXPECT_EQ(message("m k, k n", {F32({5, 7}), F32({7, 3})}, F32({5, 3})),
            "E0107: index rule 'm k, k n': needs exactly one '->'");
  EXPECT_EQ(message("m k -> m n", {F32({5, 7}), F32({7, 3})}, F32({5, 3})),
            "E0107: index rule 'm k -> m n': names 1 inputs, the call has 2");
  EXPECT_EQ(message("m k, k n -> m n", {F32({5, 7}), F32({6, 3})}, F32({5, 3})),
            "E0107: index rule 'm k, k n -> m n': factor k is 7 and 6");
  EXPECT_EQ(message("m -> m", {F32({5, 7})}, F32({5})),
            "E0107: index rule 'm -> m': operand 0 has rank 1, got f32[5,7]");
}

TEST(PointwiseRule, BroadcastDimsAreNeededWhole) {
  const std::vector<TensorType> in = {F32({2, 3, 4}), F32({3, 1}), TensorType{}};
  const IndexRule rule = PointwiseRule(in, F32({2, 3, 4}), {-1});
  EXPECT_EQ(rule.ToString(), "d0 d1 d2!, d1 _,  -> d0 d1 d2!");
  EXPECT_EQ(FindRuleFault(rule, in, F32({2, 3, 4})), "");
  const Box factors{{1, 2}, {0, 2}, {0, 4}};
  EXPECT_EQ(ToString(OperandBox(rule.inputs[1], factors, in[1].dims)), "[0,2)x[0,1)");
  EXPECT_EQ(ToString(OperandBox(rule.inputs[2], factors, in[2].dims)), "scalar");
}

TEST(OperandBox, AnEmptyFactorBoxNeedsNothing) {
  const auto rule = ParseIndexRule("_ c -> c", {F32({4, 6})}, F32({6}));
  ASSERT_TRUE(rule.ok());
  const Box factors{{3, 3}};
  EXPECT_EQ(NumElements(OperandBox(rule->inputs[0], factors, {4, 6})), 0);
}

TEST(FindRuleFault, NamesTheBrokenClause) {
  const std::vector<TensorType> in = {F32({4, 6})};
  const TensorType out = F32({4, 6});
  const auto fault = [&](auto break_rule) {
    IndexRule rule = PointwiseRule(in, out);
    break_rule(rule);
    return FindRuleFault(rule, in, out);
  };
  EXPECT_EQ(fault([](IndexRule&) {}), "");
  EXPECT_EQ(fault([](IndexRule& r) { r.inputs.clear(); }),
            "one operand rule per input is needed");
  EXPECT_EQ(fault([](IndexRule& r) { r.inputs[0].pop_back(); }),
            "input 0 has another rank than f32[4,6]");
  EXPECT_EQ(fault([](IndexRule& r) { r.output.pop_back(); }),
            "the output has another rank");
  EXPECT_EQ(fault([](IndexRule& r) { r.output[1].map = IndexMap::Shift(1); }),
            "output dim 1 is not the identity of a factor");
  EXPECT_EQ(fault([](IndexRule& r) { r.output[1].factor = kWholeDim; }),
            "output dim 1 is not the identity of a factor");
  EXPECT_EQ(fault([](IndexRule& r) { r.output[1].factor = 0; }),
            "output dim 1 repeats a factor");
  EXPECT_EQ(fault([](IndexRule& r) { r.factors[1].kind = FactorKind::kReduce; }),
            "reduced d1 is an output dim");
  EXPECT_EQ(fault([](IndexRule& r) { r.factors[1].size = 5; }),
            "factor d1 has another size");
  EXPECT_EQ(fault([](IndexRule& r) {
              r.factors.push_back({"extra", 2});
            }),
            "parallel factor extra is not an output dim");
}

}  // namespace
}  // namespace tatami
