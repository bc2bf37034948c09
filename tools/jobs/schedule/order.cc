#include "tools/jobs/schedule/order.h"

#include <algorithm>
#include <map>
#include <string>
#include <tuple>

#include "tools/jobs/schedule/usage.h"

namespace tatami::jobs {
namespace {

// Seconds of the whole mesh that each user consumed lately.
std::map<std::string, double> UsageSeconds(const ClusterState& cluster, int64_t now_s,
                                           int64_t half_life_s) {
  std::map<std::string, double> seconds;
  for (const Usage& usage : cluster.usage) {
    seconds[usage.user] += DecayedNodeSeconds(usage, now_s, half_life_s) /
                           static_cast<double>(cluster.grid.nodes());
  }
  return seconds;
}

// Least first: the order as if nobody borrowed.
auto Key(const ReadyJob& r, int64_t promised) {
  return std::tuple(-r.band, r.job->id == promised ? 0 : 1, -r.score_s,
                    ReadySince(*r.job), r.job->id);
}

// Goes through the jobs in order and lets each take of its queue's quota. One that
// finds too little left borrows, and so do those of its queue behind it: a small job
// must not pass a large one of its own queue on these grounds.
void MarkBorrowers(const ClusterState& cluster, const Occupancy& occupancy,
                   int64_t promised, std::vector<ReadyJob>& ready) {
  std::vector<int64_t> left;  // by queue
  for (size_t q = 0; q < cluster.queues.size(); ++q) {
    left.push_back(cluster.queues[q].quota_nodes -
                   occupancy.nodes_of(static_cast<int>(q)));
  }
  for (ReadyJob& r : ready) {
    const int64_t nodes = r.job->shape.nodes();
    const bool sure = r.band == kPatienceLostBand || r.job->id == promised;
    r.borrows = !sure && nodes > left[r.queue];
    left[r.queue] -= nodes;
  }
}

}  // namespace

int64_t ReadySince(const PendingJob& job) {
  return std::max(job.submit_s, job.not_before_s);
}

std::vector<ReadyJob> Ordered(const std::vector<const PendingJob*>& jobs,
                              const ClusterState& cluster, const Occupancy& occupancy,
                              int64_t now_s, const SchedulerOptions& options) {
  const auto usage_s = UsageSeconds(cluster, now_s, options.usage_half_life_s);
  std::vector<ReadyJob> ready;
  ready.reserve(jobs.size());
  for (const PendingJob* job : jobs) {
    const int queue = FindQueue(cluster.queues, job->queue);
    const int64_t waited_s = now_s - ReadySince(*job);
    ReadyJob r = {.job = job,
                  .queue = queue,
                  .band = cluster.queues[queue].band,
                  .score_s = static_cast<double>(waited_s)};
    if (waited_s >= options.patience_s) {
      r.band = kPatienceLostBand;  // only waiting counts
    } else {
      const auto used = usage_s.find(job->user);
      const double used_s = used == usage_s.end() ? 0 : used->second;
      r.score_s += static_cast<double>(job->priority * options.priority_worth_s) -
                   options.usage_weight * used_s;
    }
    ready.push_back(r);
  }
  const int64_t promised = cluster.promised ? cluster.promised->id : -1;
  std::sort(ready.begin(), ready.end(), [&](const ReadyJob& a, const ReadyJob& b) {
    return Key(a, promised) < Key(b, promised);
  });
  MarkBorrowers(cluster, occupancy, promised, ready);
  std::stable_sort(ready.begin(), ready.end(),
                   [](const ReadyJob& a, const ReadyJob& b) {
                     return a.band != b.band ? a.band > b.band : a.borrows < b.borrows;
                   });
  return ready;
}

}  // namespace tatami::jobs
