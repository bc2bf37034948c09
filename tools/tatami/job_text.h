// Jobs as people read them.
#pragma once

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "tools/jobs/proto/jobs.pb.h"

namespace tatami {

// A table of at most 79 columns; the reason goes below its job where it does not fit.
std::string JobTable(const jobs::JobList& list, absl::Time now);
std::string JobDescription(const jobs::JobDetails& details, absl::Time now);
// The mesh as letters, a job each, with what each stands for.
std::string MeshMap(const jobs::ClusterInfo& cluster, const jobs::JobList& list);

}  // namespace tatami
