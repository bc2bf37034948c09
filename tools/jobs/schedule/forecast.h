// When waiting jobs will start, if each job takes as long as estimated.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "tools/jobs/schedule/occupancy.h"
#include "tools/jobs/schedule/scheduler.h"

namespace tatami::jobs {

struct Forecast {
  std::map<int64_t, int64_t> start_s;  // by id
  // What is not in start_s starts later than this, or never.
  int64_t looked_until_s = 0;
  bool is_complete = false;  // no event is left: what has not started never does
};

// Plays ends of jobs and `not_before_s` forward from a decision, each followed by
// another one without moves. `waiting` are jobs that it did not start and that may
// start some time. O(steps x that of a decision).
Forecast PlayForward(ClusterState cluster, Occupancy occupancy,
                     std::vector<const PendingJob*> waiting, int64_t now_s,
                     SchedulerOptions options);

}  // namespace tatami::jobs
