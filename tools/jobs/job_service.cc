#include "tools/jobs/job_service.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "core/error.h"
#include "core/status_macros.h"
#include "runtime/storage.h"
#include "tools/jobs/job_states.h"
#include "tools/jobs/run_config.h"
#include "tools/jobs/run_progress.h"

namespace tatami::jobs {
namespace {

constexpr int kRetriesDefault = 5;
constexpr int kEqualFailuresMax = 3;
constexpr absl::Duration kPlacingPause = absl::Seconds(5);
constexpr int kLost = -1;  // as an exit code: nobody knows how it ended

bool IsInfrastructure(int exit_code) {
  return exit_code == kLost || exit_code == 6 || exit_code > 128;
}

std::string HowItEnded(int exit_code) {
  if (exit_code == kLost) return "its processes were lost";
  if (exit_code > 128) return absl::StrCat("it was ended by signal ", exit_code - 128);
  return absl::StrCat("it ended with exit code ", exit_code);
}

absl::Status NotAllowed(const Job& job, absl::string_view what) {
  return MakeError(
      ErrorCode::kBadFlag,
      absl::StrCat("job ", job.id(), " is ", StateName(job.state()), " and ", what));
}

absl::Status CheckQueue(const std::string& name, const std::vector<Queue>& queues) {
  std::vector<std::string> known;
  for (const Queue& queue : queues) known.push_back(queue.name);
  if (std::find(known.begin(), known.end(), name) != known.end()) {
    return absl::OkStatus();
  }
  const std::string nearest = NearestName(name, known);
  return MakeError(
      ErrorCode::kBadFlag,
      absl::StrCat("no queue '", name, "'", nearest.empty() ? "" : "; ", nearest,
                   " Queues here: ", absl::StrJoin(known, ", "), "."));
}

}  // namespace

absl::StatusOr<std::unique_ptr<JobService>> JobService::Open(
    JobServiceOptions options, Launcher& launcher, std::function<absl::Time()> now) {
  TATAMI_ASSIGN_OR_RETURN(std::unique_ptr<JobStore> store,
                          JobStore::Open(options.folder + "/jobs.db"));
  std::unique_ptr<JobService> service(
      new JobService(std::move(options), launcher, std::move(now), std::move(store)));
  TATAMI_ASSIGN_OR_RETURN(std::vector<Job> jobs, service->store_->Jobs());
  for (Job& job : jobs) {
    // One killed between a job's end and this left its memory behind.
    if (HasEnded(job.state())) service->Forget(job);
    service->jobs_.emplace(job.id(), std::move(job));
  }
  TATAMI_ASSIGN_OR_RETURN(service->cluster_.drained, service->store_->Drained());
  return service;
}

std::string JobService::MemoryFolder(const Job& job) const {
  return absl::StrCat(options_.memory_root, "/tatami-", geteuid(), "-", job.id(), "-",
                      job.submitted_ms());
}

Attempt JobService::AttemptOf(const Job& job) const {
  return {.job = job.id(),
          .number = job.attempt(),
          .folder = job.folder(),
          .ranks = std::max(1, job.config().run().np()),
          .mpi_folder = MemoryFolder(job) + "/mpi"};
}

std::vector<std::string> JobService::Command(const Job& job) const {
  std::vector<std::string> words = options_.train;
  for (std::string& flag : TrainFlags(job.config().run())) {
    words.push_back(std::move(flag));
  }
  words.push_back("--out=" + RunFolder(job));
  words.push_back("--snapshots=" + MemoryFolder(job) + "/steps");
  words.push_back("--resume_if_any");
  return words;
}

absl::StatusOr<Job*> JobService::Find(int64_t id) {
  const auto it = jobs_.find(id);
  if (it != jobs_.end()) return &it->second;
  return MakeError(ErrorCode::kBadFlag,
                   absl::StrCat("there is no job ", id, ". See `tatami jobs --all`."));
}

absl::StatusOr<Job> JobService::Submit(const SubmitRequest& request,
                                       const std::string& owner) {
  TATAMI_RETURN_IF_ERROR(CheckConfig(request.config()));
  TATAMI_ASSIGN_OR_RETURN(const auto size,
                          ParseMeshSize(request.config().run().mesh()));
  const Mesh& mesh = options_.cluster.mesh;
  if (std::min(size.first, size.second) > std::min(mesh.rows, mesh.cols) ||
      std::max(size.first, size.second) > std::max(mesh.rows, mesh.cols)) {
    return MakeError(
        ErrorCode::kMeshTooLarge,
        absl::StrFormat("a job on %dx%d nodes never fits on this cluster of "
                        "%s nodes. Ask for a smaller --mesh.",
                        size.first, size.second, mesh.ToString()));
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  Job job;
  *job.mutable_config() = request.config();
  job.set_owner(owner);
  job.set_idempotency_key(request.idempotency_key());
  job.set_state(QUEUED);
  job.set_reason("submitted");
  job.set_rows(size.first);
  job.set_cols(size.second);
  job.set_submitted_ms(NowMs());
  TATAMI_RETURN_IF_ERROR(CheckQueue(QueueOf(job), cluster_.queues));
  TATAMI_ASSIGN_OR_RETURN(job, store_->Add(job, NowMs()));
  changed_ = true;
  return jobs_.emplace(job.id(), job).first->second;
}

absl::StatusOr<JobDetails> JobService::Get(int64_t id) {
  const std::lock_guard<std::mutex> lock(mutex_);
  TATAMI_ASSIGN_OR_RETURN(Job* const job, Find(id));
  JobDetails details;
  *details.mutable_job() = *job;
  TATAMI_ASSIGN_OR_RETURN(const std::vector<JobEvent> events, store_->Events(id));
  for (const JobEvent& event : events) *details.add_events() = event;
  return details;
}

std::vector<Job> JobService::List() {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::vector<Job> list;
  for (const auto& [id, job] : jobs_) list.push_back(job);
  return list;
}

absl::StatusOr<Job> JobService::Cancel(const CancelRequest& request) {
  const std::lock_guard<std::mutex> lock(mutex_);
  TATAMI_ASSIGN_OR_RETURN(Job* const job, Find(request.id()));
  const bool now = request.mode() == CancelRequest::NOW;
  if (HasEnded(job->state())) return NotAllowed(*job, "cannot be cancelled any more.");
  if (job->state() == QUEUED || job->state() == RECOVERING) {
    TATAMI_RETURN_IF_ERROR(
        MoveTo(*job, CANCELLED, "cancelled", [](Job& j) { j.clear_rectangle(); }));
    Forget(*job);
    return *job;
  }
  if (job->state() != CANCELLING) {
    TATAMI_RETURN_IF_ERROR(
        Cancel(*job, now ? "cancelled at once" : "cancelled, with a checkpoint"));
  }
  if (now) TATAMI_RETURN_IF_ERROR(launcher_.Kill(AttemptOf(*job)));
  return *job;
}

absl::StatusOr<Job> JobService::Resume(int64_t id) {
  const std::lock_guard<std::mutex> lock(mutex_);
  TATAMI_ASSIGN_OR_RETURN(Job* const job, Find(id));
  if (!IsAllowed(job->state(), QUEUED) || !HasEnded(job->state())) {
    return NotAllowed(*job, "can be resumed once it has failed or was cancelled.");
  }
  TATAMI_RETURN_IF_ERROR(MoveTo(*job, QUEUED, "resumed", [](Job& j) {
    j.set_failures(0);
    j.set_run_ms(0);
    j.clear_ended_ms();
  }));
  return *job;
}

absl::StatusOr<LogPiece> JobService::ReadLog(int64_t id, int64_t offset,
                                             int64_t bytes_max) {
  LogPiece piece;
  std::string path;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    TATAMI_ASSIGN_OR_RETURN(Job* const job, Find(id));
    if (!job->folder().empty()) path = LogPath(job->folder());
    // Asked before the file is read, so that its last bytes are not missed.
    piece.complete = HasEnded(job->state());
  }
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return piece;
  piece.size = file.tellg();
  if (offset < 0 || offset >= piece.size) return piece;
  piece.data.resize(static_cast<size_t>(std::min(bytes_max, piece.size - offset)));
  file.seekg(offset);
  file.read(piece.data.data(), static_cast<std::streamsize>(piece.data.size()));
  piece.data.resize(static_cast<size_t>(file.gcount()));
  piece.complete =
      piece.complete && offset + static_cast<int64_t>(piece.data.size()) >= piece.size;
  return piece;
}

ClusterInfo JobService::Describe() {
  const std::lock_guard<std::mutex> lock(mutex_);
  ClusterInfo state;
  state.set_rows(static_cast<int>(cluster_.mesh.rows));
  state.set_cols(static_cast<int>(cluster_.mesh.cols));
  for (const MeshNode& node : cluster_.dead) *state.add_dead() = node;
  for (const MeshNode& node : cluster_.drained) *state.add_drained() = node;
  return state;
}

absl::StatusOr<ClusterInfo> JobService::Drain(const DrainRequest& request) {
  const NodeRectangle& r = request.rectangle();
  if (r.row() < 0 || r.col() < 0 || r.rows() < 1 || r.cols() < 1 ||
      r.row() + r.rows() > static_cast<int>(cluster_.mesh.rows) ||
      r.col() + r.cols() > static_cast<int>(cluster_.mesh.cols)) {
    return MakeError(ErrorCode::kBadFlag,
                     absl::StrFormat("%dx%d nodes from (%d, %d) on are not all on this "
                                     "cluster of %dx%d nodes.",
                                     r.rows(), r.cols(), r.row(), r.col(),
                                     static_cast<int>(cluster_.mesh.rows),
                                     static_cast<int>(cluster_.mesh.cols)));
  }
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    std::vector<MeshNode> drained;
    for (const MeshNode& node : cluster_.drained) {
      const bool inside = node.row() >= r.row() && node.row() < r.row() + r.rows() &&
                          node.col() >= r.col() && node.col() < r.col() + r.cols();
      if (!inside) drained.push_back(node);
    }
    for (int row = r.row(); !request.undrain() && row < r.row() + r.rows(); ++row) {
      for (int col = r.col(); col < r.col() + r.cols(); ++col) {
        MeshNode& node = drained.emplace_back();
        node.set_row(row);
        node.set_col(col);
        node.set_reason(request.reason());
      }
    }
    TATAMI_RETURN_IF_ERROR(store_->SetDrained(drained));
    cluster_.drained = std::move(drained);
    changed_ = true;
  }
  return Describe();
}

absl::Status JobService::MoveTo(Job& job, JobState to, const std::string& reason,
                                std::function<void(Job&)> change) {
  Job next = job;
  next.set_state(to);
  next.set_reason(reason);
  if (HasEnded(to)) next.set_ended_ms(NowMs());
  if (change) change(next);
  TATAMI_RETURN_IF_ERROR(store_->Move(next, job.state(), NowMs()));
  job = std::move(next);
  changed_ = true;
  return absl::OkStatus();
}

absl::Status JobService::Start(Job& job, NodeRectangle rectangle) {
  TATAMI_RETURN_IF_ERROR(
      MoveTo(job, STARTING,
             absl::StrFormat("got %dx%d nodes from (%d, %d) on", rectangle.rows(),
                             rectangle.cols(), rectangle.row(), rectangle.col()),
             [&](Job& j) {
               *j.mutable_rectangle() = rectangle;
               j.set_folder(absl::StrCat(options_.folder, "/jobs/", job.id()));
               if (j.started_ms() == 0) j.set_started_ms(NowMs());
               j.set_attempt(j.attempt() + 1);
               j.set_attempt_started_ms(NowMs());
               j.clear_earliest_start_ms();
             }));
  return Launch(job);
}

absl::Status JobService::Launch(Job& job) {
  watches_[job.id()] = {.seen_at = now_(), .first_at = now_()};
  Attempt attempt = AttemptOf(job);
  attempt.command = Command(job);
  PosixStorage storage;
  absl::Status status = storage.MakeDirectory(job.folder());
  if (status.ok()) status = launcher_.Launch(attempt);
  if (status.ok()) return status;
  return AfterFailure(job, kLost, std::string(status.message()));
}

absl::Status JobService::Cancel(Job& job, const std::string& reason) {
  TATAMI_RETURN_IF_ERROR(MoveTo(job, CANCELLING, reason));
  watches_[job.id()].asked_at = now_();
  return launcher_.AskToEnd(AttemptOf(job));
}

void JobService::RefreshProgress(Job& job) {
  const std::optional<RunProgress> progress = ReadProgress(RunFolder(job));
  if (!progress) return;
  job.set_step(progress->step);
  job.set_loss(progress->loss);
  Watch& watch = watches_[job.id()];
  if (watch.seen_step == progress->step) return;
  if (watch.first_step < 0) {
    watch.first_step = progress->step;
    watch.first_at = now_();
  }
  watch.seen_step = progress->step;
  watch.seen_at = now_();
}

absl::Status JobService::WatchRunning(Job& job) {
  Watch& watch =
      watches_.try_emplace(job.id(), Watch{.seen_at = now_(), .first_at = now_()})
          .first->second;
  RefreshProgress(job);
  if (job.state() == STARTING) {
    TATAMI_RETURN_IF_ERROR(MoveTo(job, RUNNING, "its processes run"));
  }
  if (job.state() == CANCELLING) {
    if (watch.asked_at == absl::InfiniteFuture()) {  // asked by a service before us
      watch.asked_at = now_();
      return launcher_.AskToEnd(AttemptOf(job));
    }
    if (now_() - watch.asked_at < options_.grace) return absl::OkStatus();
    return launcher_.Kill(AttemptOf(job));
  }
  const int64_t ran_ms = job.run_ms() + NowMs() - job.attempt_started_ms();
  if (job.config().time_limit_s() > 0 && ran_ms > job.config().time_limit_s() * 1000) {
    return Cancel(job, absl::StrCat("its time limit of ", job.config().time_limit_s(),
                                    " s is over; saved as cancelled"));
  }
  const int64_t steps = watch.seen_step - watch.first_step;
  absl::Duration patience = options_.first_step;
  if (steps > 0) {
    patience = std::max(options_.stall_min, (watch.seen_at - watch.first_at) /
                                                static_cast<double>(steps) *
                                                options_.stall_steps);
  }
  if (now_() - watch.seen_at < patience) return absl::OkStatus();
  TATAMI_RETURN_IF_ERROR(launcher_.Kill(AttemptOf(job)));
  return AfterFailure(job, kLost,
                      absl::StrFormat("no step was done in %s, after step %d",
                                      absl::FormatDuration(patience), job.step()));
}

absl::Status JobService::Settle(Job& job, const AttemptState& ended) {
  RefreshProgress(job);
  // Ranks can outlive the process that started them.
  TATAMI_RETURN_IF_ERROR(launcher_.Kill(AttemptOf(job)));
  const int code = ended.status == AttemptStatus::kEnded ? ended.exit_code : kLost;
  const auto count_time = [this, code](Job& j) {
    j.set_run_ms(j.run_ms() + NowMs() - j.attempt_started_ms());
    j.set_exit_code(code);
  };
  const std::optional<RunEnd> end = ReadEnd(RunFolder(job));
  if (code == 0 && end && !end->stopped) {
    TATAMI_RETURN_IF_ERROR(MoveTo(
        job, SUCCEEDED, absl::StrCat("trained ", end->steps, " steps"), [&](Job& j) {
          count_time(j);
          j.set_step(end->steps);
          j.set_total_steps(end->total_steps);
          j.set_weights_hash(end->weights_hash);
          j.clear_rectangle();
        }));
    Forget(job);
    return absl::OkStatus();
  }
  if (job.state() == CANCELLING) {
    TATAMI_RETURN_IF_ERROR(MoveTo(job, CANCELLED, job.reason(), [&](Job& j) {
      count_time(j);
      j.clear_rectangle();
    }));
    Forget(job);
    return absl::OkStatus();
  }
  if (code == 0 && end) {
    return AfterFailure(job, 128 + SIGTERM, "stopped by a signal from outside");
  }
  std::string cause = HowItEnded(code);
  if (const std::string said = LastError(LogPath(job.folder())); !said.empty()) {
    absl::StrAppend(&cause, ": ", said);
  }
  if (IsInfrastructure(code)) return AfterFailure(job, code, cause);
  TATAMI_RETURN_IF_ERROR(MoveTo(job, FAILED, cause, [&](Job& j) {
    count_time(j);
    j.clear_rectangle();
  }));
  Forget(job);
  return absl::OkStatus();
}

absl::Status JobService::AfterFailure(Job& job, int exit_code,
                                      const std::string& cause) {
  const bool progress = job.failures() == 0 || job.step() > job.failed_step();
  const int failures = progress ? 1 : job.failures() + 1;
  const bool equal = !progress && exit_code == job.exit_code();
  const int retries =
      job.config().has_retries() ? job.config().retries() : kRetriesDefault;
  const auto note = [&](Job& j) {
    j.set_run_ms(j.run_ms() + NowMs() - j.attempt_started_ms());
    j.set_failures(failures);
    j.set_failed_step(job.step());
    j.set_exit_code(exit_code);
  };
  if (failures > retries || (equal && failures >= kEqualFailuresMax)) {
    TATAMI_RETURN_IF_ERROR(
        MoveTo(job, FAILED,
               absl::StrCat("failed ", failures, " times after step ", job.step(),
                            " without doing another; the last time, ", cause),
               [&](Job& j) {
                 note(j);
                 j.clear_rectangle();
               }));
    Forget(job);
    return absl::OkStatus();
  }
  // Once may be chance: at once again. Then wait, twice as long each time.
  absl::Duration wait;
  if (failures > 1) {
    wait = std::min(options_.back_off_max,
                    options_.back_off_min * (int64_t{1} << std::min(20, failures - 2)));
  }
  return MoveTo(job, RECOVERING,
                absl::StrCat(cause, "; starts again after step ", job.step()),
                [&](Job& j) {
                  note(j);
                  j.set_not_before_ms(NowMs() + absl::ToInt64Milliseconds(wait));
                });
}

void JobService::Forget(const Job& job) {
  watches_.erase(job.id());
  PosixStorage().Remove(MemoryFolder(job)).IgnoreError();  // memory, not results
}

absl::Status JobService::Advance(Job& job) {
  if (HasProcesses(job.state())) {
    TATAMI_ASSIGN_OR_RETURN(const AttemptState state, launcher_.Poll(AttemptOf(job)));
    if (state.status == AttemptStatus::kRunning) return WatchRunning(job);
    return Settle(job, state);
  }
  if (job.state() == RECOVERING && NowMs() >= job.not_before_ms()) {
    return Start(job, job.rectangle());
  }
  return absl::OkStatus();
}

absl::Status JobService::PlaceQueued() {
  if (!changed_ && now_() - placed_at_ < kPlacingPause) return absl::OkStatus();
  const Decision decision = PlaceJobs(jobs_, cluster_, promised_, NowMs());
  changed_ = false;
  placed_at_ = now_();
  promised_ = decision.reserved;
  for (const Waiting& wait : decision.waiting) {
    Job& job = jobs_[wait.id];
    job.set_reason(absl::StrCat(wait.text, " [", Name(wait.reason), "]"));
    job.set_earliest_start_ms(
        wait.start_kind == StartKind::kUnknown ? 0 : wait.earliest_start_s * 1000);
  }
  absl::Status first;
  for (const jobs::Start& start : decision.starts) {
    first.Update(Start(jobs_[start.id], ToProto(start.rectangle)));
  }
  return first;
}

absl::Status JobService::Tick() {
  const std::lock_guard<std::mutex> lock(mutex_);
  absl::Status first;
  for (auto& [id, job] : jobs_) first.Update(Advance(job));
  first.Update(PlaceQueued());
  return first;
}

}  // namespace tatami::jobs
