#include "ops/dropout.h"

#include <cmath>
#include <vector>

#include "core/random.h"
#include "gtest/gtest.h"
#include "ops/interpret.h"

namespace tatami {
namespace {

constexpr int64_t kElements = 20000;

// Dropout of ones: 0 or the scale.
std::vector<double> Ones(DropoutOptions options, double step) {
  GraphBuilder g("dropout");
  const Value x = g.Input("x", {DType::kF32, {kElements / 4, 4}});
  const Value s = g.Input("step", {DType::kF32, {}});
  const Value y = Dropout(g, x, s, options);
  const auto graph = g.Finish();
  const auto values =
      InterpretF64(*graph, {{x.id, std::vector<double>(kElements, 1)}, {s.id, {step}}});
  return (*values)[y.id];
}

int64_t Kept(const std::vector<double>& y) {
  int64_t kept = 0;
  for (double v : y) kept += v != 0;
  return kept;
}

TEST(Dropout, KeepsTheAskedShareAndItsMean) {
  for (double p : {0.0, 0.1, 0.5, 0.9}) {
    const auto y = Ones({.probability = p, .seed = 3, .stream = 4}, 7);
    // Five standard deviations of a binomial; the draws are fixed.
    const double n = kElements;
    EXPECT_NEAR(static_cast<double>(Kept(y)), n * (1 - p),
                5 * std::sqrt(n * p * (1 - p)));
    for (double v : y) EXPECT_TRUE(v == 0 || v == 1 / (1 - p));
  }
}

TEST(Dropout, TheMaskAtStepZeroIsTheStreamOfUniforms) {
  const auto y = Ones({.probability = 0.3, .seed = 3, .stream = 4}, 0);
  for (int64_t e = 0; e < kElements; ++e) {
    EXPECT_EQ(y[e] != 0, RandomUniform(3, 4, e) >= 0.3) << e;
  }
}

// Two independent masks with p = 1/2 agree on half of their elements.
TEST(Dropout, StepSeedAndStreamEachDrawAnIndependentMask) {
  const DropoutOptions base{.probability = 0.5, .seed = 3, .stream = 4};
  const auto y = Ones(base, 7);
  EXPECT_EQ(y, Ones(base, 7));
  DropoutOptions seed = base, stream = base;
  seed.seed = 5;
  stream.stream = 6;
  for (const auto& other : {Ones(base, 8), Ones(seed, 7), Ones(stream, 7)}) {
    int64_t equal = 0;
    for (int64_t e = 0; e < kElements; ++e) equal += y[e] == other[e];
    EXPECT_NEAR(static_cast<double>(equal), kElements / 2.0,
                5 * std::sqrt(kElements / 4.0));
  }
}

TEST(Dropout, RefusesAProbabilityOfOne) {
  GraphBuilder g("dropout");
  const Value x = g.Input("x", {DType::kF32, {4}});
  Dropout(g, x, g.Input("step", {DType::kF32, {}}), {.probability = 1});
  EXPECT_EQ(g.Finish().status().message(),
            "E0107: dropout needs a probability in [0, 1); got f32[4], step f32[] and "
            "probability 1 (in dropout)");
}

}  // namespace
}  // namespace tatami
