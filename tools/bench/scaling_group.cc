#include "tools/bench/scaling_group.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "core/status_macros.h"
#include "tools/bench/scaling_rank.h"

namespace tatami {
namespace {

absl::Status ExpectReady(LineProcess& process) {
  TATAMI_ASSIGN_OR_RETURN(const std::string line, process.Answer());
  if (line == "ready") return absl::OkStatus();
  return MakeError(ErrorCode::kLaunch,
                   absl::StrCat("'", line, "' where 'ready' was due"));
}

// The writing ends of the ranks' FIFOs. Opened for both ways, which does not wait for a
// reader: a rank that never comes is seen by its silence on stdout.
class Requests {
 public:
  ~Requests() { Close(); }
  absl::Status Open(const std::string& folder, int ranks) {
    for (int rank = 0; rank < ranks; ++rank) {
      const std::string path = RequestPath(folder, rank);
      if (mkfifo(path.c_str(), 0600) != 0) return Failed(path);
      const int fd = open(path.c_str(), O_RDWR | O_CLOEXEC);
      if (fd < 0) return Failed(path);
      ends_.push_back(fd);
    }
    return absl::OkStatus();
  }
  absl::Status Tell(absl::string_view line) const {
    const std::string text = absl::StrCat(line, "\n");
    for (const int fd : ends_) {
      const ssize_t written = write(fd, text.data(), text.size());
      if (written != static_cast<ssize_t>(text.size())) return Failed("a rank's FIFO");
    }
    return absl::OkStatus();
  }
  void Close() {  // the end of their requests ends the ranks
    for (const int fd : ends_) close(fd);
    ends_.clear();
  }

 private:
  static absl::Status Failed(absl::string_view path) {
    return MakeError(ErrorCode::kLaunch,
                     absl::StrCat("cannot tell ranks by ", path, ": ",
                                  std::strerror(errno), ". Is TMPDIR writable?"));
  }
  std::vector<int> ends_;
};

class OurGroup : public StepGroup {
 public:
  explicit OurGroup(std::unique_ptr<ScratchFolder> folder)
      : folder_(std::move(folder)) {}
  ~OurGroup() override {
    requests_.Close();
    process_.reset();
  }
  absl::Status Start(int ranks, std::vector<std::string> words) {
    TATAMI_RETURN_IF_ERROR(requests_.Open(folder_->path(), ranks));
    TATAMI_ASSIGN_OR_RETURN(
        process_, LineProcess::Start(std::move(words),
                                     "Does `mpirun -np 2 hostname` work here?"));
    return ExpectReady(*process_);
  }
  absl::StatusOr<StepsTime> RunSteps(int steps) override {
    TATAMI_RETURN_IF_ERROR(requests_.Tell(absl::StrCat(steps)));
    TATAMI_ASSIGN_OR_RETURN(const std::string answer, process_->Answer());
    StepsTime time;
    StepParts parts;
    if (std::sscanf(answer.c_str(), "%lf %lf %lf %lf", &time.seconds, &parts.compute_s,
                    &parts.exchange_s, &parts.wait_s) != 4) {
      return MakeError(ErrorCode::kLaunch,
                       absl::StrCat("a rank answered '", answer, "', not times"));
    }
    time.parts = parts;
    return time;
  }

 private:
  std::unique_ptr<ScratchFolder> folder_;
  Requests requests_;
  std::unique_ptr<LineProcess> process_;
};

class PytorchGroup : public StepGroup {
 public:
  explicit PytorchGroup(std::unique_ptr<ScratchFolder> folder)
      : folder_(std::move(folder)) {}

  absl::Status Start(const std::string& model, int64_t batch, int threads,
                     int processes) {
    for (int rank = 0; rank < processes; ++rank) {
      TATAMI_ASSIGN_OR_RETURN(
          processes_.emplace_back(),
          LineProcess::Start(
              PytorchScript("pytorch_ddp.py",
                            {model, absl::StrCat(batch), absl::StrCat(threads),
                             absl::StrCat(rank), absl::StrCat(processes),
                             absl::StrCat(folder_->path(), "/meet")}),
              kPytorchRemedy));
    }
    for (const auto& process : processes_) {
      TATAMI_RETURN_IF_ERROR(ExpectReady(*process));
    }
    double fastest = 0;
    for (const char* format : {"contiguous", "channels_last"}) {
      TATAMI_RETURN_IF_ERROR(Run(format, 1).status());  // makes the network
      TATAMI_ASSIGN_OR_RETURN(const double seconds, Run(format, 1));
      if (fastest > 0 && seconds > fastest) continue;
      fastest = seconds;
      format_ = format;
    }
    return absl::OkStatus();
  }
  absl::StatusOr<StepsTime> RunSteps(int steps) override {
    StepsTime time;
    TATAMI_ASSIGN_OR_RETURN(time.seconds, Run(format_, steps));
    return time;
  }

 private:
  // The seconds of the slowest process.
  absl::StatusOr<double> Run(const std::string& format, int steps) {
    for (const auto& process : processes_) {
      TATAMI_RETURN_IF_ERROR(process->Tell(absl::StrCat(format, " ", steps)));
    }
    double slowest = 0;
    for (const auto& process : processes_) {
      TATAMI_ASSIGN_OR_RETURN(const std::string answer, process->Answer());
      double seconds = 0;
      if (!absl::SimpleAtod(answer, &seconds) || !(seconds > 0)) {
        return MakeError(ErrorCode::kLaunch,
                         absl::StrCat("PyTorch answered '", answer, "', not seconds"));
      }
      slowest = std::max(slowest, seconds);
    }
    return slowest;
  }

  std::unique_ptr<ScratchFolder> folder_;
  std::string format_;
  std::vector<std::unique_ptr<LineProcess>> processes_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<StepGroup>> StartOurGroup(
    int ranks, std::vector<std::string> words, std::unique_ptr<ScratchFolder> folder) {
  auto group = std::make_unique<OurGroup>(std::move(folder));
  TATAMI_RETURN_IF_ERROR(group->Start(ranks, std::move(words)));
  return group;
}

absl::StatusOr<std::unique_ptr<StepGroup>> StartPytorchGroup(const std::string& model,
                                                             int64_t batch, int threads,
                                                             int processes) {
  TATAMI_ASSIGN_OR_RETURN(auto folder, ScratchFolder::Make());
  auto group = std::make_unique<PytorchGroup>(std::move(folder));
  TATAMI_RETURN_IF_ERROR(group->Start(model, batch, threads, processes));
  return group;
}

}  // namespace tatami
