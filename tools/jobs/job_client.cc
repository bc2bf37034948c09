#include "tools/jobs/job_client.h"

#include <grpcpp/grpcpp.h>

#include <cstdlib>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "core/error.h"
#include "core/status_macros.h"
#include "tools/jobs/proto/jobs.grpc.pb.h"

namespace tatami::jobs {
namespace {

constexpr absl::Duration kCallDeadline = absl::Seconds(30);
constexpr absl::Duration kRetryPause = absl::Milliseconds(300);
constexpr int kTries = 5;
// How long `logs -f` waits for a service that is being started again.
constexpr absl::Duration kAwayMax = absl::Minutes(2);

std::shared_ptr<grpc::ChannelCredentials> Credentials(const ServiceAddress& address) {
  if (absl::StartsWith(address.address, "unix:")) {
    return grpc::InsecureChannelCredentials();
  }
  return grpc::SslCredentials({address.ca, address.key, address.certificate});
}

// No answer of the service, but of what is between.
bool IsAway(const grpc::Status& status) {
  return status.error_code() == grpc::StatusCode::UNAVAILABLE &&
         !absl::StartsWith(status.error_message(), "E0");
}

class GrpcClient : public JobClient {
 public:
  explicit GrpcClient(const ServiceAddress& address)
      : address_(address.address),
        token_(address.token),
        stub_(Jobs::NewStub(grpc::CreateChannel(address_, Credentials(address)))) {}

  absl::StatusOr<Job> Submit(const SubmitRequest& request) override {
    return Call<Job>(&Jobs::Stub::Submit, request);
  }
  absl::StatusOr<JobDetails> Get(int64_t id) override {
    JobRequest request;
    request.set_id(id);
    return Call<JobDetails>(&Jobs::Stub::Get, request);
  }
  absl::StatusOr<JobList> List(const ListRequest& request) override {
    return Call<JobList>(&Jobs::Stub::List, request);
  }
  absl::StatusOr<Job> Cancel(const CancelRequest& request) override {
    return Call<Job>(&Jobs::Stub::Cancel, request);
  }
  absl::StatusOr<Job> Resume(int64_t id) override {
    JobRequest request;
    request.set_id(id);
    return Call<Job>(&Jobs::Stub::Resume, request);
  }
  absl::StatusOr<ClusterInfo> Cluster() override {
    return Call<ClusterInfo>(&Jobs::Stub::Cluster, ClusterRequest());
  }
  absl::StatusOr<ClusterInfo> Drain(const DrainRequest& request) override {
    return Call<ClusterInfo>(&Jobs::Stub::Drain, request);
  }

  absl::StatusOr<Token> CreateToken(const Token& wanted) override {
    return Call<Token>(&Jobs::Stub::CreateToken, wanted);
  }
  absl::StatusOr<Token> RevokeToken(int64_t id) override {
    TokenRequest request;
    request.set_id(id);
    return Call<Token>(&Jobs::Stub::RevokeToken, request);
  }
  absl::StatusOr<TokenList> Tokens() override {
    return Call<TokenList>(&Jobs::Stub::Tokens, TokensRequest());
  }

  absl::Status Logs(LogsRequest request,
                    const std::function<void(absl::string_view)>& on_data,
                    const std::function<void()>& on_wait) override {
    bool reached = false;
    absl::Time away_since = absl::InfiniteFuture();
    while (true) {
      grpc::ClientContext context;
      ShowToken(context);
      const auto reader = stub_->Logs(&context, request);
      LogChunk chunk;
      while (reader->Read(&chunk)) {
        on_data(chunk.data());
        request.set_offset(chunk.offset() + static_cast<int64_t>(chunk.data().size()));
        reached = true;
        away_since = absl::InfiniteFuture();
      }
      const grpc::Status status = reader->Finish();
      if (status.ok()) return absl::OkStatus();
      if (!IsAway(status) || !reached) return FromGrpc(status);
      if (away_since == absl::InfiniteFuture()) {
        away_since = absl::Now();
        on_wait();
      }
      if (absl::Now() - away_since > kAwayMax) return FromGrpc(status);
      absl::SleepFor(kRetryPause);
    }
  }

 private:
  template <typename Answer, typename Method, typename Request>
  absl::StatusOr<Answer> Call(Method method, const Request& request) {
    grpc::Status status;
    for (int i = 0; i < kTries; ++i) {
      grpc::ClientContext context;
      ShowToken(context);
      context.set_deadline(absl::ToChronoTime(absl::Now() + kCallDeadline));
      Answer answer;
      status = (stub_.get()->*method)(&context, request, &answer);
      if (status.ok()) return answer;
      if (!IsAway(status)) break;
      absl::SleepFor(kRetryPause);
    }
    return FromGrpc(status);
  }

  void ShowToken(grpc::ClientContext& context) const {
    if (!token_.empty()) context.AddMetadata("authorization", "Bearer " + token_);
  }

  absl::Status FromGrpc(const grpc::Status& status) const {
    const std::string text = status.error_message();
    absl::string_view message = text;
    int number = 0;
    // "E0101: what": the code of core/error.h and what MakeError was given.
    if (absl::ConsumePrefix(&message, "E") && message.size() > 6 &&
        absl::SimpleAtoi(message.substr(0, 4), &number)) {
      return MakeError(static_cast<ErrorCode>(number), message.substr(6));
    }
    return MakeError(ErrorCode::kService,
                     absl::StrCat("no job service answers at ", address_, " (",
                                  status.error_message(),
                                  "). Start one with `tatami serve`, or name another "
                                  "with --service."));
  }

  const std::string address_, token_;
  const std::unique_ptr<Jobs::Stub> stub_;
};

}  // namespace

std::unique_ptr<JobClient> MakeJobClient(const ServiceAddress& address) {
  return std::make_unique<GrpcClient>(address);
}

std::string DefaultServiceFolder() {
  if (const char* folder = std::getenv("TATAMI_HOME")) return folder;
  const char* home = std::getenv("HOME");
  return absl::StrCat(home == nullptr ? "." : home, "/.tatami");
}

std::string SocketOf(const std::string& folder) {
  return absl::StrCat("unix:", folder, "/socket");
}

}  // namespace tatami::jobs
