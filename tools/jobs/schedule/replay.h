// A trace of jobs played against the scheduler in simulated time: what a service does
// with its decisions, without the service.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "tools/jobs/schedule/scheduler.h"

namespace tatami::jobs {

struct TraceJob {
  PendingJob job;     // appears at its submit_s
  int64_t run_s = 1;  // how long it really takes; at most its time limit
  bool movable = false;
};

// The dead and drained nodes from `at_s` on. A job on a node that dies ends there.
struct NodeChange {
  int64_t at_s = 0;
  std::vector<NodeCoord> dead, drained;
};

struct Trace {
  ClusterState cluster;
  std::vector<TraceJob> jobs;
  std::vector<NodeChange> changes;  // by time
};

// A decision and what it was made from.
struct ReplayStep {
  int64_t now_s;
  const ClusterState& cluster;
  const std::vector<PendingJob>& pending;
  const std::vector<RunningJob>& running;
  const Decision& decision;
};

struct JobRun {
  int64_t start_s = 0, end_s = 0;
  int64_t nodes = 0;
  int64_t paused_s = 0;  // of these, while it or what was in its place was moved
};

// Decides at each submission, `not_before_s`, end of a job and change of nodes, until
// nothing more happens; returns the runs by id of those that started.
std::map<int64_t, JobRun> Replay(
    const Trace& trace, const SchedulerOptions& options,
    const std::function<void(const ReplayStep&)>& observe = {});

}  // namespace tatami::jobs
