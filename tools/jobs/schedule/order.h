// In which order waiting jobs are considered.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "tools/jobs/schedule/occupancy.h"
#include "tools/jobs/schedule/scheduler.h"

namespace tatami::jobs {

// The band of jobs that have waited `patience_s`.
constexpr int64_t kPatienceLostBand = std::numeric_limits<int64_t>::max();

// A job that may start as soon as there is room.
struct ReadyJob {
  const PendingJob* job = nullptr;
  int queue = 0;
  int64_t band = 0;
  bool borrows = false;  // its queue's quota is taken by jobs that run or go before it
  double score_s = 0;    // waiting time, with what priority and usage are worth
};

// Since when a job could have started, had there been room.
int64_t ReadySince(const PendingJob& job);

// Descending by band, then within quota before borrowing, then by score; the earlier
// and the lower id of equals. Within its band the job that was promised a rectangle
// comes first. Jobs that cannot start however empty the mesh (see WaitReason) must not
// be among `jobs`, nor those that are not to start yet.
std::vector<ReadyJob> Ordered(const std::vector<const PendingJob*>& jobs,
                              const ClusterState& cluster, const Occupancy& occupancy,
                              int64_t now_s, const SchedulerOptions& options);

}  // namespace tatami::jobs
