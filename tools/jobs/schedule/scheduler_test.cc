// Decisions on small meshes, each rule by itself.
#include "tools/jobs/schedule/scheduler.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace tatami::jobs {
namespace {

using ::testing::ElementsAre;

ClusterState Grid(int64_t rows, int64_t cols) {
  return {.grid = {rows, cols}, .queues = {{.name = "a"}, {.name = "b"}}};
}

PendingJob Job(int64_t id, Mesh shape, int64_t time_limit_s = 100) {
  return {.id = id,
          .shape = shape,
          .queue = "a",
          .user = "u",
          .submit_s = id,
          .time_limit_s = time_limit_s};
}

RunningJob Running(int64_t id, Rectangle at, int64_t end_s) {
  return {.id = id, .rectangle = at, .queue = "a", .end_estimate_s = end_s};
}

TEST(Schedule, StartsInOrderAndPromisesTheFirstThatCannot) {
  const Decision d =
      Schedule(Grid(4, 4), {Job(2, {4, 4}), Job(3, {2, 2}, 50), Job(4, {2, 2}, 500)},
               {Running(1, {0, 0, 2, 4}, 160)}, 100);
  EXPECT_THAT(d.starts, ElementsAre(Start{.id = 3, .rectangle = {2, 0, 2, 2}}));
  EXPECT_EQ(d.reserved,
            (Reservation{.id = 2, .rectangle = {0, 0, 4, 4}, .start_s = 160}));
  ASSERT_EQ(d.waiting.size(), 2);
  EXPECT_EQ(d.waiting[0],
            (Waiting{2, WaitReason::kNoRect,
                     "waits for a free 4x4 rectangle; 4 nodes are free, the largest "
                     "free rectangle is 2x2",
                     StartKind::kForecast, 160}));
  EXPECT_EQ(d.waiting[1],
            (Waiting{4, WaitReason::kTimeLimit,
                     "would be in the way of job 2, which starts on 4x4 at (0,0) in 60 "
                     "s; with a time limit of at most 60 s it could start now",
                     StartKind::kForecast, 260}));
}

}  // namespace
}  // namespace tatami::jobs
