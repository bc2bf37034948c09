#include "tools/jobs/local_launcher.h"

#include <signal.h>
#include <spawn.h>

#include <cstring>

#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "core/status_macros.h"
#include "runtime/storage.h"
#include "tools/jobs/attempt_runner.h"
#include "tools/jobs/folder_lock.h"
#include "tools/jobs/program.h"

namespace tatami::jobs {

absl::Status LocalLauncher::Launch(const Attempt& attempt) {
  TATAMI_RETURN_IF_ERROR(PrepareAttempt(attempt));
  const FolderLock lock(attempt.folder);
  if (!lock.held()) {
    return MakeError(ErrorCode::kLaunch,
                     absl::StrCat("another attempt of job ", attempt.job,
                                  " is alive; it holds '", attempt.folder, "/lock'."));
  }
  std::vector<std::string> words = runner_;
  words.push_back(AttemptFolder(attempt));
  std::vector<std::string> environment =
      EnvironmentWith({AttemptTag(AttemptFolder(attempt))});
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, lock.fd(), kLockDescriptor);
  pid_t pid = 0;
  const int error = posix_spawn(&pid, words[0].c_str(), &actions, nullptr,
                                Pointers(words).data(), Pointers(environment).data());
  posix_spawn_file_actions_destroy(&actions);
  if (error == 0 && WaitForEnd(pid) == 0) return absl::OkStatus();
  return MakeError(
      ErrorCode::kLaunch,
      absl::StrCat("cannot start ", words[0], " for job ", attempt.job, ": ",
                   error != 0 ? std::strerror(error) : "it ended at once", "."));
}

absl::StatusOr<AttemptState> LocalLauncher::Poll(const Attempt& attempt) {
  // The lock first: a runner that ends in between has written how.
  const FolderLock lock(attempt.folder);
  if (lock.taken()) return AttemptState{AttemptStatus::kRunning, 0};
  if (lock.unreadable()) {
    return MakeError(ErrorCode::kStorage,
                     absl::StrCat("cannot open '", attempt.folder, "/lock' of job ",
                                  attempt.job, "."));
  }
  const std::optional<int> code = ReadExitCode(attempt);
  if (code) return AttemptState{AttemptStatus::kEnded, *code};
  return AttemptState{AttemptStatus::kLost, 0};
}

absl::Status LocalLauncher::AskToEnd(const Attempt& attempt) {
  const pid_t runner = RunnerProcess(attempt);
  if (runner > 0) kill(runner, SIGTERM);
  return absl::OkStatus();
}

absl::Status LocalLauncher::Kill(const Attempt& attempt) {
  TATAMI_RETURN_IF_ERROR(KillTagged(AttemptTag(AttemptFolder(attempt))).status());
  return PosixStorage().Remove(attempt.mpi_folder);
}

}  // namespace tatami::jobs
