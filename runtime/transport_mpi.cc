// The only file that includes <mpi.h>.
#include "runtime/transport_mpi.h"

#include <mpi.h>
#include <sched.h>

#include <algorithm>
#include <climits>
#include <cstdlib>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "core/error.h"
#include "core/status_macros.h"

namespace tatami {
namespace {

using Bytes = std::vector<std::byte>;

absl::Status FromMpi(int code, absl::string_view what) {
  if (code == MPI_SUCCESS) return absl::OkStatus();
  char text[MPI_MAX_ERROR_STRING];
  int length = 0;
  MPI_Error_string(code, text, &length);
  return MakeError(ErrorCode::kLaunch,
                   absl::StrCat("MPI ", what, ": ", std::string(text, length)));
}

class MpiTransport : public Transport {
 public:
  MpiTransport() {
    MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
    MPI_Comm_size(MPI_COMM_WORLD, &size_);
    MPI_Comm_dup(MPI_COMM_WORLD, &control_);
    // By default an error ends the process, before anybody can say what it was.
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Comm_set_errhandler(control_, MPI_ERRORS_RETURN);
  }
  ~MpiTransport() override {
    for (Pattern& p : patterns_) {
      for (MPI_Request& request : p.requests) MPI_Request_free(&request);
    }
    MPI_Comm_free(&control_);
  }

  int rank() const override { return rank_; }
  int size() const override { return size_; }

  absl::StatusOr<int> AddPattern(std::vector<Part> sends,
                                 std::vector<Part> receives) override {
    const int tag = static_cast<int>(patterns_.size());
    Pattern p;
    for (const auto& parts : {sends, receives}) {
      for (const Part& part : parts) {
        if (part.buffer.size() <= INT_MAX) continue;
        return MakeError(
            ErrorCode::kLaunch,
            absl::StrCat("one message between ranks ", rank_, " and ", part.peer,
                         " has ", part.buffer.size(), " bytes, and MPI counts to ",
                         INT_MAX, ". Use more ranks or more, smaller nodes."));
      }
    }
    for (const Part& part : receives) {
      p.peers.push_back(part.peer);
      TATAMI_RETURN_IF_ERROR(FromMpi(
          MPI_Recv_init(part.buffer.data(), static_cast<int>(part.buffer.size()),
                        MPI_BYTE, part.peer, tag, MPI_COMM_WORLD,
                        &p.requests.emplace_back()),
          "Recv_init"));
    }
    for (const Part& part : sends) {
      p.peers.push_back(part.peer);
      TATAMI_RETURN_IF_ERROR(FromMpi(
          MPI_Send_init(part.buffer.data(), static_cast<int>(part.buffer.size()),
                        MPI_BYTE, part.peer, tag, MPI_COMM_WORLD,
                        &p.requests.emplace_back()),
          "Send_init"));
    }
    patterns_.push_back(std::move(p));
    return tag;
  }

  absl::Status Start(int pattern) override {
    auto& requests = patterns_[pattern].requests;
    if (requests.empty()) return absl::OkStatus();
    return FromMpi(MPI_Startall(static_cast<int>(requests.size()), requests.data()),
                   "Startall");
  }

  absl::Status Wait(int pattern, absl::Duration deadline) override {
    Pattern& p = patterns_[pattern];
    TATAMI_ASSIGN_OR_RETURN(const bool done,
                            Poll(absl::MakeSpan(p.requests), absl::Now() + deadline));
    if (done) return absl::OkStatus();
    std::vector<int> silent;
    for (size_t i = 0; i < p.requests.size(); ++i) {
      int arrived = 0;
      MPI_Request_get_status(p.requests[i], &arrived, MPI_STATUS_IGNORE);
      if (!arrived) silent.push_back(p.peers[i]);
    }
    // Their buffers may go away before a late message comes.
    for (MPI_Request& request : p.requests) MPI_Cancel(&request);
    return SilenceError(rank_, deadline, std::move(silent));
  }

  absl::StatusOr<std::vector<Bytes>> GatherToRoot(
      absl::Span<const std::byte> mine) override {
    std::vector<Bytes> all;
    if (rank_ != 0) {
      TATAMI_RETURN_IF_ERROR(Send(mine, 0));
      return all;
    }
    all.emplace_back(mine.begin(), mine.end());
    for (int r = 1; r < size_; ++r) {
      TATAMI_RETURN_IF_ERROR(Receive(all.emplace_back(), r));
    }
    return all;
  }

  absl::Status BroadcastFromRoot(Bytes& bytes) override {
    if (rank_ != 0) return Receive(bytes, 0);
    for (int r = 1; r < size_; ++r) TATAMI_RETURN_IF_ERROR(Send(bytes, r));
    return absl::OkStatus();
  }

 private:
  struct Pattern {
    std::vector<MPI_Request> requests;
    std::vector<int> peers;
  };

  // False when they are not all done by `until`. Polls, so that a silent peer becomes
  // an error and not a hang; yields, because ranks may outnumber cores.
  static absl::StatusOr<bool> Poll(absl::Span<MPI_Request> requests, absl::Time until) {
    for (int64_t polls = 0;; ++polls) {
      int done = 0;
      TATAMI_RETURN_IF_ERROR(
          FromMpi(MPI_Testall(static_cast<int>(requests.size()), requests.data(), &done,
                              MPI_STATUSES_IGNORE),
                  "Testall"));
      if (done) return true;
      if (polls % 64 == 63) sched_yield();
      if (polls % 4096 == 4095 && absl::Now() > until) return false;
    }
  }

  // One request of a control message, done or E0601.
  absl::Status Finish(MPI_Request request, int peer) const {
    TATAMI_ASSIGN_OR_RETURN(const bool done, Poll(absl::MakeSpan(&request, 1),
                                                  absl::Now() + kControlDeadline));
    if (done) return absl::OkStatus();
    MPI_Cancel(&request);  // its buffer goes away
    MPI_Request_free(&request);
    return SilenceError(rank_, kControlDeadline, {peer});
  }

  // Control messages: the size, then pieces that MPI can count.
  absl::Status Send(absl::Span<const std::byte> bytes, int to) const {
    const int64_t size = static_cast<int64_t>(bytes.size());
    MPI_Request request;
    TATAMI_RETURN_IF_ERROR(
        FromMpi(MPI_Isend(&size, 1, MPI_INT64_T, to, 0, control_, &request), "Isend"));
    TATAMI_RETURN_IF_ERROR(Finish(request, to));
    for (int64_t at = 0; at < size; at += kPiece) {
      const int n = static_cast<int>(std::min(kPiece, size - at));
      TATAMI_RETURN_IF_ERROR(
          FromMpi(MPI_Isend(bytes.data() + at, n, MPI_BYTE, to, 0, control_, &request),
                  "Isend"));
      TATAMI_RETURN_IF_ERROR(Finish(request, to));
    }
    return absl::OkStatus();
  }

  absl::Status Receive(Bytes& bytes, int from) const {
    int64_t size = 0;
    MPI_Request request;
    TATAMI_RETURN_IF_ERROR(FromMpi(
        MPI_Irecv(&size, 1, MPI_INT64_T, from, 0, control_, &request), "Irecv"));
    TATAMI_RETURN_IF_ERROR(Finish(request, from));
    bytes.resize(size);
    for (int64_t at = 0; at < size; at += kPiece) {
      const int n = static_cast<int>(std::min(kPiece, size - at));
      TATAMI_RETURN_IF_ERROR(FromMpi(
          MPI_Irecv(bytes.data() + at, n, MPI_BYTE, from, 0, control_, &request),
          "Irecv"));
      TATAMI_RETURN_IF_ERROR(Finish(request, from));
    }
    return absl::OkStatus();
  }

  static constexpr int64_t kPiece = int64_t{1} << 28;
  MPI_Comm control_ = MPI_COMM_NULL;  // so that tags of patterns are free
  int rank_ = 0, size_ = 1;
  std::vector<Pattern> patterns_;
};

class MpiCollectives : public CollectivePeer {
 public:
  explicit MpiCollectives(MPI_Comm communicator) : communicator_(communicator) {}
  ~MpiCollectives() override { MPI_Comm_free(&communicator_); }

  std::string name() const override {
    char text[MPI_MAX_LIBRARY_VERSION_STRING];
    int length = 0;
    MPI_Get_library_version(text, &length);
    const absl::string_view version(text, length);
    return std::string(version.substr(0, version.find(',')));
  }
  absl::Status AllReduce(absl::Span<const float> mine, absl::Span<float> sum) override {
    return FromMpi(MPI_Allreduce(mine.data(), sum.data(), static_cast<int>(sum.size()),
                                 MPI_FLOAT, MPI_SUM, communicator_),
                   "Allreduce");
  }
  absl::Status ReduceScatter(absl::Span<const float> mine,
                             absl::Span<float> part) override {
    return FromMpi(MPI_Reduce_scatter_block(mine.data(), part.data(),
                                            static_cast<int>(part.size()), MPI_FLOAT,
                                            MPI_SUM, communicator_),
                   "Reduce_scatter_block");
  }
  absl::Status AllGather(absl::Span<const float> part, absl::Span<float> all) override {
    const int n = static_cast<int>(part.size());
    return FromMpi(MPI_Allgather(part.data(), n, MPI_FLOAT, all.data(), n, MPI_FLOAT,
                                 communicator_),
                   "Allgather");
  }

 private:
  MPI_Comm communicator_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<CollectivePeer>> MakeMpiCollectives() {
  MPI_Comm communicator = MPI_COMM_NULL;
  TATAMI_RETURN_IF_ERROR(
      FromMpi(MPI_Comm_dup(MPI_COMM_WORLD, &communicator), "Comm_dup"));
  return std::make_unique<MpiCollectives>(communicator);
}

absl::StatusOr<std::unique_ptr<Transport>> MakeMpiTransport() {
  int provided = 0;
  if (MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided) !=
          MPI_SUCCESS ||
      provided < MPI_THREAD_FUNNELED) {
    return MakeError(ErrorCode::kLaunch, "MPI did not start with MPI_THREAD_FUNNELED");
  }
  return std::make_unique<MpiTransport>();
}

void FinalizeMpi() {
  int initialised = 0;
  MPI_Initialized(&initialised);
  if (initialised) MPI_Finalize();
}

bool LaunchedByMpi() { return RankByMpi() >= 0; }

// What mpirun sets, and MPI_Init under srun: so this is to be asked before that.
bool StartedByMpirun() { return std::getenv("OMPI_COMM_WORLD_RANK") != nullptr; }

int RankByMpi() {
  for (const char* name : {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK"}) {
    const char* value = std::getenv(name);
    int rank = 0;
    if (value != nullptr && absl::SimpleAtoi(value, &rank)) return rank;
  }
  return -1;
}

}  // namespace tatami
