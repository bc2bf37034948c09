#include "tools/jobs/schedule/forecast.h"

#include <algorithm>
#include <limits>

#include "tools/jobs/schedule/order.h"
#include "tools/jobs/schedule/pass.h"

namespace tatami::jobs {
namespace {

constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

int64_t NextEvent(const Occupancy& occupancy,
                  const std::vector<const PendingJob*>& waiting, int64_t now_s) {
  int64_t next = kNever;
  for (const Resident& r : occupancy.residents()) next = std::min(next, r.end_s);
  for (const PendingJob* job : waiting) {
    if (job->not_before_s > now_s) next = std::min(next, job->not_before_s);
  }
  return next;
}

}  // namespace

Forecast PlayForward(ClusterState cluster, Occupancy occupancy,
                     std::vector<const PendingJob*> waiting, int64_t now_s,
                     SchedulerOptions options) {
  options.defragmentation.moves_max = 0;
  Forecast forecast = {.looked_until_s = now_s};
  for (int64_t step = 0; step < options.forecast_steps_max && !waiting.empty();
       ++step) {
    now_s = NextEvent(occupancy, waiting, now_s);
    if (now_s == kNever) {
      forecast.is_complete = true;
      break;
    }
    occupancy.EndUntil(now_s);
    std::vector<const PendingJob*> ready;
    for (const PendingJob* job : waiting) {
      if (job->not_before_s <= now_s) ready.push_back(job);
    }
    const PassResult pass = RunPass(Ordered(ready, cluster, occupancy, now_s, options),
                                    cluster.promised, now_s, options, occupancy);
    cluster.promised = pass.reserved;
    for (const Start& start : pass.starts) forecast.start_s[start.id] = now_s;
    std::erase_if(waiting, [&forecast](const PendingJob* job) {
      return forecast.start_s.contains(job->id);
    });
    forecast.looked_until_s = now_s;
  }
  return forecast;
}

}  // namespace tatami::jobs
