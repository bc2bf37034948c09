// Decisions on small meshes, each rule by itself.
#include "tools/jobs/schedule/scheduler.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tools/jobs/schedule/replay.h"
#include "tools/jobs/schedule/usage.h"

namespace tatami::jobs {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

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

std::vector<int64_t> IdsOf(const std::vector<Start>& starts) {
  std::vector<int64_t> ids;
  for (const Start& start : starts) ids.push_back(start.id);
  return ids;
}

// The only job that waits.
Waiting OnlyWaiting(const Decision& d) {
  EXPECT_THAT(d.starts, IsEmpty());
  EXPECT_EQ(d.waiting.size(), 1);
  return d.waiting.empty() ? Waiting() : d.waiting[0];
}

TEST(Schedule, StartsInOrderAndPromisesTheFirstThatCannot) {
  const Decision d =
      Schedule(Grid(4, 4), {Job(2, {4, 4}), Job(3, {2, 2}, 50), Job(4, {2, 2}, 500)},
               {Running(1, {0, 0, 2, 4}, 160)}, 100);
  EXPECT_THAT(d.starts, ElementsAre(Start{.id = 3, .rectangle = {2, 0, 2, 2}}));
  EXPECT_EQ(d.reserved,
            (Reservation{.id = 2, .rectangle = {0, 0, 4, 4}, .start_s = 160}));
  ASSERT_EQ(d.waiting.size(), 2);
  EXPECT_EQ(d.waiting.at(0),
            (Waiting{2, WaitReason::kNoRect,
                     "waits for a free 4x4 rectangle; 4 nodes are free, the largest "
                     "free rectangle is 2x2",
                     StartKind::kForecast, 160}));
  EXPECT_EQ(d.waiting.at(1),
            (Waiting{4, WaitReason::kTimeLimit,
                     "would be in the way of job 2, which starts on 4x4 at (0,0) in 60 "
                     "s; with a time limit of at most 60 s it could start now",
                     StartKind::kForecast, 260}));
}

TEST(Schedule, WithoutBackfillNothingPasses) {
  const Decision d =
      Schedule(Grid(4, 4), {Job(2, {4, 4}), Job(3, {2, 2}, 50)},
               {Running(1, {0, 0, 2, 4}, 160)}, 100, {.backfill = Backfill::kNone});
  EXPECT_THAT(d.starts, IsEmpty());
  EXPECT_EQ(d.waiting.at(1),
            (Waiting{3, WaitReason::kPriority,
                     "goes after job 2, which starts on 4x4 at (0,0) in 60 s",
                     StartKind::kForecast, 260}));
}

TEST(Schedule, ARunningJobThatOutlivesItsEstimateMayEndAnySecond) {
  const Decision d =
      Schedule(Grid(2, 2), {Job(2, {2, 2})}, {Running(1, {0, 0, 2, 2}, 50)}, 100);
  EXPECT_EQ(d.reserved.value().start_s, 101);
}

TEST(Reasons, SayWhatWouldFit) {
  ClusterState cluster = Grid(4, 4);
  cluster.dead = {{1, 1}};
  EXPECT_EQ(
      OnlyWaiting(Schedule(cluster, {Job(1, {3, 4})}, {}, 5)),
      (Waiting{1, WaitReason::kTooLarge,
               "a 3x4 or 4x3 rectangle fits nowhere: 15 of the 16 nodes of the "
               "4x4 mesh live, and the largest live rectangle of at most 12 nodes "
               "is 2x4",
               StartKind::kUnknown, 0}));
}

TEST(Reasons, NameQueuesAndQuotas) {
  ClusterState cluster = Grid(4, 4);
  cluster.queues[0].quota_nodes = 4;
  cluster.queues[0].borrow_nodes_max = 2;
  EXPECT_EQ(OnlyWaiting(Schedule(cluster, {Job(1, {2, 4})}, {}, 5)),
            (Waiting{1, WaitReason::kTooLarge,
                     "needs 8 nodes, and queue 'a' may never hold more than 6: its "
                     "quota is 4, it may borrow 2",
                     StartKind::kUnknown, 0}));
  EXPECT_EQ(OnlyWaiting(
                Schedule(cluster, {Job(1, {2, 2})}, {Running(9, {0, 0, 1, 4}, 60)}, 5)),
            (Waiting{1, WaitReason::kQuota,
                     "needs 4 nodes, and queue 'a' holds 4 of the 6 that it may",
                     StartKind::kForecast, 60}));
  PendingJob stray = Job(1, {1, 1});
  stray.queue = "c";
  EXPECT_EQ(OnlyWaiting(Schedule(cluster, {stray}, {}, 5)),
            (Waiting{1, WaitReason::kNoQueue, "there is no queue 'c'; queues are a, b",
                     StartKind::kUnknown, 0}));
}

TEST(Reasons, TellHeldDelayedAndDrained) {
  ClusterState cluster = Grid(2, 2);
  PendingJob job = Job(1, {2, 2});
  job.held = true;
  EXPECT_EQ(OnlyWaiting(Schedule(cluster, {job}, {}, 5)),
            (Waiting{1, WaitReason::kHeld, "is held until someone releases it",
                     StartKind::kUnknown, 0}));
  job.held = false;
  job.not_before_s = 25;
  EXPECT_EQ(OnlyWaiting(Schedule(cluster, {job}, {}, 5)),
            (Waiting{1, WaitReason::kNotBefore, "is not to start for another 20 s",
                     StartKind::kForecast, 25}));
  job.not_before_s = 0;
  cluster.drained = {{0, 1}};
  EXPECT_EQ(OnlyWaiting(Schedule(cluster, {job}, {}, 5)),
            (Waiting{1, WaitReason::kDrained,
                     "a free 2x2 rectangle has some of the 1 drained nodes in it",
                     StartKind::kUnknown, 0}));
}

TEST(Reasons, TellWhoTookTheLastRectangle) {
  const Decision d = Schedule(Grid(2, 4), {Job(1, {2, 3}), Job(2, {2, 2})}, {}, 5);
  EXPECT_THAT(IdsOf(d.starts), ElementsAre(1));
  EXPECT_EQ(d.waiting.at(0),
            (Waiting{2, WaitReason::kPriority,
                     "jobs that go before it start on the last free 2x2 rectangle",
                     StartKind::kForecast, 105}));
}

TEST(Reasons, TellWhenTheQueueOwesItsQuota) {
  ClusterState cluster = Grid(4, 4);
  cluster.queues[0].quota_nodes = 6;
  cluster.queues[0].borrow_nodes_max = 0;
  const Decision d = Schedule(cluster, {Job(2, {2, 2}), Job(3, {1, 3}, 500)},
                              {Running(1, {0, 0, 1, 3}, 60)}, 10);
  EXPECT_EQ(d.reserved.value().id, 2);
  EXPECT_EQ(d.waiting.at(1).reason, WaitReason::kQuota);
  EXPECT_EQ(d.waiting.at(1).text,
            absl::StrCat("its queue 'a' owes the nodes to job 2, which starts on ",
                         d.reserved.value().rectangle.ToString(), " in 50 s"));
}

TEST(Order, APointOfPriorityIsWorthAnHour) {
  std::vector<PendingJob> jobs = {Job(1, {2, 2}), Job(2, {2, 2})};
  jobs[1].priority = 1;
  jobs[1].submit_s = jobs[0].submit_s + 3600;
  EXPECT_THAT(IdsOf(Schedule(Grid(2, 2), jobs, {}, 4000).starts), ElementsAre(1));
  jobs[1].submit_s -= 1;
  EXPECT_THAT(IdsOf(Schedule(Grid(2, 2), jobs, {}, 4000).starts), ElementsAre(2));
}

// Job 1 waited 99 s longer; its user had the whole mesh for 200 s, of which after one
// half-life 100 s count.
TEST(Order, UsersThatHadLessGoFirst) {
  ClusterState cluster = Grid(2, 2);
  std::vector<PendingJob> jobs = {Job(1, {2, 2}), Job(2, {2, 2})};
  jobs[1].user = "v";
  jobs[0].submit_s = 901;
  jobs[1].submit_s = 1000;
  cluster.usage = {{.user = "u", .node_s = 4 * 200, .as_of_s = 0}};
  const SchedulerOptions options = {.usage_half_life_s = 1000};
  EXPECT_THAT(IdsOf(Schedule(cluster, jobs, {}, 1000, options).starts), ElementsAre(2));
  jobs[0].submit_s = 899;
  EXPECT_THAT(IdsOf(Schedule(cluster, jobs, {}, 1000, options).starts), ElementsAre(1));
}

TEST(Order, HigherBandsGoFirstUntilPatienceIsLost) {
  ClusterState cluster = Grid(2, 2);
  cluster.queues[1].band = 1;
  std::vector<PendingJob> jobs = {Job(1, {2, 2}), Job(2, {2, 2})};
  jobs[1].queue = "b";
  const SchedulerOptions options = {.patience_s = 500};
  EXPECT_THAT(IdsOf(Schedule(cluster, jobs, {}, 500, options).starts), ElementsAre(2));
  EXPECT_THAT(IdsOf(Schedule(cluster, jobs, {}, 501, options).starts), ElementsAre(1));
}

TEST(Order, AHigherBandGoesFirstEvenWhereItBorrows) {
  ClusterState cluster = Grid(2, 2);
  cluster.queues[1].band = 1;
  cluster.queues[1].quota_nodes = 0;
  std::vector<PendingJob> jobs = {Job(1, {2, 2}), Job(2, {2, 2})};
  jobs[1].queue = "b";
  EXPECT_THAT(IdsOf(Schedule(cluster, jobs, {}, 50).starts), ElementsAre(2));
}

TEST(Order, WhatAQueueLentIsGivenBackFirst) {
  ClusterState cluster = Grid(2, 4);
  cluster.queues = {{.name = "a", .quota_nodes = 4}, {.name = "b", .quota_nodes = 4}};
  std::vector<PendingJob> jobs = {Job(2, {2, 2}), Job(3, {2, 2})};
  jobs[1].queue = "b";
  EXPECT_THAT(
      IdsOf(Schedule(cluster, jobs, {Running(1, {0, 0, 2, 2}, 100)}, 50).starts),
      ElementsAre(3));
  jobs.pop_back();  // nobody else wants it
  EXPECT_THAT(
      IdsOf(Schedule(cluster, jobs, {Running(1, {0, 0, 2, 2}, 100)}, 50).starts),
      ElementsAre(2));
}

// Jobs of higher priority come without end; each fills the mesh.
TEST(Order, NobodyStarves) {
  Trace trace = {.cluster = Grid(2, 2)};
  trace.cluster.queues[1].band = 1;
  for (int64_t id = 0; id < 100; ++id) {
    TraceJob j = {.job = Job(id, {2, 2}, 10), .run_s = 10};
    j.job.submit_s = 5 * id;
    if (id != 1) {
      j.job.priority = 9;
      j.job.queue = "b";
    }
    trace.jobs.push_back(j);
  }
  // Once patience is lost at 5 + 200 s, what runs ends within 10 s, and nothing else
  // goes before.
  const auto runs = Replay(trace, {.patience_s = 200});
  EXPECT_GE(runs.at(1).start_s, 205);
  EXPECT_LE(runs.at(1).start_s, 215);
}

TEST(Promises, StandAgainstPriorityAndYieldToBands) {
  ClusterState cluster = Grid(2, 2);
  cluster.queues[1].band = 1;
  cluster.promised = Reservation{.id = 2, .rectangle = {0, 0, 2, 2}, .start_s = 60};
  const std::vector<RunningJob> running = {Running(1, {0, 0, 1, 2}, 60)};
  std::vector<PendingJob> jobs = {Job(2, {2, 2}), Job(3, {2, 2})};
  jobs[1].priority = 100;
  EXPECT_EQ(Schedule(cluster, jobs, running, 50).reserved.value().id, 2);
  jobs[1].queue = "b";
  EXPECT_EQ(Schedule(cluster, jobs, running, 50).reserved.value().id, 3);
}

TEST(Promises, KeepTheirRectangleOnlyWhileItHasTheJobsShape) {
  ClusterState cluster = Grid(2, 4);
  cluster.promised = Reservation{.id = 2, .rectangle = {0, 2, 2, 2}, .start_s = 60};
  const std::vector<RunningJob> running = {Running(1, {0, 0, 2, 4}, 60)};
  EXPECT_EQ(Schedule(cluster, {Job(2, {2, 2})}, running, 50).reserved,
            cluster.promised);
  const Decision d = Schedule(cluster, {Job(2, {1, 4})}, running, 50);
  EXPECT_EQ(d.reserved.value().rectangle, (Rectangle{0, 0, 1, 4}));
}

// Free: columns 1 and 3, four nodes; no 2x2 of them. The cheapest move is that of the
// smaller job.
TEST(Moves, ClearARectangleForTheFirstJob) {
  std::vector<RunningJob> running = {Running(1, {0, 0, 2, 1}, 10'000),
                                     Running(2, {0, 2, 1, 1}, 10'000),
                                     Running(3, {1, 2, 1, 1}, 10'000)};
  for (RunningJob& r : running) r.movable = true;
  running[2].movable = false;
  const SchedulerOptions options = {
      .defragmentation = {.moves_max = 2, .move_cost_s = 30}};
  const Decision d = Schedule(Grid(2, 4), {Job(4, {2, 2})}, running, 50, options);
  EXPECT_THAT(d.moves,
              ElementsAre(Move{.id = 1, .from = {0, 0, 2, 1}, .to = {0, 3, 2, 1}}));
  EXPECT_THAT(d.starts, ElementsAre(Start{
                            .id = 4, .rectangle = {0, 0, 2, 2}, .after_moves = true}));
  // A pause of 30 s for 2 nodes is not worth the 15 s that 4 nodes gain beyond it.
  for (RunningJob& r : running) r.end_estimate_s = 50 + 30 + 15;
  EXPECT_THAT(Schedule(Grid(2, 4), {Job(4, {2, 2})}, running, 50, options).moves,
              IsEmpty());
  for (RunningJob& r : running) r.end_estimate_s = 50 + 30 + 16;
  EXPECT_EQ(Schedule(Grid(2, 4), {Job(4, {2, 2})}, running, 50, options).moves.size(),
            1);
}

// Row 0 is cleared for job 3, which so starts at 80 and ends by 1080; job 4 is promised
// the whole mesh then. Job 5 fits where job 1 was, and has to wait for the same move.
TEST(Moves, DelayWhatIsBackfilledWhereTheyWere) {
  std::vector<RunningJob> running = {Running(1, {0, 2, 2, 2}, 500),
                                     Running(2, {2, 2, 1, 2}, 500)};
  running[0].movable = true;
  const SchedulerOptions options = {
      .defragmentation = {.moves_max = 1, .move_cost_s = 30}};
  std::vector<PendingJob> jobs = {Job(3, {1, 5}, 1000), Job(4, {3, 6}),
                                  Job(5, {1, 4}, 1000)};
  const Decision d = Schedule(Grid(3, 6), jobs, running, 50, options);
  EXPECT_THAT(d.starts,
              ElementsAre(Start{3, {0, 0, 1, 5}, true}, Start{5, {1, 2, 1, 4}, true}));
  EXPECT_EQ(d.reserved.value().start_s, 1080);
  jobs[2].time_limit_s = 1001;
  EXPECT_THAT(IdsOf(Schedule(Grid(3, 6), jobs, running, 50, options).starts),
              ElementsAre(3));
}

TEST(Forecast, SaysHowFarItLooked) {
  std::vector<PendingJob> jobs;
  for (int64_t id = 1; id <= 5; ++id) jobs.push_back(Job(id, {2, 2}, 10));
  const Decision d = Schedule(Grid(2, 2), jobs, {}, 100, {.forecast_steps_max = 2});
  ASSERT_EQ(d.waiting.size(), 4);
  EXPECT_EQ(d.waiting.at(1).start_kind, StartKind::kForecast);
  EXPECT_EQ(d.waiting.at(1).earliest_start_s, 120);
  EXPECT_EQ(d.waiting.at(3).start_kind, StartKind::kAtLeast);
  EXPECT_EQ(d.waiting.at(3).earliest_start_s, 120);
}

// Second by second: each fades by the time since. Midpoints of seconds differ from the
// integral by at most nodes x (ln 2 / half-life)^2 / 24 each.
TEST(Usage, IsTheSumOfFadedSeconds) {
  constexpr int64_t kHalfLife_s = 1000;
  double sum = 0;
  for (int t = 0; t < 5000; ++t) sum += 3 * std::exp2(-(4999.5 - t) / kHalfLife_s);
  Usage usage;
  AddUsage(usage, 3, 0, 5000, kHalfLife_s);
  const double slack = 3 * 5000 * std::pow(std::log(2.0) / kHalfLife_s, 2) / 24;
  EXPECT_NEAR(usage.node_s, sum, slack);
  Usage parts;
  AddUsage(parts, 3, 0, 1234, kHalfLife_s);
  AddUsage(parts, 3, 1234, 5000, kHalfLife_s);
  // Fewer than 16 operations, each of which rounds by 2^-53 of at most node_s.
  EXPECT_NEAR(parts.node_s, usage.node_s, 16 * 0x1p-53 * usage.node_s);
  EXPECT_DOUBLE_EQ(DecayedNodeSeconds(usage, 6000, kHalfLife_s), usage.node_s / 2);
}

TEST(Schedule, AJobListedTwiceIsABug) {
  EXPECT_DEATH(Schedule(Grid(2, 2), {Job(1, {1, 1})}, {Running(1, {0, 0, 1, 1}, 9)}, 5),
               "job 1 is listed twice");
}

}  // namespace
}  // namespace tatami::jobs
