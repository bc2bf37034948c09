// The process that stands between the service and an attempt. It outlives the service,
// starts the command, waits for its end and writes down how it ended.
//
// Invariants:
// 1. Who runs holds the lock of the job's folder, from before it is started until it
//    ends: a free lock means that nobody runs, and there are never two.
// 2. exit.json appears whole or not at all, and only after every process of the attempt
//    has ended.
// 3. All processes of an attempt carry AttemptTag in their environment, so that they
//    are found even when their parents are gone.
#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "tools/jobs/launcher.h"

namespace tatami::jobs {

// What `tatami run_attempt FOLDER` does. Where the lock is handed over, open as
// kLockDescriptor, it returns at once in the process that was started, and the one that
// works is its child. Elsewhere (a batch script) it stays, waits for the lock, and does
// nothing when the attempt was started before or a later one was prepared. The return
// value is the exit code of either process; of the one that works 0 says that exit.json
// was written.
constexpr int kLockDescriptor = 3;
int RunAttempt(const std::string& attempt_folder);

// Writes what RunAttempt reads.
absl::Status PrepareAttempt(const Attempt& attempt);

// The exit code, once the attempt has ended by itself.
std::optional<int> ReadExitCode(const Attempt& attempt);

// The runner's process, or 0 when it is not alive.
pid_t RunnerProcess(const Attempt& attempt);

// "TATAMI_ATTEMPT=..."
std::string AttemptTag(absl::string_view attempt_folder);

// Ends every process that carries the tag, other than this one; returns how many it
// found. E0603 when some live on.
absl::StatusOr<int> KillTagged(absl::string_view tag);

}  // namespace tatami::jobs
