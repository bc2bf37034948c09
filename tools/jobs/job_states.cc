#include "tools/jobs/job_states.h"

#include <algorithm>

namespace tatami::jobs {

absl::Span<const Transition> Transitions() {
  static constexpr Transition kTransitions[] = {
      {UNKNOWN, QUEUED, "submitted"},
      {QUEUED, STARTING, "got a rectangle"},
      {QUEUED, CANCELLED, "cancelled before it started"},
      {QUEUED, FAILED, "can never start"},
      {STARTING, RUNNING, "its processes run"},
      {STARTING, RECOVERING, "its processes could not be started, or ended at once"},
      {STARTING, SUCCEEDED, "ended before it was seen to run"},
      {STARTING, FAILED, "ended before it was seen to run"},
      {STARTING, CANCELLING, "cancelled"},
      {RUNNING, SUCCEEDED, "trained all steps"},
      {RUNNING, FAILED, "ended by a cause that starting again does not mend"},
      {RUNNING, RECOVERING, "lost a process, or stopped by a signal from outside"},
      {RUNNING, CANCELLING, "cancelled"},
      {RECOVERING, STARTING, "starts again"},
      {RECOVERING, FAILED, "failed too often without progress"},
      {RECOVERING, CANCELLED, "cancelled while no process ran"},
      {CANCELLING, CANCELLED, "its processes have ended"},
      {CANCELLING, SUCCEEDED, "had trained all steps by then"},
      {FAILED, QUEUED, "resumed by its user"},
      {CANCELLED, QUEUED, "resumed by its user"},
  };
  return kTransitions;
}

bool IsAllowed(JobState from, JobState to) {
  return std::any_of(Transitions().begin(), Transitions().end(),
                     [&](const Transition& t) { return t.from == from && t.to == to; });
}

bool HasEnded(JobState state) {
  return state == SUCCEEDED || state == FAILED || state == CANCELLED;
}

bool HoldsNodes(JobState state) { return state == RECOVERING || HasProcesses(state); }

bool HasProcesses(JobState state) {
  return state == STARTING || state == RUNNING || state == CANCELLING;
}

std::string StateName(JobState state) { return JobState_Name(state); }

}  // namespace tatami::jobs
