#include "tools/jobs/program.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "core/error.h"

namespace tatami::jobs {
namespace {

// A pipe whose ends are closed with it, and that no other child inherits.
class Pipe {
 public:
  Pipe() {
    if (pipe2(ends_, O_CLOEXEC) != 0) ends_[0] = ends_[1] = -1;
  }
  ~Pipe() {
    CloseEnd(0);
    CloseEnd(1);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  int end(int i) const { return ends_[i]; }
  void CloseEnd(int i) {
    if (ends_[i] >= 0) close(ends_[i]);
    ends_[i] = -1;
  }

 private:
  int ends_[2];
};

enum class Reading { kEnded, kLate };

Reading ReadUntil(int fd, absl::Time end, std::string& into) {
  for (;;) {
    const int64_t left_ms = absl::ToInt64Milliseconds(end - absl::Now());
    if (left_ms <= 0) return Reading::kLate;
    pollfd wait = {fd, POLLIN, 0};
    if (poll(&wait, 1, static_cast<int>(left_ms)) <= 0) continue;
    char buffer[4096];
    const ssize_t bytes = read(fd, buffer, sizeof buffer);
    if (bytes == 0) return Reading::kEnded;
    if (bytes > 0) into.append(buffer, static_cast<size_t>(bytes));
  }
}

}  // namespace

int WaitForEnd(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) return 127;
  }
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

std::vector<std::string> EnvironmentWith(const std::vector<std::string>& words) {
  std::vector<std::string> all = words;
  for (char** word = environ; *word != nullptr; ++word) {
    const auto same_name = [&](const std::string& ours) {
      return absl::StartsWith(*word, ours.substr(0, ours.find('=') + 1));
    };
    if (std::none_of(words.begin(), words.end(), same_name)) all.emplace_back(*word);
  }
  return all;
}

std::vector<char*> Pointers(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

absl::StatusOr<ProgramEnd> RunProgram(std::vector<std::string> words,
                                      std::vector<std::string> environment,
                                      absl::string_view input,
                                      absl::Duration deadline) {
  Pipe in, out;
  if (in.end(0) < 0 || out.end(0) < 0 ||
      write(in.end(1), input.data(), input.size()) !=
          static_cast<ssize_t>(input.size())) {
    return MakeError(
        ErrorCode::kLaunch,
        absl::StrCat("cannot start ", words[0], ": no pipe to it. See `ulimit -n`."));
  }
  in.CloseEnd(1);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in.end(0), 0);
  posix_spawn_file_actions_adddup2(&actions, out.end(1), 1);
  posix_spawn_file_actions_adddup2(&actions, out.end(1), 2);
  pid_t pid = 0;
  const int error = posix_spawnp(&pid, words[0].c_str(), &actions, nullptr,
                                 Pointers(words).data(), Pointers(environment).data());
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    return MakeError(ErrorCode::kLaunch,
                     absl::StrCat("cannot start ", words[0], ": ", std::strerror(error),
                                  ". See whether it is installed and in PATH."));
  }
  out.CloseEnd(1);
  ProgramEnd end;
  const Reading reading = ReadUntil(out.end(0), absl::Now() + deadline, end.said);
  if (reading == Reading::kLate) kill(pid, SIGKILL);
  end.exit_code = WaitForEnd(pid);
  if (reading == Reading::kEnded) return end;
  return MakeError(
      ErrorCode::kLaunch,
      absl::StrCat(words[0], " did not end within ", absl::FormatDuration(deadline),
                   ". See whether the machine that it asks answers."));
}

}  // namespace tatami::jobs
