// A hundred thousand random traces, each decision judged by checks that share no code
// with the scheduler.
#include <iostream>

#include "gtest/gtest.h"
#include "tools/jobs/schedule/test_trace.h"

namespace tatami::jobs {
namespace {

TEST(RandomTraces, ObeyEveryRule) {
  TraceCounts counts;
  constexpr uint64_t kTraces = 100'000;
  for (uint64_t seed = 0; seed < kTraces; ++seed) {
    ReplayAndCheck(DrawTrace(seed), counts);
    if (HasFailure()) FAIL() << "seed " << seed;
  }
  // Each check had something to look at.
  for (const uint64_t count :
       {counts.starts, counts.moves, counts.backfilled, counts.promises_kept,
        counts.borrowed, counts.waits_bounded, counts.forecasts_checked}) {
    EXPECT_GT(count, kTraces / 100);
  }
  EXPECT_EQ(counts.reasons.size(), 9u) << "some reason was never given";
  std::cout << counts.decisions << " decisions, " << counts.starts << " starts, "
            << counts.moves << " moves, " << counts.backfilled
            << " backfilled into a promised rectangle, " << counts.promises_kept
            << " promises kept, " << counts.borrowed << " borrowed, "
            << counts.waits_bounded << " waits bounded, " << counts.forecasts_checked
            << " forecasts\n";
}

}  // namespace
}  // namespace tatami::jobs
