#include "compiler/lower/schedule.h"

#include "absl/strings/match.h"
#include "compiler/lower/placement.h"
#include "compiler/test_graphs.h"
#include "gtest/gtest.h"

namespace tatami {
namespace {

// What a call reads from staging buffers, on the node with most.
int64_t StagingBytes(const Program& program, const ComputeOp& compute) {
  int64_t bytes = 0;
  for (const int in : compute.in) {
    const ProgramBuffer& buffer = program.buffers[in];
    if (!absl::EndsWith(buffer.name, ".in")) continue;
    bytes += LargestPartBytes(buffer.placement, buffer.type.dtype);
  }
  return bytes;
}

TEST(ScheduleSupersteps, CallsOfASuperstepStageNoMoreThanTheLimitTogether) {
  int shared = 0;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    const Graph graph = DrawTrainingStep(seed, 6);
    const Plan plan = DrawPlan(graph, {2, 4}, seed);
    for (const int64_t limit : {int64_t{0}, int64_t{1} << 14, int64_t{1} << 17}) {
      const auto scheduled = ScheduleSupersteps(graph, plan, limit);
      ASSERT_TRUE(scheduled.ok()) << scheduled.status();
      const Program& program = scheduled->program;
      for (size_t s = 0; s < program.supersteps.size(); ++s) {
        int64_t bytes = 0;
        int calls = 0;
        for (const ComputeOp& compute : program.supersteps[s].computes) {
          const int64_t own = StagingBytes(program, compute);
          bytes += own;
          calls += own > 0;
        }
        if (calls < 2) continue;  // a call alone may need more
        ++shared;
        ASSERT_LE(bytes, limit) << "seed " << seed << ", superstep " << s;
      }
    }
  }
  EXPECT_GT(shared, 100);
}

}  // namespace
}  // namespace tatami
