// The life of a job: one table of the transitions there are.
#pragma once

#include <array>
#include <string>

#include "absl/types/span.h"
#include "tools/jobs/proto/jobs.pb.h"

namespace tatami::jobs {

struct Transition {
  JobState from, to;
  const char* when;
};

// Every transition there is.
absl::Span<const Transition> Transitions();

bool IsAllowed(JobState from, JobState to);
bool HasEnded(JobState state);
// Whether a job in this state holds a rectangle of the mesh.
bool HoldsNodes(JobState state);
// Whether processes of such a job may be alive.
bool HasProcesses(JobState state);
// "RUNNING"
std::string StateName(JobState state);

}  // namespace tatami::jobs
