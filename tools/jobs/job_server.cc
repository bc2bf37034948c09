#include "tools/jobs/job_server.h"

#include <grpc/grpc_security_constants.h>
#include <grpcpp/grpcpp.h>
#include <pwd.h>
#include <unistd.h>

#include <atomic>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "core/error.h"
#include "tools/jobs/proto/jobs.grpc.pb.h"

namespace tatami::jobs {
namespace {

constexpr int64_t kLogPieceBytes = 64 * 1024;
constexpr absl::Duration kLogPoll = absl::Milliseconds(100);

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  return {static_cast<grpc::StatusCode>(status.code()), std::string(status.message())};
}

template <typename T>
grpc::Status Answer(absl::StatusOr<T> result, T* answer) {
  if (result.ok()) *answer = *std::move(result);
  return ToGrpc(result.status());
}

std::string ThisUser() {
  const struct passwd* entry = getpwuid(geteuid());
  return entry == nullptr ? absl::StrCat("uid", geteuid()) : entry->pw_name;
}

class Handler : public Jobs::Service {
 public:
  Handler(JobService& service, TokenBook& tokens, const JobServerOptions& options)
      : service_(service), tokens_(tokens), options_(options), owner_(ThisUser()) {}
  void Stop() { stopping_ = true; }

  grpc::Status Submit(grpc::ServerContext* context, const SubmitRequest* request,
                      Job* answer) override {
    const absl::StatusOr<Caller> caller = Allow(*context, "submit", Action::kSubmit);
    if (!caller.ok()) return ToGrpc(caller.status());
    return Answer(service_.Submit(*request, caller->name), answer);
  }
  grpc::Status Get(grpc::ServerContext* context, const JobRequest* request,
                   JobDetails* answer) override {
    const auto caller = Allow(*context, "describe", Action::kSeeJob, request->id());
    if (!caller.ok()) return ToGrpc(caller.status());
    return Answer(service_.Get(request->id()), answer);
  }
  grpc::Status List(grpc::ServerContext* context, const ListRequest* request,
                    JobList* answer) override {
    const auto caller = Allow(*context, "list", Action::kSee);
    if (!caller.ok()) return ToGrpc(caller.status());
    for (Job& job : service_.List()) {
      if (request->ended() || job.ended_ms() == 0) *answer->add_jobs() = std::move(job);
    }
    return grpc::Status::OK;
  }
  grpc::Status Cancel(grpc::ServerContext* context, const CancelRequest* request,
                      Job* answer) override {
    const auto caller = Allow(*context, "cancel", Action::kChangeJob, request->id());
    if (!caller.ok()) return ToGrpc(caller.status());
    return Answer(service_.Cancel(*request), answer);
  }
  grpc::Status Resume(grpc::ServerContext* context, const JobRequest* request,
                      Job* answer) override {
    const auto caller = Allow(*context, "resume", Action::kChangeJob, request->id());
    if (!caller.ok()) return ToGrpc(caller.status());
    return Answer(service_.Resume(request->id()), answer);
  }
  grpc::Status Cluster(grpc::ServerContext* context, const ClusterRequest*,
                       ClusterInfo* answer) override {
    const auto caller = Allow(*context, "nodes", Action::kSee);
    if (caller.ok()) *answer = service_.Describe();
    return ToGrpc(caller.status());
  }
  grpc::Status Drain(grpc::ServerContext* context, const DrainRequest* request,
                     ClusterInfo* answer) override {
    const auto caller = Allow(*context, "drain", Action::kAdminister);
    if (!caller.ok()) return ToGrpc(caller.status());
    return Answer(service_.Drain(*request), answer);
  }
  grpc::Status CreateToken(grpc::ServerContext* context, const Token* request,
                           Token* answer) override {
    const auto caller = Allow(*context, "token create", Action::kAdminister);
    if (!caller.ok()) return ToGrpc(caller.status());
    return Answer(tokens_.Create(*request, absl::ToUnixMillis(absl::Now())), answer);
  }
  grpc::Status RevokeToken(grpc::ServerContext* context, const TokenRequest* request,
                           Token* answer) override {
    const auto caller = Allow(*context, "token revoke", Action::kAdminister);
    if (!caller.ok()) return ToGrpc(caller.status());
    return Answer(tokens_.Revoke(request->id()), answer);
  }
  grpc::Status Tokens(grpc::ServerContext* context, const TokensRequest*,
                      TokenList* answer) override {
    const auto caller = Allow(*context, "token ls", Action::kAdminister);
    if (!caller.ok()) return ToGrpc(caller.status());
    const absl::StatusOr<std::vector<Token>> tokens = tokens_.List();
    if (!tokens.ok()) return ToGrpc(tokens.status());
    for (const Token& token : *tokens) *answer->add_tokens() = token;
    return grpc::Status::OK;
  }

  grpc::Status Logs(grpc::ServerContext* context, const LogsRequest* request,
                    grpc::ServerWriter<LogChunk>* writer) override {
    const auto caller = Allow(*context, "logs", Action::kSeeJob, request->id());
    if (!caller.ok()) return ToGrpc(caller.status());
    int64_t offset = request->offset();
    while (!stopping_ && !context->IsCancelled()) {
      absl::StatusOr<LogPiece> piece =
          service_.ReadLog(request->id(), offset, kLogPieceBytes);
      if (!piece.ok()) return ToGrpc(piece.status());
      if (!piece->data.empty()) {
        LogChunk chunk;
        chunk.set_offset(offset);
        offset += static_cast<int64_t>(piece->data.size());
        *chunk.mutable_data() = std::move(piece->data);
        if (!writer->Write(chunk)) return grpc::Status::CANCELLED;
        continue;
      }
      if (piece->complete || !request->follow()) return grpc::Status::OK;
      absl::SleepFor(kLogPoll);
    }
    return {grpc::StatusCode::UNAVAILABLE, "the service is being stopped"};
  }

 private:
  // Who calls, if that one may; `job` is what it is about, 0 for none.
  absl::StatusOr<Caller> Allow(const grpc::ServerContext& context,
                               absl::string_view call, Action action, int64_t job = 0) {
    absl::StatusOr<Caller> caller = Identify(context);
    absl::Status allowed = caller.status();
    // That a job is not there is no secret from who may not see it.
    std::string owner;
    if (allowed.ok() && job != 0) {
      const absl::StatusOr<JobDetails> details = service_.Get(job);
      if (!details.ok()) return details.status();
      owner = details->job().owner();
    }
    if (allowed.ok()) allowed = CheckAllowed(*caller, action, owner);
    if (allowed.ok()) return caller;
    if (options_.on_denied) {
      options_.on_denied(absl::StrCat(context.peer(), " ", call, " ",
                                      job == 0 ? "" : absl::StrCat("job ", job, " "),
                                      allowed.message()));
    }
    return allowed;
  }

  absl::StatusOr<Caller> Identify(const grpc::ServerContext& context) {
    if (absl::StartsWith(context.peer(), "unix:")) return Caller{owner_, Token::ADMIN};
    if (!options_.tls.client_ca.empty()) {
      const auto identity = context.auth_context()->GetPeerIdentity();
      const auto names =
          context.auth_context()->FindPropertyValues(GRPC_X509_CN_PROPERTY_NAME);
      if (identity.empty() || names.size() != 1) {
        return MakeError(ErrorCode::kDenied, "the certificate names nobody.");
      }
      return Caller{std::string(names[0].data(), names[0].size()), Token::SUBMIT};
    }
    const auto header = context.client_metadata().find("authorization");
    absl::string_view text;
    if (header != context.client_metadata().end()) {
      text = {header->second.data(), header->second.size()};
      absl::ConsumePrefix(&text, "Bearer ");
    }
    return tokens_.Identify(std::string(text), absl::ToUnixMillis(absl::Now()));
  }

  JobService& service_;
  TokenBook& tokens_;
  const JobServerOptions options_;
  const std::string owner_;
  std::atomic<bool> stopping_ = false;
};

std::shared_ptr<grpc::ServerCredentials> Credentials(const TlsOptions& tls) {
  grpc::SslServerCredentialsOptions options(
      tls.client_ca.empty()
          ? GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE
          : GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  options.pem_root_certs = tls.client_ca;
  options.pem_key_cert_pairs.push_back({tls.key, tls.certificate});
  return grpc::SslServerCredentials(options);
}

class GrpcServer : public JobServer {
 public:
  GrpcServer(JobService& service, TokenBook& tokens, const JobServerOptions& options)
      : handler_(service, tokens, options) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort(options.socket, grpc::InsecureServerCredentials());
    if (!options.tls.address.empty()) {
      builder.AddListeningPort(options.tls.address, Credentials(options.tls));
    }
    builder.RegisterService(&handler_);
    server_ = builder.BuildAndStart();
  }
  ~GrpcServer() override {
    handler_.Stop();
    if (!server_) return;
    server_->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(2));
  }
  bool ok() const { return server_ != nullptr; }

 private:
  Handler handler_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<JobServer>> StartJobServer(
    JobService& service, TokenBook& tokens, const JobServerOptions& options) {
  auto server = std::make_unique<GrpcServer>(service, tokens, options);
  if (server->ok()) return server;
  return MakeError(
      ErrorCode::kService,
      absl::StrCat("cannot serve at ", options.socket,
                   options.tls.address.empty() ? "" : " and " + options.tls.address,
                   ". See whether the folder is there, its path shorter than 107 "
                   "characters, the port free, and certificate and key belong "
                   "together."));
}

}  // namespace tatami::jobs
