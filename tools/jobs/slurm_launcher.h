// Attempts as batch jobs of Slurm (22.05 or later), by its commands.
//
// An attempt is the Slurm job named tatami-JOB-ATTEMPT whose comment is the folder of
// our job. Both are given with `sbatch` itself, so it is found by `squeue` whatever
// moment the service was killed at, and no number has to be kept.
//
// The folder of the service is on a file system that all nodes share. Site options, as
// partition and account, come from sbatch's own variables (SBATCH_PARTITION, ...).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "tools/jobs/launcher.h"

namespace tatami::jobs {

struct SlurmOptions {
  std::string tatami;  // path of the command, the same on every node
  // Age of what squeue said from which on it is asked again: all jobs of all users of
  // a cluster ask the same controller.
  absl::Duration listing_age_max = absl::Seconds(2);
  absl::Duration command_deadline = absl::Seconds(30);
  absl::Duration kill_patience = absl::Seconds(10);
  absl::Duration kill_pause = absl::Milliseconds(500);  // between two looks
};

// Errors: E0603 when a command of Slurm cannot be started, refuses, does not end, or
// says what is not understood. Nothing is concluded about an attempt then.
class SlurmLauncher : public Launcher {
 public:
  explicit SlurmLauncher(SlurmOptions options) : options_(std::move(options)) {}

  // Ends, before, what is left of the job's earlier attempts: an sbatch can outlive the
  // service that started it.
  absl::Status Launch(const Attempt& attempt) override;
  // Waiting in Slurm's queue is running. What was queued again after it ran is lost:
  // the service starts another attempt, without Slurm's delay.
  absl::StatusOr<AttemptState> Poll(const Attempt& attempt) override;
  absl::Status AskToEnd(const Attempt& attempt) override;
  // Ends every attempt of the job. E0603 while Slurm is still at it, without waiting
  // more than once; to be tried again.
  absl::Status Kill(const Attempt& attempt) override;

 private:
  enum class Phase { kWaits, kRuns, kIsEnding, kCompleted, kBroke };
  struct Listed {
    int64_t slurm_id = 0;
    Phase phase = Phase::kBroke;
    int64_t job = 0;
    int number = 0;
    std::string folder;
  };
  // No entry for a job that is not ours; E0603 for one that is and cannot be read.
  static absl::StatusOr<std::optional<Listed>> ReadLine(const std::string& line);
  static bool IsActive(Phase phase);

  absl::StatusOr<std::string> Run(std::vector<std::string> words,
                                  std::vector<std::string> environment,
                                  absl::string_view input) const;
  absl::Status Refresh(absl::Duration age_max);
  const Listed* Find(const Attempt& attempt) const;
  std::vector<Listed> ActiveOf(const std::string& folder) const;
  absl::Status Cancel(const std::vector<Listed>& jobs);

  const SlurmOptions options_;
  std::vector<Listed> listing_;  // what squeue said at listed_at_
  absl::Time listed_at_ = absl::InfinitePast();
};

}  // namespace tatami::jobs
