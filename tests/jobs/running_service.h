// A real job service in a folder of the test, and the processes that it has started.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "tests/support/run_tatami.h"

namespace tatami::testing {

class RunningService {
 public:
  // Folder and socket lie in the scratch folder.
  explicit RunningService(const Scratch& scratch, std::vector<std::string> flags = {});
  ~RunningService();  // ends it, and every process of its jobs
  RunningService(const RunningService&) = delete;
  RunningService& operator=(const RunningService&) = delete;

  void Start();  // returns once it answers
  void Kill();   // SIGKILL
  // Whether one is there: it may have killed itself.
  bool IsAlive() const;
  pid_t process() const;

  // Runs a command as its user.
  Outcome Tatami(std::vector<std::string> arguments) const;
  // The object that `describe ID --json` prints.
  nlohmann::json Describe(int64_t id) const;
  // Until the job has done this step, or has ended.
  void WaitForStep(int64_t id, int64_t step) const;
  // Processes of its jobs whose program's name is this: "mpirun", "tatami".
  std::vector<pid_t> Processes(const std::string& program) const;
  // Those of them that are ranks.
  std::vector<pid_t> Ranks() const;
  std::string folder() const { return folder_; }

 private:
  const Scratch& scratch_;
  const std::string folder_;
  const std::vector<std::string> flags_;
};

// `command` (train, submit) and the flags of a small run on the video in "drives".
std::vector<std::string> RunWords(const std::string& command, int ranks, int steps);

// What the same run gives when nobody disturbs it.
struct Undisturbed {
  std::string weights_hash, metrics;
};
Undisturbed Train(const Scratch& scratch, int ranks, int steps);

// The id of the new job.
int64_t Submit(const RunningService& service, std::vector<std::string> words);

// How often the job went into this state.
int CountOf(const nlohmann::json& job, const std::string& state);

}  // namespace tatami::testing
