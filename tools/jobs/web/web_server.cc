#include "tools/jobs/web/web_server.h"

#include <httplib.h>
#include <sys/socket.h>

#include <algorithm>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "core/error.h"
#include "tools/jobs/web/page_text.h"

namespace tatami::jobs {
namespace {

constexpr size_t kThreads = 8;
constexpr time_t kRequestTimeoutS = 5;
constexpr size_t kRequestBytesMax = 4096;  // of a body, which no request needs
constexpr absl::Duration kStartMax = absl::Seconds(10);

// Nothing but what this server serves runs or is shown in its page, and the page is
// shown in no other.
constexpr char kContentSecurityPolicy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

bool IsLoopback4(absl::string_view host) {
  const std::vector<absl::string_view> parts = absl::StrSplit(host, '.');
  if (parts.size() != 4 || parts[0] != "127") return false;
  for (const absl::string_view part : parts) {
    int value = -1;
    const bool digits = !part.empty() && part.size() <= 3 &&
                        part.find_first_not_of("0123456789") == part.npos &&
                        (part.size() == 1 || part[0] != '0');
    if (!digits || !absl::SimpleAtoi(part, &value) || value > 255) return false;
  }
  return true;
}

std::string InUrl(const std::string& host) {
  return absl::StrContains(host, ':') ? absl::StrCat("[", host, "]") : host;
}

void AnswerJson(const nlohmann::json& object, httplib::Response& response) {
  // Names need not be UTF-8, which JSON must be.
  response.set_content(
      object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace),
      "application/json");
}

void Refuse(int status, absl::string_view why, httplib::Response& response) {
  response.status = status;
  response.set_content(absl::StrCat(why, "\n"), "text/plain; charset=utf-8");
}

// The number of /api/jobs/N/..., which the route's pattern made of digits; too long a
// one is no job's.
int64_t JobOf(const httplib::Request& request) {
  int64_t id = 0;
  return absl::SimpleAtoi(request.matches[1].str(), &id) ? id : -1;
}

class HttpServer : public WebServer {
 public:
  explicit HttpServer(WebState& state) : state_(state) {
    server_.new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
    server_.set_keep_alive_max_count(1);  // a waiting browser must not hold a thread
    server_.set_read_timeout(kRequestTimeoutS);
    server_.set_write_timeout(kRequestTimeoutS);
    server_.set_payload_max_length(kRequestBytesMax);
    // The library's own lets a second service of this user share the port.
    server_.set_socket_options([](int socket) {
      const int yes = 1;
      setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    });
    server_.set_default_headers({{"Content-Security-Policy", kContentSecurityPolicy},
                                 {"X-Content-Type-Options", "nosniff"},
                                 {"Referrer-Policy", "no-referrer"},
                                 {"Cross-Origin-Resource-Policy", "same-origin"},
                                 {"Cache-Control", "no-store"}});
    server_.set_pre_routing_handler(
        [this](const httplib::Request& request, httplib::Response& response) {
          return Admit(request, response) ? httplib::Server::HandlerResponse::Unhandled
                                          : httplib::Server::HandlerResponse::Handled;
        });
    ServePage();
    ServeState();
  }

  ~HttpServer() override {
    if (!thread_.joinable()) return;
    server_.stop();
    thread_.join();
  }

  std::string url() const override {
    return absl::StrCat("http://", InUrl(address_.host), ":", address_.port, "/");
  }

  absl::Status Start(const WebAddress& address) {
    address_ = address;
    if (address.port == 0) {
      address_.port = server_.bind_to_any_port(address.host);
    } else if (!server_.bind_to_port(address.host, address.port)) {
      address_.port = -1;
    }
    if (address_.port < 0) {
      return MakeError(ErrorCode::kService,
                       absl::StrCat("cannot serve the page at ", InUrl(address.host),
                                    ":", address.port,
                                    ": the port is taken, or this machine has no such "
                                    "address. Give --web another port, or port 0 for "
                                    "any that is free."));
    }
    for (const std::string& host : {InUrl(address_.host), std::string("localhost")}) {
      hosts_.push_back(absl::StrCat(host, ":", address_.port));
      if (address_.port == 80) hosts_.push_back(host);  // which clients leave out
    }
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    // A stop that comes before the thread listens would not be heard.
    const absl::Time give_up = absl::Now() + kStartMax;
    while (!server_.is_running() && absl::Now() < give_up) {
      absl::SleepFor(absl::Milliseconds(1));
    }
    return absl::OkStatus();
  }

 private:
  bool Admit(const httplib::Request& request, httplib::Response& response) const {
    const std::string host = absl::AsciiStrToLower(request.get_header_value("Host"));
    if (std::find(hosts_.begin(), hosts_.end(), host) == hosts_.end()) {
      Refuse(403, absl::StrCat("This service answers at ", url(), " alone."), response);
      return false;
    }
    if (request.method == "GET" || request.method == "HEAD") return true;
    response.set_header("Allow", "GET, HEAD");
    Refuse(405, "This page only shows; use tatami submit, cancel, resume and drain.",
           response);
    return false;
  }

  void ServePage() {
    const auto serve = [this](const char* path, absl::string_view (*text)(),
                              const char* type) {
      server_.Get(path, [text, type](const httplib::Request&, httplib::Response& r) {
        r.set_content(std::string(text()), type);
      });
    };
    serve("/", PageHtml, "text/html; charset=utf-8");
    serve("/page\\.css", PageCss, "text/css; charset=utf-8");
    serve("/page\\.js", PageScript, "text/javascript; charset=utf-8");
  }

  void ServeState() {
    server_.Get("/api/state", [this](const httplib::Request&, httplib::Response& r) {
      AnswerJson(state_.State(), r);
    });
    server_.Get("/metrics", [this](const httplib::Request&, httplib::Response& r) {
      r.set_content(state_.Metrics(), kPrometheusType);
    });
    server_.Get("/api/jobs/([0-9]+)/loss",
                [this](const httplib::Request& request, httplib::Response& r) {
                  const auto loss = state_.Loss(JobOf(request));
                  if (!loss.ok()) return Refuse(404, loss.status().message(), r);
                  AnswerJson(*loss, r);
                });
    server_.Get("/api/jobs/([0-9]+)/log",
                [this](const httplib::Request& request, httplib::Response& r) {
                  ServeLog(request, r);
                });
  }

  void ServeLog(const httplib::Request& request, httplib::Response& response) {
    std::optional<int64_t> offset;
    if (request.has_param("offset")) {
      const std::string text = request.get_param_value("offset");
      const bool digits = text.find_first_not_of("0123456789") == std::string::npos;
      if (!digits || !absl::SimpleAtoi(text, &offset.emplace())) {
        return Refuse(400, "offset is a number of bytes.", response);
      }
    }
    const auto view = state_.Log(JobOf(request), offset);
    if (!view.ok()) return Refuse(404, view.status().message(), response);
    const LogPiece& piece = view->piece;
    response.set_header("X-Log-Offset", absl::StrCat(view->offset));
    response.set_header("X-Log-Size", absl::StrCat(piece.size));
    if (view->offset > piece.size) {
      return Refuse(416, absl::StrCat("the log has ", piece.size, " bytes."), response);
    }
    response.set_header("X-Log-Complete", piece.complete ? "true" : "false");
    response.set_content(piece.data, "text/plain; charset=utf-8");
  }

  WebState& state_;
  httplib::Server server_;
  WebAddress address_;
  std::vector<std::string> hosts_;  // what a request's Host may say
  std::thread thread_;
};

}  // namespace

absl::StatusOr<WebAddress> ParseWebAddress(absl::string_view text) {
  WebAddress address;
  const size_t colon = text.rfind(':');
  absl::string_view host = text.substr(0, colon);
  const absl::string_view port =
      colon == text.npos ? absl::string_view() : text.substr(colon + 1);
  const bool digits = !port.empty() &&
                      port.find_first_not_of("0123456789") == port.npos &&
                      absl::SimpleAtoi(port, &address.port) && address.port <= 65535;
  if (host == "localhost") host = "127.0.0.1";
  if (digits && (host == "[::1]" || IsLoopback4(host))) {
    address.host = host == "[::1]" ? "::1" : std::string(host);
    return address;
  }
  return MakeError(
      ErrorCode::kBadFlag,
      absl::StrCat("the page is served to this machine alone, at 127.0.0.1:PORT, "
                   "[::1]:PORT or localhost:PORT; got '",
                   text,
                   "'. For another machine's browser, forward the port: ssh -L "
                   "8080:127.0.0.1:8080 HOST."));
}

absl::StatusOr<std::unique_ptr<WebServer>> StartWebServer(WebState& state,
                                                          const WebAddress& address) {
  auto server = std::make_unique<HttpServer>(state);
  const absl::Status started = server->Start(address);
  if (!started.ok()) return started;
  return server;
}

}  // namespace tatami::jobs
