// The caller's side of the job service.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "tools/jobs/proto/jobs.pb.h"

namespace tatami::jobs {

// Errors carry the code that the service gave, so that the exit code of the command is
// the same; E0604 when the service cannot be reached.
class JobClient {
 public:
  virtual ~JobClient() = default;
  virtual absl::StatusOr<Job> Submit(const SubmitRequest& request) = 0;
  virtual absl::StatusOr<JobDetails> Get(int64_t id) = 0;
  virtual absl::StatusOr<JobList> List(const ListRequest& request) = 0;
  virtual absl::StatusOr<Job> Cancel(const CancelRequest& request) = 0;
  virtual absl::StatusOr<Job> Resume(int64_t id) = 0;
  virtual absl::StatusOr<ClusterInfo> Cluster() = 0;
  virtual absl::StatusOr<ClusterInfo> Drain(const DrainRequest& request) = 0;
  virtual absl::StatusOr<Token> CreateToken(const Token& wanted) = 0;
  virtual absl::StatusOr<Token> RevokeToken(int64_t id) = 0;
  virtual absl::StatusOr<TokenList> Tokens() = 0;
  // Hands over the log from request.offset on, each byte once, until the job has ended
  // or, without `follow`, what there is. While a service that was reached once is away,
  // waits for it and goes on where it was; `on_wait` hears of it.
  virtual absl::Status Logs(LogsRequest request,
                            const std::function<void(absl::string_view)>& on_data,
                            const std::function<void()>& on_wait) = 0;
};

// Where the service is and, over TCP, who calls.
struct ServiceAddress {
  std::string address;               // "unix:PATH", or HOST:PORT, which is always TLS
  std::string ca, certificate, key;  // PEM texts; of HOST:PORT alone
  std::string token;
};

// Connects when first used. Calls that change nothing twice are tried again while the
// service is away for a moment.
std::unique_ptr<JobClient> MakeJobClient(const ServiceAddress& address);

// $TATAMI_HOME, or .tatami in the user's home.
std::string DefaultServiceFolder();
// "unix:FOLDER/socket"
std::string SocketOf(const std::string& folder);

}  // namespace tatami::jobs
