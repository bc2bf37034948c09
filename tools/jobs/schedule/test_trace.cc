#include "tools/jobs/schedule/test_trace.h"

#include <algorithm>
#include <iostream>
#include <random>

#include "core/test_draw.h"
#include "gtest/gtest.h"
#include "tools/jobs/schedule/test_judge.h"

namespace tatami::jobs {
namespace {

std::vector<NodeCoord> DrawNodes(const Mesh& grid, int64_t count, Draw& draw) {
  std::vector<NodeCoord> nodes;
  for (int64_t i = 0; i < count; ++i) {
    nodes.push_back({draw(0, grid.rows - 1), draw(0, grid.cols - 1)});
  }
  return nodes;
}

std::vector<Queue> DrawQueues(const Mesh& grid, Draw& draw) {
  std::vector<Queue> queues = {{.name = "a"}};
  if (draw(0, 3) == 0) return queues;
  queues.push_back({.name = "b", .band = draw(0, 3) == 0 ? 1 : 0});
  if (draw(0, 1) == 0) queues.push_back({.name = "c", .band = draw(0, 1)});
  for (Queue& queue : queues) {
    if (draw(0, 3) != 0) queue.quota_nodes = draw(0, grid.nodes());
    if (draw(0, 2) == 0) queue.borrow_nodes_max = draw(0, grid.nodes() / 2);
  }
  return queues;
}

TraceJob DrawJob(int64_t id, const RandomTrace& random, int64_t limit_max, Draw& draw) {
  const Mesh& grid = random.trace.cluster.grid;
  const std::vector<Queue>& queues = random.trace.cluster.queues;
  const int64_t side = std::max(grid.rows, grid.cols);
  TraceJob j;
  j.job.id = id;
  j.job.shape = {draw(1, draw(1, side)), draw(1, draw(1, side))};
  j.job.queue = queues[draw(0, static_cast<int64_t>(queues.size()) - 1)].name;
  if (draw(0, 60) == 0) j.job.queue = "gone";
  j.job.user = draw(0, 1) == 0 ? "u" : "v";
  j.job.priority = draw(0, 2) == 0 ? draw(-2, 2) : 0;
  j.job.submit_s = draw(0, 1) == 0 ? draw(0, 20) : draw(0, 200);
  if (draw(0, 6) == 0) j.job.not_before_s = draw(0, 300);
  j.job.held = draw(0, 25) == 0;
  j.job.time_limit_s = draw(1, limit_max);
  j.run_s = random.estimates == Estimates::kExact ? j.job.time_limit_s
                                                  : draw(1, j.job.time_limit_s);
  j.movable = draw(0, 3) != 0;
  return j;
}

SchedulerOptions DrawOptions(Draw& draw) {
  SchedulerOptions options;
  if (draw(0, 2) == 0) options.placement = Placement::kFirstFit;
  if (draw(0, 5) == 0) options.backfill = Backfill::kNone;
  if (draw(0, 2) == 0) {
    options.defragmentation = {.moves_max = draw(1, 4), .move_cost_s = draw(0, 10)};
  }
  options.priority_worth_s = 50;
  options.usage_half_life_s = draw(50, 500);
  options.patience_s = draw(0, 2) == 0 ? 1'000'000 : draw(0, 150);
  options.forecast_steps_max = draw(0, 5) == 0 ? draw(0, 3) : 1000;
  return options;
}

}  // namespace

RandomTrace DrawTrace(uint64_t seed) {
  Draw draw = {.bits = std::mt19937_64(seed)};
  RandomTrace random = {.seed = seed};
  ClusterState& cluster = random.trace.cluster;
  cluster.grid = {draw(1, 6), draw(1, 6)};
  if (draw(0, 1) == 0) cluster.dead = DrawNodes(cluster.grid, draw(1, 3), draw);
  if (draw(0, 3) == 0) cluster.drained = DrawNodes(cluster.grid, draw(1, 3), draw);
  cluster.queues = DrawQueues(cluster.grid, draw);
  if (draw(0, 1) == 0) {
    cluster.usage.push_back(
        {.user = "u", .node_s = static_cast<double>(draw(0, 9000))});
  }
  if (draw(0, 4) == 0) {
    random.trace.changes.push_back(
        {.at_s = draw(1, 300),
         .dead = DrawNodes(cluster.grid, draw(0, 3), draw),
         .drained = DrawNodes(cluster.grid, draw(0, 3), draw)});
  }
  random.options = DrawOptions(draw);
  random.estimates = draw(0, 1) == 0 ? Estimates::kExact : Estimates::kTooLong;
  const int64_t limit_max = draw(0, 1) == 0 ? 10 : 100;
  const int64_t jobs = draw(0, 3) == 0 ? draw(10, 30) : draw(2, 14);
  for (int64_t id = 1; id <= jobs; ++id) {
    random.trace.jobs.push_back(DrawJob(id, random, limit_max, draw));
  }
  return random;
}

void ReplayAndCheck(const RandomTrace& random, TraceCounts& counts) {
  Judge judge(random, counts);
  const auto runs = Replay(random.trace, random.options,
                           [&judge](const ReplayStep& step) { judge.Check(step); });
  judge.CheckEnd(runs);
}

void ExpectTracesObeyEveryRule(uint64_t count) {
  TraceCounts counts;
  for (uint64_t seed = 0; seed < count; ++seed) {
    ReplayAndCheck(DrawTrace(seed), counts);
    if (::testing::Test::HasFailure()) FAIL() << "seed " << seed;
  }
  std::cout << counts.decisions << " decisions, " << counts.starts << " starts, "
            << counts.moves << " moves, " << counts.backfilled
            << " backfilled into a promised rectangle, " << counts.promises_kept
            << " promises kept, " << counts.borrowed << " borrowed, "
            << counts.waits_bounded << " waits bounded, " << counts.forecasts_checked
            << " forecasts\n";
  for (const uint64_t checked :
       {counts.starts, counts.moves, counts.backfilled, counts.promises_kept,
        counts.borrowed, counts.waits_bounded, counts.forecasts_checked}) {
    EXPECT_GT(checked, count / 100);
  }
  EXPECT_EQ(counts.reasons.size(), 9u) << "some reason was never given";
}

}  // namespace tatami::jobs
