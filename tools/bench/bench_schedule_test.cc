#include "tools/bench/bench_schedule.h"

#include "gtest/gtest.h"

namespace tatami {
namespace {

// What the project asks of its scheduler, mean of six seeds: 0.82 of all node time,
// 0.90 where jobs may be moved; and what no choice of rectangles can change: they cost.
TEST(BenchSchedule, TheMeshIsAsBusyAsAsked) {
  const ScheduleBenchResult result = BenchSchedule(6);
  ASSERT_EQ(result.uses.size(), 12);
  for (size_t first = 0; first < 12; first += 6) {
    const auto use = [&](size_t policy) { return result.uses[first + policy].use; };
    EXPECT_GE(use(3), 0.82) << result.uses[first + 3].policy;
    EXPECT_GE(use(4), 0.90) << result.uses[first + 4].policy;
    EXPECT_GT(result.uses[first + 4].moves, 0);
    for (size_t policy = 0; policy < 5; ++policy) EXPECT_LT(use(policy), use(5));
    EXPECT_LT(use(1), use(3));  // backfill
    EXPECT_LT(use(3), use(4));  // moves
  }
}

TEST(BenchSchedule, TimesDecisionsOnAFullMesh) {
  for (const DecisionTime& time : BenchSchedule(1).times) {
    EXPECT_GT(time.running, 20) << time.mesh;
    EXPECT_GT(time.seconds_median, 0);
    EXPECT_GE(time.seconds_max, time.seconds_median);
  }
}

}  // namespace
}  // namespace tatami
