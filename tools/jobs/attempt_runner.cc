#include "tools/jobs/attempt_runner.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "core/error.h"
#include "core/status_macros.h"
#include "runtime/storage.h"
#include "tools/jobs/folder_lock.h"
#include "tools/jobs/program.h"

namespace tatami::jobs {
namespace {

namespace fs = std::filesystem;

constexpr char kTagName[] = "TATAMI_ATTEMPT";
constexpr int kKillRounds = 100;  // of 50 ms
// For the lock of an attempt whose host was lost: an NFS server keeps it for a lease,
// 90 s unless its administrator changed that.
constexpr absl::Duration kLockPatience = absl::Minutes(3);

std::string ReadAll(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

absl::Status WriteWhole(const std::string& path, const std::string& text) {
  PosixStorage storage;
  return ReplaceFile(storage, path, {AsBytes(text)});
}

// Clock ticks after boot, which tell a process from a later one of the same number; ""
// when there is none, or it has ended and waits to be buried.
std::string StartOf(pid_t pid) {
  const std::string stat = ReadAll(absl::StrCat("/proc/", pid, "/stat"));
  const size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos) return "";
  const std::vector<std::string> words =
      absl::StrSplit(stat.substr(name_end + 1), ' ', absl::SkipEmpty());
  // Fields 3 (state) and 22 (start) of proc(5); words[0] is field 3.
  return words.size() > 19 && words[0] != "Z" ? words[19] : "";
}

volatile std::sig_atomic_t child_pid = 0;
void PassOn(int signal) {
  if (child_pid > 0) kill(child_pid, signal);
}

// In the child: becomes the command, and ends with the runner.
[[noreturn]] void Become(std::vector<std::string> words, int log) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGCHLD, SIGPIPE}) {
    std::signal(number, SIG_DFL);
  }
  const int nothing = open("/dev/null", O_RDONLY);
  dup2(nothing, 0);
  dup2(log, 1);
  dup2(log, 2);
  execv(words[0].c_str(), Pointers(words).data());
  dprintf(2, "tatami: cannot start %s: %s\n", words[0].c_str(), std::strerror(errno));
  _exit(127);
}

std::string JobFolder(const std::string& attempt_folder) {
  return fs::path(attempt_folder).parent_path().parent_path();
}

// Waits for the lock of the job's folder; null when it does not come.
std::unique_ptr<FolderLock> WaitForLock(const std::string& job_folder) {
  for (const absl::Time end = absl::Now() + kLockPatience; absl::Now() < end;
       absl::SleepFor(absl::Milliseconds(200))) {
    auto lock = std::make_unique<FolderLock>(job_folder);
    if (lock->held()) return lock;
    if (!lock->taken()) return nullptr;  // no such folder
  }
  return nullptr;
}

// A queue can start an attempt late, when the service has given it up, or once more.
bool IsStale(const std::string& folder) {
  int number = 0;
  if (!absl::SimpleAtoi(fs::path(folder).filename().string(), &number)) return true;
  return fs::exists(folder + "/runner") ||
         fs::exists(absl::StrCat(JobFolder(folder), "/attempts/", number + 1));
}

// Holding the lock. What keeps the command from being started is an error.
absl::Status Work(const std::string& folder) {
  fcntl(kLockDescriptor, F_SETFD, FD_CLOEXEC);
  close_range(kLockDescriptor + 1, ~0U, 0);
  const auto spec =
      nlohmann::json::parse(ReadAll(folder + "/command.json"), nullptr, false);
  if (spec.is_discarded() || spec["command"].empty()) {
    return MakeError(ErrorCode::kStorage,
                     absl::StrCat("'", folder, "/command.json' cannot be read."));
  }
  const auto words = spec.at("command").get<std::vector<std::string>>();
  // Open MPI would leave its shared memory and sockets behind when it is killed, in
  // places where nobody knows whose they are.
  const auto mpi_folder = spec.at("mpi_folder").get<std::string>();
  PosixStorage storage;
  TATAMI_RETURN_IF_ERROR(storage.Remove(mpi_folder));
  TATAMI_RETURN_IF_ERROR(storage.MakeDirectory(mpi_folder));
  setenv("OMPI_MCA_btl_vader_backing_directory", mpi_folder.c_str(), 1);
  setenv("OMPI_MCA_orte_tmpdir_base", mpi_folder.c_str(), 1);
  const int log = open(spec.at("log").get<std::string>().c_str(),
                       O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  TATAMI_RETURN_IF_ERROR(
      WriteWhole(folder + "/runner", absl::StrCat(getpid(), " ", StartOf(getpid()))));
  const pid_t child = log < 0 ? -1 : fork();
  if (child < 0) {
    return MakeError(
        ErrorCode::kLaunch,
        absl::StrCat("no process can be started: ", std::strerror(errno), "."));
  }
  if (child == 0) Become(words, log);
  child_pid = child;
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) {
    std::signal(number, PassOn);
  }
  const int code = WaitForEnd(child);
  child_pid = 0;
  const absl::StatusOr<int> killed = KillTagged(AttemptTag(folder));
  storage.Remove(mpi_folder).IgnoreError();  // as far as it lets itself
  const nlohmann::json exit = {{"code", code},
                               {"left_behind", killed.ok() ? *killed : -1}};
  return WriteWhole(folder + "/exit.json", exit.dump() + "\n");
}

// Where the job's user, and the service that says why it failed, read it.
int WorkOrTell(const std::string& folder) {
  const absl::Status status = Work(folder);
  if (status.ok()) return 0;
  std::ofstream(LogPath(JobFolder(folder)), std::ios::app)
      << "tatami: " << status.message() << std::endl;
  return 1;
}

// Processes that carry the tag, other than this one.
std::set<pid_t> Tagged(absl::string_view tag) {
  std::set<pid_t> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/proc", error)) {
    int pid = 0;
    if (!absl::SimpleAtoi(entry.path().filename().string(), &pid)) continue;
    if (pid == getpid() || StartOf(pid).empty()) continue;
    const std::string environment = ReadAll(entry.path().string() + "/environ");
    const std::vector<absl::string_view> words = absl::StrSplit(environment, '\0');
    if (std::find(words.begin(), words.end(), tag) != words.end()) found.insert(pid);
  }
  return found;
}

}  // namespace

std::string LogPath(const std::string& job_folder) { return job_folder + "/log.txt"; }

std::string AttemptFolder(const Attempt& attempt) {
  return absl::StrCat(attempt.folder, "/attempts/", attempt.number);
}

std::string AttemptTag(absl::string_view attempt_folder) {
  return absl::StrCat(kTagName, "=", attempt_folder);
}

absl::Status PrepareAttempt(const Attempt& attempt) {
  PosixStorage storage;
  TATAMI_RETURN_IF_ERROR(storage.MakeDirectory(AttemptFolder(attempt)));
  const nlohmann::json spec = {{"command", attempt.command},
                               {"log", LogPath(attempt.folder)},
                               {"mpi_folder", attempt.mpi_folder}};
  return WriteWhole(AttemptFolder(attempt) + "/command.json", spec.dump(1) + "\n");
}

std::optional<int> ReadExitCode(const Attempt& attempt) {
  const auto exit = nlohmann::json::parse(
      ReadAll(AttemptFolder(attempt) + "/exit.json"), nullptr, false);
  if (exit.is_discarded() || !exit.contains("code")) return std::nullopt;
  return exit["code"].get<int>();
}

pid_t RunnerProcess(const Attempt& attempt) {
  const std::vector<std::string> words =
      absl::StrSplit(ReadAll(AttemptFolder(attempt) + "/runner"), ' ');
  int pid = 0;
  if (words.size() != 2 || !absl::SimpleAtoi(words[0], &pid)) return 0;
  return StartOf(pid) == words[1] ? pid : 0;
}

int RunAttempt(const std::string& attempt_folder) {
  if (IsLockOf(kLockDescriptor, JobFolder(attempt_folder))) {
    const pid_t worker = fork();
    if (worker < 0) return 1;
    if (worker > 0) return 0;
    setsid();
    return WorkOrTell(attempt_folder);
  }
  const std::unique_ptr<FolderLock> lock = WaitForLock(JobFolder(attempt_folder));
  if (lock == nullptr) {
    std::cerr << "tatami: another attempt of this job holds '"
              << JobFolder(attempt_folder) << "/lock'\n";
    return 1;
  }
  if (IsStale(attempt_folder)) {
    std::cerr << "tatami: '" << attempt_folder
              << "' was started before, or given up for a later attempt\n";
    return 1;
  }
  if (dup2(lock->fd(), kLockDescriptor) != kLockDescriptor) return 1;
  return WorkOrTell(attempt_folder);
}

absl::StatusOr<int> KillTagged(absl::string_view tag) {
  std::set<pid_t> all;
  for (int round = 0; round < kKillRounds; ++round) {
    const std::set<pid_t> alive = Tagged(tag);
    if (alive.empty()) return static_cast<int>(all.size());
    for (const pid_t pid : alive) kill(pid, SIGKILL);
    all.insert(alive.begin(), alive.end());
    absl::SleepFor(absl::Milliseconds(50));
  }
  return MakeError(ErrorCode::kLaunch,
                   absl::StrCat("processes of ", tag,
                                " live on after SIGKILL; they may hang in the kernel. "
                                "See `ps` and the disks that they use."));
}

}  // namespace tatami::jobs
