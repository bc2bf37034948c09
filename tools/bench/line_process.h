// A process that is kept alive between runs and told over a pipe, line by line, what to
// do next. It uses no processor time while it waits for a line.
#pragma once

#include <sys/types.h>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace tatami {

class LineProcess {
 public:
  // Starts the program words[0], looked for in PATH, with stdin and stdout as pipes to
  // here. `remedy` is what an error adds to what it says. Error: E0603.
  static absl::StatusOr<std::unique_ptr<LineProcess>> Start(
      std::vector<std::string> words, absl::string_view remedy);
  ~LineProcess();  // ends its input and waits for its end
  LineProcess(const LineProcess&) = delete;
  LineProcess& operator=(const LineProcess&) = delete;

  // Asking is telling and then waiting for the answer, a line without its end. A
  // process that ends instead is E0603.
  absl::Status Tell(absl::string_view line);
  absl::StatusOr<std::string> Answer();
  absl::StatusOr<std::string> Ask(absl::string_view line);

 private:
  LineProcess(std::string name, std::string remedy, pid_t child, FILE* to, FILE* from)
      : name_(std::move(name)),
        remedy_(std::move(remedy)),
        child_(child),
        to_(to),
        from_(from) {}
  absl::Status Ended() const;

  std::string name_, remedy_;
  pid_t child_;
  FILE* to_;
  FILE* from_;
};

// Debian's interpreter, which python3-torch is installed for, and a script of
// tools/bench with its arguments.
std::vector<std::string> PytorchScript(absl::string_view script,
                                       std::vector<std::string> arguments);
constexpr absl::string_view kPytorchRemedy = "Is python3-torch installed?";

}  // namespace tatami
