#include "tools/jobs/job_server.h"

#include <grpcpp/grpcpp.h>
#include <pwd.h>
#include <unistd.h>

#include <atomic>

#include "absl/strings/str_cat.h"
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
  explicit Handler(JobService& service) : service_(service), owner_(ThisUser()) {}
  void Stop() { stopping_ = true; }

  grpc::Status Submit(grpc::ServerContext*, const SubmitRequest* request,
                      Job* answer) override {
    return Answer(service_.Submit(*request, owner_), answer);
  }
  grpc::Status Get(grpc::ServerContext*, const JobRequest* request,
                   JobDetails* answer) override {
    return Answer(service_.Get(request->id()), answer);
  }
  grpc::Status List(grpc::ServerContext*, const ListRequest* request,
                    JobList* answer) override {
    for (Job& job : service_.List()) {
      if (request->ended() || job.ended_ms() == 0) *answer->add_jobs() = std::move(job);
    }
    return grpc::Status::OK;
  }
  grpc::Status Cancel(grpc::ServerContext*, const CancelRequest* request,
                      Job* answer) override {
    return Answer(service_.Cancel(*request), answer);
  }
  grpc::Status Resume(grpc::ServerContext*, const JobRequest* request,
                      Job* answer) override {
    return Answer(service_.Resume(request->id()), answer);
  }
  grpc::Status Cluster(grpc::ServerContext*, const ClusterRequest*,
                       ClusterInfo* answer) override {
    *answer = service_.Describe();
    return grpc::Status::OK;
  }
  grpc::Status Drain(grpc::ServerContext*, const DrainRequest* request,
                     ClusterInfo* answer) override {
    return Answer(service_.Drain(*request), answer);
  }

  grpc::Status Logs(grpc::ServerContext* context, const LogsRequest* request,
                    grpc::ServerWriter<LogChunk>* writer) override {
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
  JobService& service_;
  const std::string owner_;
  std::atomic<bool> stopping_ = false;
};

class GrpcServer : public JobServer {
 public:
  GrpcServer(JobService& service, const std::string& address) : handler_(service) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort(address, grpc::InsecureServerCredentials());
    builder.RegisterService(&handler_);
    server_ = builder.BuildAndStart();
  }
  ~GrpcServer() override {
    handler_.Stop();
    if (server_)
      server_->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(2));
  }
  bool ok() const { return server_ != nullptr; }

 private:
  Handler handler_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<JobServer>> StartJobServer(JobService& service,
                                                          const std::string& address) {
  auto server = std::make_unique<GrpcServer>(service, address);
  if (server->ok()) return server;
  return MakeError(ErrorCode::kService,
                   absl::StrCat("cannot serve at ", address,
                                ". See whether its folder is there and the path is "
                                "shorter than 107 characters."));
}

}  // namespace tatami::jobs
