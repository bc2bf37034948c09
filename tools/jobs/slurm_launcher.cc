#include "tools/jobs/slurm_launcher.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "core/error.h"
#include "core/status_macros.h"
#include "runtime/storage.h"
#include "tools/jobs/attempt_runner.h"
#include "tools/jobs/program.h"

namespace tatami::jobs {
namespace {

// The whole batch script, the same for every job: what differs comes as variables,
// which a shell does not take for words of its own.
constexpr absl::string_view kScript =
    "#!/bin/sh\n"
    "exec \"$TATAMI_RUNNER\" run_attempt \"$TATAMI_ATTEMPT\"\n";

// For a step and a checkpoint before the partition's time limit.
constexpr char kWarning[] = "--signal=B:TERM@120";

absl::Status NotUnderstood(absl::string_view program, absl::string_view said) {
  return MakeError(ErrorCode::kLaunch,
                   absl::StrCat(program, " said '", absl::StripAsciiWhitespace(said),
                                "', which is not an answer of Slurm 22.05 to 24. See "
                                "`",
                                program, " --version`."));
}

}  // namespace

absl::StatusOr<std::optional<SlurmLauncher::Listed>> SlurmLauncher::ReadLine(
    const std::string& line) {
  // "ID STATE NAME COMMENT"; the last may have spaces.
  const std::vector<std::string> words = absl::StrSplit(line, absl::MaxSplits(' ', 3));
  if (words.size() != 4) return std::nullopt;
  const std::vector<std::string> name = absl::StrSplit(words[2], '-');
  Listed listed;
  if (name.size() != 3 || name[0] != "tatami" ||
      !absl::SimpleAtoi(name[1], &listed.job) ||
      !absl::SimpleAtoi(name[2], &listed.number)) {
    return std::nullopt;
  }
  // squeue(1), JOB STATE CODES. REQUEUE_HOLD and the like wait for a person.
  static const auto& phases = *new std::map<std::string, Phase>{
      {"PENDING", Phase::kWaits},       {"REQUEUED", Phase::kWaits},
      {"REQUEUE_FED", Phase::kWaits},   {"REQUEUE_HOLD", Phase::kWaits},
      {"SPECIAL_EXIT", Phase::kWaits},  {"RESV_DEL_HOLD", Phase::kWaits},
      {"CONFIGURING", Phase::kRuns},    {"RUNNING", Phase::kRuns},
      {"SUSPENDED", Phase::kRuns},      {"STOPPED", Phase::kRuns},
      {"RESIZING", Phase::kRuns},       {"SIGNALING", Phase::kRuns},
      {"STAGE_OUT", Phase::kIsEnding},  {"COMPLETING", Phase::kIsEnding},
      {"COMPLETED", Phase::kCompleted}, {"BOOT_FAIL", Phase::kBroke},
      {"CANCELLED", Phase::kBroke},     {"DEADLINE", Phase::kBroke},
      {"FAILED", Phase::kBroke},        {"NODE_FAIL", Phase::kBroke},
      {"OUT_OF_MEMORY", Phase::kBroke}, {"PREEMPTED", Phase::kBroke},
      {"REVOKED", Phase::kBroke},       {"TIMEOUT", Phase::kBroke}};
  const auto phase = phases.find(words[1]);
  if (!absl::SimpleAtoi(words[0], &listed.slurm_id) || phase == phases.end()) {
    return NotUnderstood("squeue", line);
  }
  listed.phase = phase->second;
  listed.folder = words[3];
  return listed;
}

bool SlurmLauncher::IsActive(Phase phase) {
  return phase != Phase::kCompleted && phase != Phase::kBroke;
}

absl::StatusOr<std::string> SlurmLauncher::Run(std::vector<std::string> words,
                                               std::vector<std::string> environment,
                                               absl::string_view input) const {
  const std::string program = words[0];
  TATAMI_ASSIGN_OR_RETURN(const ProgramEnd end,
                          RunProgram(std::move(words), std::move(environment), input,
                                     options_.command_deadline));
  if (end.exit_code == 0) return end.said;
  return MakeError(ErrorCode::kLaunch,
                   absl::StrCat(program, " ended with code ", end.exit_code, ": '",
                                absl::StripAsciiWhitespace(end.said),
                                "'. See whether `sinfo` works here."));
}

absl::Status SlurmLauncher::Refresh(absl::Duration age_max) {
  if (absl::Now() - listed_at_ < age_max) return absl::OkStatus();
  TATAMI_ASSIGN_OR_RETURN(
      const std::string said,
      Run({"squeue", "--me", "--noheader", "--states=all", "--format=%i %T %j %k"},
          EnvironmentWith({}), ""));
  std::vector<Listed> listing;
  for (const absl::string_view line : absl::StrSplit(said, '\n', absl::SkipEmpty())) {
    TATAMI_ASSIGN_OR_RETURN(const std::optional<Listed> listed,
                            ReadLine(std::string(line)));
    if (listed) listing.push_back(*listed);
  }
  listing_ = std::move(listing);
  listed_at_ = absl::Now();
  return absl::OkStatus();
}

const SlurmLauncher::Listed* SlurmLauncher::Find(const Attempt& attempt) const {
  const Listed* newest = nullptr;
  for (const Listed& job : listing_) {
    if (job.job != attempt.job || job.number != attempt.number) continue;
    if (job.folder != attempt.folder) continue;  // of another service
    if (newest == nullptr || job.slurm_id > newest->slurm_id) newest = &job;
  }
  return newest;
}

std::vector<SlurmLauncher::Listed> SlurmLauncher::ActiveOf(
    const std::string& folder) const {
  std::vector<Listed> active;
  for (const Listed& job : listing_) {
    if (job.folder != folder || !IsActive(job.phase)) continue;
    const Attempt attempt{.job = job.job, .number = job.number, .folder = folder};
    const bool ended = job.phase == Phase::kIsEnding && ReadExitCode(attempt);
    if (!ended) active.push_back(job);
  }
  return active;
}

absl::Status SlurmLauncher::Launch(const Attempt& attempt) {
  TATAMI_RETURN_IF_ERROR(Kill(attempt));
  TATAMI_RETURN_IF_ERROR(PrepareAttempt(attempt));
  const std::string folder = AttemptFolder(attempt);
  listed_at_ = absl::InfinitePast();
  TATAMI_ASSIGN_OR_RETURN(
      const std::string said,
      Run({"sbatch", "--parsable", "--export=ALL", "--no-requeue", kWarning,
           absl::StrCat("--ntasks=", attempt.ranks),
           absl::StrCat("--job-name=tatami-", attempt.job, "-", attempt.number),
           absl::StrCat("--comment=", attempt.folder),
           // sbatch replaces %j and the like in the names of files.
           absl::StrCat("--output=", absl::StrReplaceAll(folder, {{"%", "%%"}}),
                        "/slurm.txt")},
          EnvironmentWith({AttemptTag(folder), "TATAMI_RUNNER=" + options_.tatami}),
          kScript));
  // "ID" or "ID;CLUSTER".
  int64_t id = 0;
  const std::string first = said.substr(0, said.find_first_of(";\n"));
  if (!absl::SimpleAtoi(first, &id)) return NotUnderstood("sbatch", said);
  return absl::OkStatus();
}

absl::StatusOr<AttemptState> SlurmLauncher::Poll(const Attempt& attempt) {
  TATAMI_RETURN_IF_ERROR(Refresh(options_.listing_age_max));
  const Listed* job = Find(attempt);
  // What was waiting when squeue was asked may run by now: only a newer answer says
  // that it waits again.
  const bool again = job != nullptr && job->phase == Phase::kWaits &&
                     PosixStorage().Exists(AttemptFolder(attempt) + "/runner");
  if (again) {
    TATAMI_RETURN_IF_ERROR(Refresh(absl::ZeroDuration()));
    job = Find(attempt);
  }
  // Read after the listing: a runner that ends in between has written how.
  const std::optional<int> code = ReadExitCode(attempt);
  const AttemptState running{AttemptStatus::kRunning, 0};
  if (job != nullptr) {
    if (again && job->phase == Phase::kWaits) {
      return AttemptState{AttemptStatus::kLost, 0};
    }
    // Slurm can take minutes to end a job one of whose nodes is gone; the runner has
    // ended, and ranks that are cut off from it do no step and write nothing.
    const bool ended = job->phase == Phase::kIsEnding && code;
    if (IsActive(job->phase) && !ended) return running;
    // The runner ended well, so its file is on its way through the file system. The
    // service's patience with an attempt that does no steps bounds the wait.
    if (job->phase == Phase::kCompleted && !code) return running;
  }
  if (code) return AttemptState{AttemptStatus::kEnded, *code};
  return AttemptState{AttemptStatus::kLost, 0};
}

absl::Status SlurmLauncher::AskToEnd(const Attempt& attempt) {
  TATAMI_RETURN_IF_ERROR(Refresh(absl::ZeroDuration()));
  const Listed* const job = Find(attempt);
  if (job == nullptr || job->phase == Phase::kIsEnding || !IsActive(job->phase)) {
    return absl::OkStatus();
  }
  const std::string id = absl::StrCat(job->slurm_id);
  const absl::StatusOr<std::string> said =
      job->phase == Phase::kWaits
          ? Run({"scancel", "--state=PENDING", id}, EnvironmentWith({}), "")
          : Run({"scancel", "--batch", "--signal=TERM", id}, EnvironmentWith({}), "");
  if (said.ok()) return absl::OkStatus();
  // Refused where it has just ended.
  TATAMI_RETURN_IF_ERROR(Refresh(absl::ZeroDuration()));
  return ActiveOf(attempt.folder).empty() ? absl::OkStatus() : said.status();
}

absl::Status SlurmLauncher::Cancel(const std::vector<Listed>& jobs) {
  for (const Listed& job : jobs) {
    if (job.phase == Phase::kIsEnding) continue;
    const std::string id = absl::StrCat(job.slurm_id);
    std::vector<std::string> words = {"scancel", id};
    // SIGKILL at once: who asks for this has asked with SIGTERM, and waited.
    if (job.phase == Phase::kRuns) words = {"scancel", "--full", "--signal=KILL", id};
    // Refused where it has just ended: the next look at the queue tells.
    Run(std::move(words), EnvironmentWith({}), "").status().IgnoreError();
  }
  return Refresh(absl::ZeroDuration());
}

absl::Status SlurmLauncher::Kill(const Attempt& attempt) {
  TATAMI_RETURN_IF_ERROR(Refresh(absl::ZeroDuration()));
  std::vector<Listed> active = ActiveOf(attempt.folder);
  const bool all_end = std::all_of(active.begin(), active.end(), [](const Listed& job) {
    return job.phase == Phase::kIsEnding;
  });
  if (!all_end) {
    for (const absl::Time end = absl::Now() + options_.kill_patience;
         !active.empty() && absl::Now() < end; absl::SleepFor(options_.kill_pause)) {
      TATAMI_RETURN_IF_ERROR(Cancel(active));
      active = ActiveOf(attempt.folder);
    }
  }
  if (active.empty()) return absl::OkStatus();
  return MakeError(
      ErrorCode::kLaunch,
      absl::StrCat("Slurm has not ended its job ", active[0].slurm_id, " of job ",
                   attempt.job, " yet. See `scontrol show job ", active[0].slurm_id,
                   "`; while one of its nodes does not answer, this takes up to "
                   "SlurmdTimeout."));
}

}  // namespace tatami::jobs
