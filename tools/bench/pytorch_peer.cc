#include "tools/bench/pytorch_peer.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/error.h"

extern char** environ;

namespace tatami {
namespace {

// Debian's interpreter: the one that python3-torch is installed for.
constexpr char kPython[] = "/usr/bin/python3";

struct Pipe {
  int read = -1, write = -1;
};
absl::StatusOr<Pipe> MakePipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    return MakeError(ErrorCode::kLaunch, "cannot make a pipe to PyTorch");
  }
  return Pipe{ends[0], ends[1]};
}

}  // namespace

absl::StatusOr<std::unique_ptr<PytorchPeer>> PytorchPeer::Start(
    const std::string& model, int64_t batch, int threads) {
  // A peer that dies is seen as an unanswered request, not as a signal.
  std::signal(SIGPIPE, SIG_IGN);
  const absl::StatusOr<Pipe> in = MakePipe(), out = MakePipe();
  if (!in.ok()) return in.status();
  if (!out.ok()) return out.status();
  std::vector<std::string> words = {kPython,
                                    TATAMI_SOURCE_DIR "/tools/bench/pytorch_step.py",
                                    model, absl::StrCat(batch), absl::StrCat(threads)};
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in->read, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out->write, STDOUT_FILENO);
  pid_t child = 0;
  const int failed =
      posix_spawn(&child, kPython, &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(in->read);
  close(out->write);
  if (failed != 0) {
    close(in->write);
    close(out->read);
    return MakeError(ErrorCode::kLaunch,
                     absl::StrCat("cannot start ", kPython, "; install python3-torch"));
  }
  return std::unique_ptr<PytorchPeer>(
      new PytorchPeer(child, fdopen(in->write, "w"), fdopen(out->read, "r")));
}

PytorchPeer::~PytorchPeer() {
  std::fclose(to_);  // the end of its input ends it
  std::fclose(from_);
  waitpid(child_, nullptr, 0);
}

absl::StatusOr<RunTime> PytorchPeer::RunSteps(absl::string_view format, int steps) {
  const std::string request = absl::StrCat(format, " ", steps, "\n");
  char line[128] = {};
  RunTime time;
  const bool answered =
      std::fputs(request.c_str(), to_) >= 0 && std::fflush(to_) == 0 &&
      std::fgets(line, sizeof line, from_) != nullptr &&
      std::sscanf(line, "%lf %lf", &time.seconds, &time.cpu_seconds) == 2;
  if (!answered || !(time.seconds > 0)) {
    return MakeError(ErrorCode::kLaunch,
                     "PyTorch ended without an answer; its own message is above. Is "
                     "python3-torch installed?");
  }
  return time;
}

}  // namespace tatami
