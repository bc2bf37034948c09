#include "compiler/collective/row_reduce.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "gtest/gtest.h"

namespace tatami {
namespace {

// The closed forms of compilers.md 5.8, for a P whose root and logarithm are whole.
TEST(RowReduce, TreesHaveTheCyclesOfTheirClosedForms) {
  constexpr double kP = 16, kRoot = 4, kLog = 4;
  for (const int64_t words : {1, 5, 32, 1000}) {
    const auto b = static_cast<double>(words);
    EXPECT_DOUBLE_EQ(StarRow(16).Cycles(words),
                     std::max(b * (kP - 1), b * kP / 2 + kP - 1) + 5);
    EXPECT_DOUBLE_EQ(ChainRow(16).Cycles(words), b + 6 * (kP - 1));
    EXPECT_DOUBLE_EQ(
        BinaryRow(16).Cycles(words),
        std::max(b * kLog, b * (kP / 2) * kLog / (kP - 1) + kP - 1) + 5 * kLog);
    EXPECT_DOUBLE_EQ(
        TwoPhaseRow(16).Cycles(words),
        std::max(2 * b, 2 * b * (kP - kRoot) / (kP - 1) + kP - 1) + 10 * (kRoot - 1));
  }
}

TEST(RowReduce, OneNodeHasNothingToReduce) {
  EXPECT_EQ(BestRow(1, 10).Cycles(10), 0);
  EXPECT_EQ(GeneratedRowCycles(1, 10), 0);
}

// All trees in which a parent stands left of its child, whether their subtrees are
// unbroken stretches or not: (P-1)! of them.
TEST(RowReduce, TheProgrammeFindsTheLeastEnergyOfAllTrees) {
  for (int64_t nodes = 2; nodes <= 8; ++nodes) {
    for (const int64_t words : {1, 4, 20, 200}) {
      std::vector<int64_t> parent(nodes, -1), depth(nodes, 0);
      double least = 1e18;
      const std::function<void(int64_t, int64_t)> try_all = [&](int64_t n,
                                                                int64_t hops) {
        if (n == nodes) {
          const auto d = *std::max_element(depth.begin(), depth.end());
          least = std::min(least, static_cast<double>(words * hops) /
                                          static_cast<double>(nodes - 1) +
                                      static_cast<double>(nodes - 1 + 5 * d));
          return;
        }
        for (int64_t p = 0; p < n; ++p) {
          depth[n] = depth[p] + 1;
          try_all(n + 1, hops + n - p);
        }
      };
      try_all(1, 0);
      EXPECT_DOUBLE_EQ(GeneratedRowCycles(nodes, words), least)
          << nodes << " nodes, " << words << " words";
    }
  }
}

// "star wins at B=1 (1.03x of auto-gen), two-phase at 32 (1.05x), chain from 128 up
// (1.00x)": compilers.md 5.8, for its closed forms, where the root of 18 is no number.
TEST(RowReduce, EighteenNodesAgreeWithThePublishedWinners) {
  const auto over = [](const RowTree& tree, int64_t words) {
    return tree.Cycles(words) / GeneratedRowCycles(18, words);
  };
  EXPECT_NEAR(over(StarRow(18), 1), 1.03, 0.005);
  EXPECT_NEAR(over(TwoPhaseRow(18), 32), 1.05, 0.01);
  EXPECT_NEAR(over(ChainRow(18), 128), 1.00, 0.005);
  for (const int64_t words : {1, 2, 4, 8, 16, 32, 64, 128, 512}) {
    const double best = BestRow(18, words).Cycles(words);
    for (const RowTree& tree :
         {StarRow(18), ChainRow(18), BinaryRow(18), TwoPhaseRow(18)}) {
      EXPECT_LE(best, tree.Cycles(words)) << words << " words";
    }
    EXPECT_GE(best, GeneratedRowCycles(18, words));
  }
}

}  // namespace
}  // namespace tatami
