// A launcher for tests: processes are what the test says they are.
#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "tools/jobs/launcher.h"

namespace tatami::jobs {

class TestLauncher : public Launcher {
 public:
  absl::Status Launch(const Attempt& attempt) override {
    for (const auto& [key, state] : attempts) {
      if (key.first == attempt.job && state.status == AttemptStatus::kRunning) {
        return MakeError(ErrorCode::kLaunch, "another attempt is alive.");
      }
    }
    if (refuse) return MakeError(ErrorCode::kLaunch, "no processes today.");
    attempts[{attempt.job, attempt.number}] = {AttemptStatus::kRunning, 0};
    std::filesystem::create_directories(attempt.mpi_folder);
    commands.push_back(attempt.command);
    return absl::OkStatus();
  }
  absl::StatusOr<AttemptState> Poll(const Attempt& attempt) override {
    return attempts[{attempt.job, attempt.number}];
  }
  absl::Status AskToEnd(const Attempt& attempt) override {
    asked.push_back(attempt.job);
    return absl::OkStatus();
  }
  absl::Status Kill(const Attempt& attempt) override {
    AttemptState& state = attempts[{attempt.job, attempt.number}];
    if (state.status == AttemptStatus::kRunning) {
      killed.push_back(attempt.job);
      state = {AttemptStatus::kLost, 0};
    }
    return absl::OkStatus();
  }

  void End(int64_t job, int number, int exit_code) {
    attempts[{job, number}] = {AttemptStatus::kEnded, exit_code};
  }
  void Lose(int64_t job, int number) {
    attempts[{job, number}] = {AttemptStatus::kLost, 0};
  }

  bool refuse = false;
  std::map<std::pair<int64_t, int>, AttemptState> attempts;
  std::vector<std::vector<std::string>> commands;
  std::vector<int64_t> asked, killed;
};

}  // namespace tatami::jobs
