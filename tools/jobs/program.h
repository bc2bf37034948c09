// Running a short program to its end, without a shell.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace tatami::jobs {

// Our environment with these "NAME=value" words in place of those of the same name.
std::vector<std::string> EnvironmentWith(const std::vector<std::string>& words);

// For exec and spawn: pointers into `words`, and a null pointer at the end.
std::vector<char*> Pointers(std::vector<std::string>& words);

// Waits for a child; 128 + signal when ended by one, 127 when it is none of ours.
int WaitForEnd(pid_t pid);

struct ProgramEnd {
  int exit_code = 0;  // 128 + signal when ended by one
  std::string said;   // its output and errors, as they came
};

// Finds words[0] in PATH, gives it `input` (less than a pipe holds, 64 KiB) and waits
// for its end. E0603 when it cannot be started, or is still there at the deadline; it
// is then killed.
absl::StatusOr<ProgramEnd> RunProgram(std::vector<std::string> words,
                                      std::vector<std::string> environment,
                                      absl::string_view input, absl::Duration deadline);

}  // namespace tatami::jobs
