// The job service over gRPC: on a Unix socket, and over TLS.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "tools/jobs/access.h"
#include "tools/jobs/job_service.h"

namespace tatami::jobs {

// Callers over TCP are always under TLS. With `client_ca` they need a certificate of
// that authority, whose common name is who they are, with scope SUBMIT; without, a
// token.
struct TlsOptions {
  std::string address;           // HOST:PORT; empty: no TCP
  std::string certificate, key;  // PEM text of the service
  std::string client_ca;         // PEM text
};

struct JobServerOptions {
  // "unix:PATH" with PATH in a folder that only this user can enter: that is what
  // authenticates callers, who are all taken for this user and may do everything.
  std::string socket;
  TlsOptions tls;
  // Hears of every call that was refused: who, what, why.
  std::function<void(const std::string&)> on_denied;
};

class JobServer {
 public:
  virtual ~JobServer() = default;  // refuses new calls, ends those that follow a log
};

// E0604 when an address cannot be used.
absl::StatusOr<std::unique_ptr<JobServer>> StartJobServer(
    JobService& service, TokenBook& tokens, const JobServerOptions& options);

}  // namespace tatami::jobs
