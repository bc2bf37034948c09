// The only file that includes <mpi.h>.
#include "runtime/transport_mpi.h"

#include <mpi.h>
#include <sched.h>

#include <cstdlib>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "core/error.h"
#include "core/status_macros.h"

namespace tatami {
namespace {

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
  }
  ~MpiTransport() override {
    for (Pattern& p : patterns_) {
      for (MPI_Request& request : p.requests) MPI_Request_free(&request);
    }
  }

  int rank() const override { return rank_; }
  int size() const override { return size_; }

  absl::StatusOr<int> AddPattern(std::vector<Part> sends,
                                 std::vector<Part> receives) override {
    const int tag = static_cast<int>(patterns_.size());
    Pattern p;
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
    const absl::Time until = absl::Now() + deadline;
    // Polls, so that a silent peer becomes an error and not a hang; yields, because
    // ranks may outnumber cores.
    for (int64_t polls = 0;; ++polls) {
      int done = 0;
      TATAMI_RETURN_IF_ERROR(
          FromMpi(MPI_Testall(static_cast<int>(p.requests.size()), p.requests.data(),
                              &done, MPI_STATUSES_IGNORE),
                  "Testall"));
      if (done) return absl::OkStatus();
      if (polls % 64 == 63) sched_yield();
      if (polls % 4096 == 4095 && absl::Now() > until) break;
    }
    std::vector<int> silent;
    for (size_t i = 0; i < p.requests.size(); ++i) {
      int done = 0;
      MPI_Request_get_status(p.requests[i], &done, MPI_STATUS_IGNORE);
      if (!done) silent.push_back(p.peers[i]);
    }
    return MakeError(
        ErrorCode::kDeadline,
        absl::StrCat("rank ", rank_, " waited ", absl::FormatDuration(deadline),
                     " in vain for rank ", absl::StrJoin(silent, ", "),
                     ". See what that rank said last and whether its host is up, "
                     "then go on with --resume."));
  }

  absl::StatusOr<std::vector<std::vector<std::byte>>> GatherToRoot(
      absl::Span<const std::byte> mine) override {
    const int count = static_cast<int>(mine.size());
    std::vector<int> counts(size_), offsets(size_, 0);
    TATAMI_RETURN_IF_ERROR(FromMpi(
        MPI_Gather(&count, 1, MPI_INT, counts.data(), 1, MPI_INT, 0, MPI_COMM_WORLD),
        "Gather"));
    int total = 0;
    for (int r = 0; r < size_; ++r) {
      offsets[r] = total;
      total += counts[r];
    }
    std::vector<std::byte> flat(rank_ == 0 ? total : 0);
    TATAMI_RETURN_IF_ERROR(
        FromMpi(MPI_Gatherv(mine.data(), count, MPI_BYTE, flat.data(), counts.data(),
                            offsets.data(), MPI_BYTE, 0, MPI_COMM_WORLD),
                "Gatherv"));
    std::vector<std::vector<std::byte>> all;
    if (rank_ != 0) return all;
    for (int r = 0; r < size_; ++r) {
      const auto begin = flat.begin() + offsets[r];
      all.emplace_back(begin, begin + counts[r]);
    }
    return all;
  }

  absl::Status BroadcastFromRoot(std::vector<std::byte>& bytes) override {
    int64_t size = static_cast<int64_t>(bytes.size());
    TATAMI_RETURN_IF_ERROR(
        FromMpi(MPI_Bcast(&size, 1, MPI_INT64_T, 0, MPI_COMM_WORLD), "Bcast"));
    bytes.resize(size);
    return FromMpi(
        MPI_Bcast(bytes.data(), static_cast<int>(size), MPI_BYTE, 0, MPI_COMM_WORLD),
        "Bcast");
  }

 private:
  struct Pattern {
    std::vector<MPI_Request> requests;
    std::vector<int> peers;
  };
  int rank_ = 0, size_ = 1;
  std::vector<Pattern> patterns_;
};

}  // namespace

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

int RankByMpi() {
  for (const char* name : {"OMPI_COMM_WORLD_RANK", "PMI_RANK"}) {
    const char* value = std::getenv(name);
    int rank = 0;
    if (value != nullptr && absl::SimpleAtoi(value, &rank)) return rank;
  }
  return -1;
}

}  // namespace tatami
