// The job service on a Unix socket, over gRPC.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "tools/jobs/job_service.h"

namespace tatami::jobs {

class JobServer {
 public:
  virtual ~JobServer() = default;  // refuses new calls, ends those that follow a log
};

// Serves at `address`, "unix:PATH" with PATH in a folder that only this user can enter:
// that is what authenticates callers, who are all taken for this user. E0604 when the
// address cannot be used.
absl::StatusOr<std::unique_ptr<JobServer>> StartJobServer(JobService& service,
                                                          const std::string& address);

}  // namespace tatami::jobs
