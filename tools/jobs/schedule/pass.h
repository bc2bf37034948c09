// One pass over the waiting jobs: who starts, and what is promised to the first that
// cannot.
#pragma once

#include <optional>
#include <vector>

#include "tools/jobs/schedule/occupancy.h"
#include "tools/jobs/schedule/order.h"

namespace tatami::jobs {

struct PassResult {
  std::vector<Move> moves;
  std::vector<Start> starts;
  std::optional<Reservation> reserved;
};

// Adds what starts to `occupancy`, there until its time limit. `ready` is in order.
PassResult RunPass(const std::vector<ReadyJob>& ready,
                   const std::optional<Reservation>& promised, int64_t now_s,
                   const SchedulerOptions& options, Occupancy& occupancy);

// When a job that starts at `now_s` ends at the latest.
int64_t LatestEnd(const PendingJob& job, int64_t now_s);

}  // namespace tatami::jobs
