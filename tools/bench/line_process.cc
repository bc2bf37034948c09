#include "tools/bench/line_process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "core/status_macros.h"

extern char** environ;

namespace tatami {
namespace {

struct Pipe {
  int read = -1, write = -1;
};
absl::StatusOr<Pipe> MakePipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    return MakeError(ErrorCode::kLaunch,
                     absl::StrCat("cannot make a pipe: ", std::strerror(errno)));
  }
  return Pipe{ends[0], ends[1]};
}

}  // namespace

absl::StatusOr<std::unique_ptr<LineProcess>> LineProcess::Start(
    std::vector<std::string> words, absl::string_view remedy) {
  // A process that dies is seen as an unanswered line, not as a signal.
  std::signal(SIGPIPE, SIG_IGN);
  TATAMI_ASSIGN_OR_RETURN(const Pipe in, MakePipe());
  TATAMI_ASSIGN_OR_RETURN(const Pipe out, MakePipe());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in.read, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out.write, STDOUT_FILENO);
  pid_t child = 0;
  const int failed =
      posix_spawnp(&child, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(in.read);
  close(out.write);
  if (failed != 0) {
    close(in.write);
    close(out.read);
    return MakeError(ErrorCode::kLaunch,
                     absl::StrCat("cannot start ", words[0], ": ",
                                  std::strerror(failed), ". ", remedy));
  }
  return std::unique_ptr<LineProcess>(new LineProcess(words[0], std::string(remedy),
                                                      child, fdopen(in.write, "w"),
                                                      fdopen(out.read, "r")));
}

LineProcess::~LineProcess() {
  std::fclose(to_);  // the end of its input ends it
  std::fclose(from_);
  waitpid(child_, nullptr, 0);
}

absl::Status LineProcess::Ended() const {
  return MakeError(
      ErrorCode::kLaunch,
      absl::StrCat(name_, " ended without an answer; its own message is above. ",
                   remedy_));
}

absl::Status LineProcess::Tell(absl::string_view line) {
  const std::string text = absl::StrCat(line, "\n");
  const bool told = std::fputs(text.c_str(), to_) >= 0 && std::fflush(to_) == 0;
  return told ? absl::OkStatus() : Ended();
}

absl::StatusOr<std::string> LineProcess::Answer() {
  char* text = nullptr;
  size_t capacity = 0;
  const ssize_t length = getline(&text, &capacity, from_);
  std::string line(text, length > 0 ? length : 0);
  std::free(text);
  if (line.empty() || line.back() != '\n') return Ended();
  line.pop_back();
  return line;
}

absl::StatusOr<std::string> LineProcess::Ask(absl::string_view line) {
  TATAMI_RETURN_IF_ERROR(Tell(line));
  return Answer();
}

std::vector<std::string> PytorchScript(absl::string_view script,
                                       std::vector<std::string> arguments) {
  std::vector<std::string> words = {
      "/usr/bin/python3", absl::StrCat(TATAMI_SOURCE_DIR "/tools/bench/", script)};
  words.insert(words.end(), arguments.begin(), arguments.end());
  return words;
}

}  // namespace tatami
