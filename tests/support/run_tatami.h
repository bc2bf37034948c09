// Runs the real command as a stranger does and compares what it says, word for word.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace tatami::testing {

// A folder of the running test, removed at its end; commands run in it, so that their
// messages name short relative paths.
class Scratch {
 public:
  Scratch();
  explicit Scratch(const std::string& parent);  // with its '/'
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  const std::string& path() const { return path_; }
  // Makes the folders above the file.
  void Write(const std::string& name, const std::string& bytes) const;
  // A folder `name` with the one small video that ingest tests use.
  void WriteSmallVideo(const std::string& name) const;

 private:
  std::string path_;
};

struct RunOptions {
  std::string folder;                              // where the command runs
  std::map<std::string, std::string> environment;  // replaces these variables
  int64_t file_bytes_max = 0;                      // RLIMIT_FSIZE; 0: none
  std::vector<std::string> wrapper;                // words before the command
};

struct Outcome {
  int exit_code = -1;  // 128 + signal when ended by one
  std::string out, err;

  // What stands after the last "tatami: " that begins a line of err.
  std::string Message() const;
  // The object on the last line of out; fails the test when there is none.
  nlohmann::json LastJson() const;
};

// Runs build/.../tatami with these arguments and waits for its end.
Outcome RunTatami(const std::vector<std::string>& arguments, const RunOptions& options);

// The same in the folder, where the command is to say only `message` on stderr, nothing
// on stdout, and end with `exit_code`.
void ExpectRefused(const Scratch& scratch, const std::vector<std::string>& arguments,
                   int exit_code, absl::string_view message);

// The text between the first pair of ``` lines of docs/errors/CODE.md, without the
// newline at its end.
std::string SampleOfPage(absl::string_view code);

// The whole file; relative paths start at the source tree.
std::string FileText(const std::string& path);

}  // namespace tatami::testing
