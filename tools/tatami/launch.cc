#include "tools/tatami/launch.h"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/error.h"
#include "core/status_macros.h"
#include "runtime/transport_mpi.h"

namespace tatami {
namespace {

// The highest exit code that tatami itself gives: see core/error.h.
constexpr int kExitCodeMax = 7;

volatile std::sig_atomic_t child_pid = 0;
volatile std::sig_atomic_t first_term_as = SIGTERM;
void PassOn(int signal) {
  if (child_pid > 0) kill(child_pid, signal);
}
void PassOnTerm(int /*signal*/) {
  PassOn(first_term_as);
  first_term_as = SIGTERM;
}

// Waits for a child. It has Ctrl-C from the terminal itself; other requests to end are
// passed on, so that no rank is left behind.
int WaitFor(pid_t pid, TermSignal term) {
  child_pid = pid;
  first_term_as = term == TermSignal::kAsUsr1 ? SIGUSR1 : SIGTERM;
  std::signal(SIGINT, SIG_IGN);
  std::signal(SIGTERM, PassOnTerm);
  if (term == TermSignal::kAsUsr1) std::signal(SIGUSR1, PassOn);
  std::signal(SIGHUP, PassOn);
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  child_pid = 0;
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

absl::Status RankEnded(int ranks, int code) {
  if (code <= 128) {
    return MakeError(ErrorCode::kLaunch,
                     absl::StrCat("mpirun ended with code ", code, " for --np ", ranks,
                                  ". See whether `mpirun -np ", ranks,
                                  " hostname` works here, or use --np 1."));
  }
  return MakeError(
      ErrorCode::kLaunch,
      absl::StrCat("one of ", ranks, " ranks was ended by signal ", code - 128, " (",
                   strsignal(code - 128),
                   "), and mpirun ended the others. Killed without a cause here often "
                   "means that memory ran out: see `dmesg`. Start again with "
                   "--resume."));
}

}  // namespace

std::vector<std::string> OwnCommandLine() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  std::vector<std::string> words = absl::StrSplit(text.str(), '\0');
  if (!words.empty() && words.back().empty()) words.pop_back();
  if (!words.empty()) {
    char path[4096];
    const ssize_t n = readlink("/proc/self/exe", path, sizeof path);
    if (n > 0) words[0].assign(path, n);
  }
  return words;
}

std::vector<std::string> UnderMpirun(int ranks, int threads,
                                     std::vector<std::string> command) {
  // -q: mpirun is silent about ranks that fail, since they speak for themselves.
  std::vector<std::string> words = {"mpirun",
                                    "-q",
                                    "-np",
                                    absl::StrCat(ranks),
                                    "--oversubscribe",
                                    "--bind-to",
                                    "none",
                                    "-x",
                                    absl::StrCat("OMP_NUM_THREADS=", threads)};
  if (geteuid() == 0) {
    setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 1);
    setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 1);
  }
  for (std::string& word : command) words.push_back(std::move(word));
  return words;
}

absl::StatusOr<int> RunToItsEnd(std::vector<std::string> words,
                                absl::string_view purpose, absl::string_view remedy,
                                TermSignal term) {
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  pid_t pid = 0;
  if (const int error =
          posix_spawnp(&pid, argv[0], nullptr, nullptr, argv.data(), environ);
      error != 0) {
    return MakeError(ErrorCode::kLaunch,
                     absl::StrCat("cannot start ", words[0], purpose, ": ",
                                  std::strerror(error), ". ", remedy));
  }
  return WaitFor(pid, term);
}

absl::StatusOr<int> RunUnderMpirun(int ranks, int threads, TermSignal term) {
  std::vector<std::string> words = UnderMpirun(ranks, threads, OwnCommandLine());
  TATAMI_ASSIGN_OR_RETURN(
      const int code,
      RunToItsEnd(std::move(words), absl::StrCat(" for --np ", ranks),
                  "Install Open MPI (Debian: apt-get install openmpi-bin) or use "
                  "--np 1.",
                  term));
  if (code > kExitCodeMax) return RankEnded(ranks, code);
  return code;
}

absl::StatusOr<std::unique_ptr<Transport>> StartTransport(int np) {
  if (!LaunchedByMpi()) return MakeSingleTransport();
  TATAMI_ASSIGN_OR_RETURN(std::unique_ptr<Transport> transport, MakeMpiTransport());
  if (transport->size() > 1 && np > 1 && transport->size() != np) {
    return MakeError(
        ErrorCode::kBadFlag,
        absl::StrCat("mpirun started ", transport->size(), " ranks and --np is ", np,
                     ". Leave --np out under an mpirun of your own."));
  }
  return transport;
}

}  // namespace tatami
