// The page of a job service and its Prometheus metrics, over HTTP on this machine
// alone.
//
//   GET /, /page.css, /page.js       the page
//   GET /api/state                   WebState::State
//   GET /api/jobs/N/loss             WebState::Loss
//   GET /api/jobs/N/log[?offset=K]   bytes of the log; X-Log-Offset, X-Log-Size and
//                                    X-Log-Complete ("true", "false") say which
//   GET /metrics                     Prometheus
//
// Whoever is on this machine can read, and nobody can change anything: there is nothing
// but GET and HEAD (405), no answer to pages of other origins, and none to a request
// whose Host is not this address (403), as it comes from a page whose name an attacker
// lets resolve to 127.0.0.1. No job is 404, an offset that is no number 400, one beyond
// the log 416.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "tools/jobs/web/web_state.h"

namespace tatami::jobs {

struct WebAddress {
  std::string host;  // "127.0.0.1", "::1"
  int port = 0;      // 0: any that is free
};

// "127.0.0.1:8080", "localhost:8080", "[::1]:0". E0101 for anything else: an address
// that other machines could reach, a name, a port that there is not.
absl::StatusOr<WebAddress> ParseWebAddress(absl::string_view text);

class WebServer {
 public:
  virtual ~WebServer() = default;       // ends the answers that are being given
  virtual std::string url() const = 0;  // "http://127.0.0.1:8080/"
};

// E0604 when the port is taken. `state` outlives the server.
absl::StatusOr<std::unique_ptr<WebServer>> StartWebServer(WebState& state,
                                                          const WebAddress& address);

}  // namespace tatami::jobs
