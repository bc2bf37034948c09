// Attempts on this machine.
#pragma once

#include <string>
#include <vector>

#include "tools/jobs/launcher.h"

namespace tatami::jobs {

class LocalLauncher : public Launcher {
 public:
  // `runner` are the words that start a runner, to which the attempt's folder is added.
  explicit LocalLauncher(std::vector<std::string> runner)
      : runner_(std::move(runner)) {}

  absl::Status Launch(const Attempt& attempt) override;
  absl::StatusOr<AttemptState> Poll(const Attempt& attempt) override;
  absl::Status AskToEnd(const Attempt& attempt) override;
  absl::Status Kill(const Attempt& attempt) override;

 private:
  std::vector<std::string> runner_;
};

}  // namespace tatami::jobs
