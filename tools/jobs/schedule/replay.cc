#include "tools/jobs/schedule/replay.h"

#include <algorithm>
#include <set>

namespace tatami::jobs {
namespace {

class Player {
 public:
  Player(const Trace& trace, const SchedulerOptions& options)
      : trace_(trace), options_(options), cluster_(trace.cluster) {
    for (const TraceJob& j : trace.jobs) {
      jobs_[j.job.id] = &j;
      events_.insert(j.job.submit_s);
    }
    for (const NodeChange& change : trace.changes) events_.insert(change.at_s);
  }

  std::map<int64_t, JobRun> Play(
      const std::function<void(const ReplayStep&)>& observe) {
    while (!events_.empty()) {
      now_s_ = *events_.begin();
      events_.erase(events_.begin());
      std::erase_if(running_, [this](const RunningJob& r) {
        return runs_.at(r.id).end_s <= now_s_;
      });
      ChangeNodes();
      Submit();
      const Decision decision =
          Schedule(cluster_, pending_, running_, now_s_, options_);
      if (observe) observe({now_s_, cluster_, pending_, running_, decision});
      CarryOut(decision);
    }
    return std::move(runs_);
  }

 private:
  void ChangeNodes() {
    for (const NodeChange& change : trace_.changes) {
      if (change.at_s != now_s_) continue;
      cluster_.dead = change.dead;
      cluster_.drained = change.drained;
    }
    std::erase_if(running_, [this](const RunningJob& r) {
      const bool dies =
          std::any_of(cluster_.dead.begin(), cluster_.dead.end(),
                      [&r](const NodeCoord& n) { return r.rectangle.Contains(n); });
      if (dies) runs_.at(r.id).end_s = now_s_;
      return dies;
    });
  }

  void Submit() {
    for (const TraceJob& j : trace_.jobs) {
      if (j.job.submit_s != now_s_) continue;
      pending_.push_back(j.job);
      if (j.job.not_before_s > now_s_) events_.insert(j.job.not_before_s);
    }
  }

  void CarryOut(const Decision& decision) {
    const int64_t pause_s = options_.defragmentation.move_cost_s;
    for (const Move& move : decision.moves) {
      for (RunningJob& r : running_) {
        if (r.id != move.id) continue;
        r.rectangle = move.to;
        r.end_estimate_s += pause_s;
        JobRun& run = runs_.at(r.id);
        run.end_s += pause_s;
        run.paused_s += pause_s;
        events_.insert(run.end_s);
      }
    }
    for (const Start& start : decision.starts) {
      const TraceJob& j = *jobs_.at(start.id);
      const int64_t delay_s = start.after_moves ? pause_s : 0;
      const JobRun run = {.start_s = now_s_,
                          .end_s = now_s_ + delay_s + j.run_s,
                          .nodes = start.rectangle.nodes(),
                          .paused_s = delay_s};
      runs_[start.id] = run;
      events_.insert(run.end_s);
      running_.push_back({.id = start.id,
                          .rectangle = start.rectangle,
                          .queue = j.job.queue,
                          .end_estimate_s = now_s_ + delay_s +
                                            std::max<int64_t>(1, j.job.time_limit_s),
                          .movable = j.movable});
    }
    std::erase_if(pending_,
                  [this](const PendingJob& job) { return runs_.contains(job.id); });
    cluster_.promised = decision.reserved;
  }

  const Trace& trace_;
  const SchedulerOptions& options_;
  ClusterState cluster_;
  std::map<int64_t, const TraceJob*> jobs_;
  std::set<int64_t> events_;
  int64_t now_s_ = 0;
  std::vector<PendingJob> pending_;
  std::vector<RunningJob> running_;
  std::map<int64_t, JobRun> runs_;
};

}  // namespace

std::map<int64_t, JobRun> Replay(
    const Trace& trace, const SchedulerOptions& options,
    const std::function<void(const ReplayStep&)>& observe) {
  return Player(trace, options).Play(observe);
}

}  // namespace tatami::jobs
