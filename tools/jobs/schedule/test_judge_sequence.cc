// The checks of reasons, and of what one decision promises about later ones.
#include <algorithm>
#include <random>

#include "gtest/gtest.h"
#include "tools/jobs/schedule/test_judge.h"

namespace tatami::jobs {
namespace {

bool Fits(const NaiveMap& map, const Mesh& shape) { return !map.Free(shape).empty(); }

const PendingJob& PendingOf(int64_t id, const ReplayStep& step) {
  return *std::find_if(step.pending.begin(), step.pending.end(),
                       [id](const PendingJob& job) { return job.id == id; });
}

void ExpectSame(const Decision& a, const Decision& b) {
  EXPECT_EQ(a.moves, b.moves);
  EXPECT_EQ(a.starts, b.starts);
  EXPECT_EQ(a.waiting, b.waiting);
  EXPECT_EQ(a.reserved, b.reserved);
}

// The limit that the text names would indeed let the job start.
void ExpectStartsWithin(int64_t limit_s, int64_t id, const ReplayStep& step,
                        SchedulerOptions options) {
  std::vector<PendingJob> pending = step.pending;
  for (PendingJob& job : pending) {
    if (job.id == id) job.time_limit_s = limit_s;
  }
  options.forecast_steps_max = 0;
  const Decision d = Schedule(step.cluster, pending, step.running, step.now_s, options);
  EXPECT_TRUE(std::any_of(d.starts.begin(), d.starts.end(),
                          [id](const Start& start) { return start.id == id; }))
      << "job " << id << " does not start within " << limit_s << " s";
}

}  // namespace

void Judge::CheckReasons(const ReplayStep& step, const std::vector<Holder>& after) {
  const Decision& d = step.decision;
  std::vector<Holder> before;
  for (const RunningJob& r : step.running) {
    before.push_back({r.id, r.rectangle, r.queue, r.end_estimate_s, r.movable});
  }
  const NaiveMap free_before = MapOf(step, before), free_after = MapOf(step, after);
  ClusterState undrained_cluster = step.cluster;
  undrained_cluster.drained.clear();
  const NaiveMap undrained = MapOf(
      ReplayStep{step.now_s, undrained_cluster, step.pending, step.running, d}, before);
  for (const Waiting& w : d.waiting) {
    ++counts_.reasons[w.reason];
    const PendingJob& job = PendingOf(w.id, step);
    const bool ready =
        w.reason != WaitReason::kHeld && w.reason != WaitReason::kNotBefore &&
        w.reason != WaitReason::kNoQueue && w.reason != WaitReason::kTooLarge;
    EXPECT_EQ(ready, IsReady(job, step)) << "job " << w.id << " " << w.text;
    EXPECT_TRUE(
        w.start_kind == StartKind::kUnknown || w.earliest_start_s > step.now_s ||
        (w.start_kind == StartKind::kAtLeast && w.earliest_start_s == step.now_s));
    if (w.reason == WaitReason::kNoRect) {
      EXPECT_FALSE(Fits(free_after, job.shape) || Fits(free_before, job.shape) ||
                   Fits(undrained, job.shape))
          << "job " << w.id;
    }
    if (w.reason == WaitReason::kDrained) {
      EXPECT_TRUE(!Fits(free_before, job.shape) && Fits(undrained, job.shape));
    }
    if (w.reason == WaitReason::kTimeLimit) {
      ASSERT_TRUE(d.reserved.has_value());
      const int64_t delay_s =
          d.moves.empty() ? 0 : random_.options.defragmentation.move_cost_s;
      ExpectStartsWithin(d.reserved->start_s - step.now_s - delay_s, w.id, step,
                         random_.options);
    }
    if (w.reason == WaitReason::kPriority) {
      EXPECT_TRUE(Fits(free_after, job.shape) || Fits(free_before, job.shape));
    }
  }
}

// Run times never exceed estimates here, so nothing but a higher band, or nodes that
// die or are drained, excuses a promise that is not kept.
void Judge::CheckPromise(const ReplayStep& step) {
  const auto& reserved = step.decision.reserved;
  if (promise_) {
    const int64_t id = promise_->id;
    const int64_t band = BandOf(PendingOf(id, step), step);
    const bool outranked = std::any_of(
        step.pending.begin(), step.pending.end(), [&](const PendingJob& job) {
          return IsReady(job, step) && BandOf(job, step) > band;
        });
    const bool changed = std::any_of(
        random_.trace.changes.begin(), random_.trace.changes.end(),
        [&step](const NodeChange& change) { return change.at_s == step.now_s; });
    const auto& starts = step.decision.starts;
    const auto start = std::find_if(starts.begin(), starts.end(),
                                    [id](const Start& s) { return s.id == id; });
    if (outranked || changed) {
      promise_.reset();
    } else if (start != starts.end()) {
      const int64_t delay_s =
          start->after_moves ? random_.options.defragmentation.move_cost_s : 0;
      EXPECT_LE(step.now_s + delay_s, promise_->start_s) << "job " << id;
      ++counts_.promises_kept;
      promise_.reset();
    } else {
      EXPECT_TRUE(reserved && reserved->id == id)
          << "job " << id << " lost its promise";
      EXPECT_TRUE(reserved && reserved->start_s <= promise_->start_s)
          << "job " << id << " was promised " << promise_->start_s;
    }
  }
  if (!promise_) promise_ = reserved;
}

void Judge::CheckOrderOfLists(const ReplayStep& step) {
  std::mt19937_64 bits(random_.seed + static_cast<uint64_t>(step.now_s));
  std::vector<PendingJob> pending = step.pending;
  std::vector<RunningJob> running = step.running;
  ClusterState cluster = step.cluster;
  std::shuffle(pending.begin(), pending.end(), bits);
  std::shuffle(running.begin(), running.end(), bits);
  std::shuffle(cluster.dead.begin(), cluster.dead.end(), bits);
  std::shuffle(cluster.drained.begin(), cluster.drained.end(), bits);
  std::shuffle(cluster.queues.begin(), cluster.queues.end(), bits);
  ExpectSame(Schedule(cluster, pending, running, step.now_s, random_.options),
             step.decision);
}

// Once no job or change is to come, where every job takes as long as estimated and
// nothing but ends of jobs changes their order, forecasts are what happens.
void Judge::NoteForecast(const ReplayStep& step) {
  const SchedulerOptions& options = random_.options;
  if (random_.estimates != Estimates::kExact || !random_.trace.changes.empty() ||
      !step.cluster.usage.empty() || options.defragmentation.moves_max > 0 ||
      options.patience_s < 1000 || options.forecast_steps_max < 1000 ||
      !forecast_.empty()) {
    return;
  }
  for (const TraceJob& j : random_.trace.jobs) {
    const bool stops_in_vain = j.job.not_before_s > step.now_s && j.job.held;
    if (j.job.submit_s > step.now_s || stops_in_vain) return;
  }
  for (const Waiting& w : step.decision.waiting) {
    EXPECT_NE(w.start_kind, StartKind::kAtLeast);
    forecast_[w.id] = w.start_kind == StartKind::kForecast ? w.earliest_start_s : -1;
  }
}

// A job that has lost patience starts after those that were ready no later, and after
// one that was promised before, each of which waits at most for the longest job.
void Judge::NoteBounds(const ReplayStep& step) {
  const SchedulerOptions& options = random_.options;
  if (!random_.trace.changes.empty() || options.defragmentation.moves_max > 0) return;
  int64_t limit_max_s = 1;
  for (const TraceJob& j : random_.trace.jobs) {
    limit_max_s = std::max(limit_max_s, j.job.time_limit_s);
  }
  const auto since = [](const PendingJob& job) {
    return std::max(job.submit_s, job.not_before_s);
  };
  for (const Waiting& w : step.decision.waiting) {
    const PendingJob& job = PendingOf(w.id, step);
    if (step.now_s - since(job) < options.patience_s || latest_start_.contains(w.id) ||
        !IsReady(job, step) || !Fits(MapOf(step, {}), job.shape)) {
      continue;
    }
    const auto before = std::count_if(
        step.pending.begin(), step.pending.end(), [&](const PendingJob& other) {
          return other.id != job.id && since(other) <= since(job);
        });
    latest_start_[w.id] = step.now_s + (before + 2) * limit_max_s;
  }
}

void Judge::CheckEnd(const std::map<int64_t, JobRun>& runs) {
  for (const auto& [id, start_s] : forecast_) {
    ++counts_.forecasts_checked;
    const auto run = runs.find(id);
    EXPECT_EQ(run == runs.end() ? -1 : run->second.start_s, start_s) << "job " << id;
  }
  for (const auto& [id, latest_s] : latest_start_) {
    ++counts_.waits_bounded;
    const auto run = runs.find(id);
    ASSERT_NE(run, runs.end()) << "job " << id << " starved";
    EXPECT_LE(run->second.start_s, latest_s) << "job " << id;
  }
}

}  // namespace tatami::jobs
