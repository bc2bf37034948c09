#include "core/random.h"

#include <cmath>
#include <set>
#include <vector>

#include "gtest/gtest.h"

namespace tatami {
namespace {

using Counter = std::array<uint32_t, 4>;

// The known-answer vectors of the authors' Random123 distribution, kat_vectors,
// philox4x32 with 10 rounds.
TEST(Philox, GivesThePublishedVectors) {
  EXPECT_EQ(Philox4x32({0, 0, 0, 0}, {0, 0}),
            (Counter{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  const uint32_t ones = 0xffffffff;
  EXPECT_EQ(Philox4x32({ones, ones, ones, ones}, {ones, ones}),
            (Counter{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(Philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
                       {0xa4093822, 0x299f31d0}),
            (Counter{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(RandomBits, IsTheFirstHalfOfTheBlockOfIndexAndStream) {
  EXPECT_EQ(RandomBits(0, 0, 0), 0x6627e8d5e169c58d);
  EXPECT_EQ(RandomBits(~uint64_t{0}, ~uint64_t{0}, ~uint64_t{0}), 0x408f276d41c83b0e);
  // Low words first: index 0x85a308d3'243f6a88 is the counter's first two words.
  EXPECT_EQ(RandomBits(0x299f31d0a4093822, 0x0370734413198a2e, 0x85a308d3243f6a88),
            0xd16cfe0994fdcceb);
}

TEST(RandomUniform, IsTheTop53BitsOfRandomBits) {
  for (uint64_t i = 0; i < 1000; ++i) {
    const double u = RandomUniform(1, 2, i);
    EXPECT_EQ(u, std::ldexp(static_cast<double>(RandomBits(1, 2, i) >> 11), -53));
    EXPECT_TRUE(u >= 0 && u < 1);
  }
}

TEST(RandomUniform, SeedStreamAndIndexAllChangeTheNumber) {
  std::set<double> seen;
  for (uint64_t seed = 0; seed < 4; ++seed) {
    for (uint64_t stream = 0; stream < 4; ++stream) {
      for (uint64_t index = 0; index < 64; ++index) {
        seen.insert(RandomUniform(seed, stream, index));
        seen.insert(RandomUniform(seed << 40, stream << 40, index << 40));
      }
    }
  }
  // 1024 pairs, of which those with seed = stream = index = 0 are the same triple. The
  // chance that any two of 2047 draws of 53 bits agree is below 2^-31.
  std::set<std::array<uint64_t, 3>> triples;
  for (uint64_t s = 0; s < 4; ++s) {
    for (uint64_t t = 0; t < 4; ++t) {
      for (uint64_t i = 0; i < 64; ++i) {
        triples.insert({s, t, i});
        triples.insert({s << 40, t << 40, i << 40});
      }
    }
  }
  EXPECT_EQ(seen.size(), triples.size());
}

// Bounds are five standard deviations of the estimators for n independent draws; the
// draws are fixed, so the test cannot fail by chance.
TEST(RandomUniform, HasTheMomentsOfTheUniform) {
  const int64_t n = 100000;
  double sum = 0, squares = 0;
  for (int64_t i = 0; i < n; ++i) {
    const double u = RandomUniform(3, 4, i) - 0.5;
    sum += u;
    squares += u * u;
  }
  // Var u = 1/12; Var u^2 = 1/80 - 1/144 = 1/180.
  EXPECT_NEAR(sum / n, 0, 5 * std::sqrt(1.0 / 12 / n));
  EXPECT_NEAR(squares / n, 1.0 / 12, 5 * std::sqrt(1.0 / 180 / n));
}

TEST(RandomNormal, HasTheMomentsAndTailsOfTheNormal) {
  const int64_t n = 100000;
  double sum = 0, squares = 0, fourth = 0;
  int64_t beyond_two = 0;
  for (int64_t i = 0; i < n; ++i) {
    const double x = RandomNormal(3, 4, i);
    ASSERT_TRUE(std::isfinite(x));
    sum += x;
    squares += x * x;
    fourth += x * x * x * x;
    beyond_two += std::abs(x) > 2;
  }
  // E x^2 = 1, E x^4 = 3, E x^8 = 105; P(|x| > 2) = erfc(sqrt 2).
  const double p = std::erfc(std::sqrt(2.0));
  EXPECT_NEAR(sum / n, 0, 5 / std::sqrt(n));
  EXPECT_NEAR(squares / n, 1, 5 * std::sqrt(2.0 / n));
  EXPECT_NEAR(fourth / n, 3, 5 * std::sqrt(96.0 / n));
  EXPECT_NEAR(static_cast<double>(beyond_two) / n, p, 5 * std::sqrt(p * (1 - p) / n));
}

// FNV-1a, 64 bits: the offset basis, and the published test value of "a" and "foobar".
TEST(StreamOf, IsFnv1a) {
  EXPECT_EQ(StreamOf(""), 0xcbf29ce484222325);
  EXPECT_EQ(StreamOf("a"), 0xaf63dc4c8601ec8c);
  EXPECT_EQ(StreamOf("foobar"), 0x85944171f73967e8);
}

}  // namespace
}  // namespace tatami
