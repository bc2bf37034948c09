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

bool GoesBefore(const ReadyJob& a, const ReadyJob& b) {
  const auto key = [](const ReadyJob& r) {
    return std::tuple(-r.score_s, ReadySince(*r.job), r.job->id);
  };
  return a.band != b.band ? a.band > b.band : key(a) < key(b);
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
  std::sort(ready.begin(), ready.end(), GoesBefore);
  std::vector<int64_t> left;  // of each queue's quota
  for (size_t q = 0; q < cluster.queues.size(); ++q) {
    left.push_back(cluster.queues[q].quota_nodes -
                   occupancy.nodes_of(static_cast<int>(q)));
  }
  for (ReadyJob& r : ready) {
    r.borrows = r.job->shape.nodes() > left[r.queue];
    if (!r.borrows) left[r.queue] -= r.job->shape.nodes();
    if (r.band == kPatienceLostBand) r.borrows = false;
  }
  const int64_t promised = cluster.promised ? cluster.promised->id : -1;
  const auto rank = [&](const ReadyJob& r) {
    return r.job->id == promised ? 0 : r.borrows ? 2 : 1;
  };
  std::stable_sort(ready.begin(), ready.end(),
                   [&](const ReadyJob& a, const ReadyJob& b) {
                     return std::tuple(-a.band, rank(a)) < std::tuple(-b.band, rank(b));
                   });
  return ready;
}

}  // namespace tatami::jobs
