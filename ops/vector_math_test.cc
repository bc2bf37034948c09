// Sweeps over every 1000th float: the accuracies that vector_math.h states.
#include "ops/vector_math.h"

#include <cmath>
#include <limits>

#include "gtest/gtest.h"

namespace tatami::vector_math {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Calls visit(x) for floats of both signs up to `largest`.
template <typename Visit>
void Sweep(float largest, Visit visit) {
  for (uint32_t bits = 0; bits <= std::bit_cast<uint32_t>(largest); bits += 997) {
    visit(std::bit_cast<float>(bits));
    visit(-std::bit_cast<float>(bits));
  }
}

// Units in the last place of a float result, denormals included. A NaN is infinitely
// wrong: std::max, which collects the worst, would pass over it.
double ErrorInUlps(float got, double want) {
  if (std::isnan(got)) return kInfinity;
  const int exponent = std::max(std::ilogb(want), -126) - 23;
  return std::abs(got - want) / std::ldexp(1.0, exponent);
}

TEST(VectorMath, ExpIsWithinTwoUlps) {
  double worst = 0;
  Sweep(88.7f, [&](float x) {
    worst = std::max(worst, ErrorInUlps(ExpF32(x), std::exp(double(x))));
  });
  EXPECT_LE(worst, 2);
  EXPECT_GT(worst, 0.4);  // the sweep does measure
}

TEST(VectorMath, ExpOfExtremes) {
  EXPECT_EQ(ExpF32(0), 1);
  EXPECT_EQ(ExpF32(89), kInfinity);
  EXPECT_EQ(ExpF32(kInfinity), kInfinity);
  EXPECT_EQ(ExpF32(-kInfinity), 0);
  EXPECT_EQ(ExpF32(-104), 0);
  EXPECT_GT(ExpF32(-100), 0);  // a denormal
  EXPECT_TRUE(std::isnan(ExpF32(NAN)));
}

TEST(VectorMath, TanhIsWithinTwoUlps) {
  double worst = 0;
  Sweep(20, [&](float x) {
    if (x != 0) worst = std::max(worst, ErrorInUlps(TanhF32(x), std::tanh(double(x))));
  });
  EXPECT_LE(worst, 2);
  EXPECT_GT(worst, 0.4);
  EXPECT_EQ(TanhF32(kInfinity), 1);
  EXPECT_EQ(TanhF32(-kInfinity), -1);
  EXPECT_TRUE(std::isnan(TanhF32(NAN)));
}

TEST(VectorMath, ErfIsWithinTwoUlps) {
  double worst = 0;
  Sweep(10, [&](float x) {
    if (x != 0) worst = std::max(worst, ErrorInUlps(ErfF32(x), std::erf(double(x))));
  });
  EXPECT_LE(worst, 2);
  EXPECT_GT(worst, 0.4);
  EXPECT_EQ(ErfF32(kInfinity), 1);
  EXPECT_EQ(ErfF32(-kInfinity), -1);
  EXPECT_EQ(ErfF32(3e38f), 1);
  EXPECT_TRUE(std::isnan(ErfF32(NAN)));
}

TEST(VectorMath, SigmoidOfExtremes) {
  EXPECT_EQ(Sigmoid(-kInfinity), 0);
  EXPECT_EQ(Sigmoid(kInfinity), 1);
  EXPECT_EQ(Sigmoid(0.0f), 0.5f);
}

}  // namespace
}  // namespace tatami::vector_math
