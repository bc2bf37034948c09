// How an attempt's processes are started, watched and ended: on this machine, under
// Slurm, or in a test.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace tatami::jobs {

// One run of a job's processes. Everything about it can be found again from these
// fields, so that a service that was killed goes on where it was.
struct Attempt {
  int64_t job = 0;
  int number = 0;      // from 1
  std::string folder;  // of the job
  int ranks = 1;
  // For what MPI keeps in memory and in sockets while it runs; gone with the attempt,
  // however that ends. A short path in a file system in memory.
  std::string mpi_folder;
  std::vector<std::string> command;  // words; needed by Launch alone
};

enum class AttemptStatus {
  kRunning,  // or about to run
  kEnded,    // with `exit_code`
  kLost,     // never started, or its record of how it ended is missing
};

struct AttemptState {
  AttemptStatus status = AttemptStatus::kLost;
  int exit_code = 0;  // 128 + signal when ended by one
};

class Launcher {
 public:
  virtual ~Launcher() = default;

  // Starts the words of `attempt.command`, none of which passes through a shell, with
  // output appended to LogPath(attempt.folder). At most one attempt of a job is alive:
  // E0603 when another is, or when it cannot be started.
  virtual absl::Status Launch(const Attempt& attempt) = 0;
  virtual absl::StatusOr<AttemptState> Poll(const Attempt& attempt) = 0;
  // Asks it to save and end after the step that it is in.
  virtual absl::Status AskToEnd(const Attempt& attempt) = 0;
  // Nothing of the attempt is alive afterwards. Fine when nothing was.
  virtual absl::Status Kill(const Attempt& attempt) = 0;
};

std::string LogPath(const std::string& job_folder);
std::string AttemptFolder(const Attempt& attempt);

}  // namespace tatami::jobs
