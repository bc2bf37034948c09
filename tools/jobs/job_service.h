// The job service without its wire: keeps jobs, gives them rectangles of the mesh,
// starts them, watches them, and starts them again when their processes are lost.
//
// Invariants:
// 1. A transition is durable before it is acted on. Whatever moment the service is
//    killed at, the next one finds every job in a state from which Tick goes on.
// 2. Nodes that one job holds (HoldsNodes) no other holds.
// 3. At most one attempt of a job is alive (see attempt_runner.h).
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tools/jobs/job_store.h"
#include "tools/jobs/launcher.h"
#include "tools/jobs/placing.h"

namespace tatami::jobs {

struct JobServiceOptions {
  std::string folder;                              // jobs.db and jobs/N
  std::string memory_root = "/dev/shm";            // snapshots, and what MPI shares
  std::vector<std::string> train;                  // words before the flags of a run
  Cluster cluster;                                 // `drained` is kept by the store
  absl::Duration grace = absl::Seconds(60);        // from a request to end to SIGKILL
  absl::Duration first_step = absl::Minutes(10);   // from the start to the first step
  absl::Duration stall_min = absl::Seconds(60);    // without a step
  double stall_steps = 20;                         // or so many steps' time, if longer
  absl::Duration back_off_min = absl::Seconds(1);  // doubles with every failure
  absl::Duration back_off_max = absl::Minutes(5);
};

struct LogPiece {
  std::string data;
  int64_t size = 0;       // of the log so far
  bool complete = false;  // the job has ended: nothing will be added
};

// Thread-safe. Errors: E0101 for a job that is not there or an impossible request,
// E0105 for a mesh that never fits, E0602 for the store.
class JobService {
 public:
  static absl::StatusOr<std::unique_ptr<JobService>> Open(
      JobServiceOptions options, Launcher& launcher, std::function<absl::Time()> now);

  absl::StatusOr<Job> Submit(const SubmitRequest& request, const std::string& owner);
  absl::StatusOr<JobDetails> Get(int64_t id);
  std::vector<Job> List();
  absl::StatusOr<Job> Cancel(const CancelRequest& request);
  // Queues an ended job again, to go on from its newest checkpoint.
  absl::StatusOr<Job> Resume(int64_t id);
  // At most `bytes_max` bytes of the job's log from `offset` on.
  absl::StatusOr<LogPiece> ReadLog(int64_t id, int64_t offset, int64_t bytes_max);
  ClusterInfo Describe();
  absl::StatusOr<ClusterInfo> Drain(const DrainRequest& request);

  // Looks at all processes and makes the transitions that are due. Called a few times a
  // second. What goes wrong with one job does not keep others waiting; the first error
  // is returned.
  absl::Status Tick();

  JobStore& store() { return *store_; }

 private:
  // What is known of a running attempt beyond its record.
  struct Watch {
    int64_t seen_step = -1;
    absl::Time seen_at;  // when that step was first seen
    int64_t first_step = -1;
    absl::Time first_at;
    absl::Time asked_at = absl::InfiniteFuture();  // to end
  };

  JobService(JobServiceOptions options, Launcher& launcher,
             std::function<absl::Time()> now, std::unique_ptr<JobStore> store)
      : options_(std::move(options)),
        launcher_(launcher),
        now_(std::move(now)),
        store_(std::move(store)),
        cluster_(options_.cluster) {}

  int64_t NowMs() const { return absl::ToUnixMillis(now_()); }
  std::string RunFolder(const Job& job) const { return job.folder() + "/run"; }
  std::string MemoryFolder(const Job& job) const;
  Attempt AttemptOf(const Job& job) const;
  absl::StatusOr<Job*> Find(int64_t id);
  std::vector<std::string> Command(const Job& job) const;

  absl::Status MoveTo(Job& job, JobState to, const std::string& reason,
                      std::function<void(Job&)> change = {});
  absl::Status Start(Job& job, NodeRectangle rectangle);
  absl::Status Launch(Job& job);
  absl::Status Advance(Job& job);
  absl::Status WatchRunning(Job& job);
  absl::Status Settle(Job& job, const AttemptState& ended);
  absl::Status AfterFailure(Job& job, int exit_code, const std::string& cause);
  absl::Status Cancel(Job& job, const std::string& reason);
  absl::Status PlaceQueued();
  void RefreshProgress(Job& job);
  void Forget(const Job& job);

  const JobServiceOptions options_;
  Launcher& launcher_;
  const std::function<absl::Time()> now_;
  std::mutex mutex_;  // guards all below
  std::unique_ptr<JobStore> store_;
  std::map<int64_t, Job> jobs_;
  std::map<int64_t, Watch> watches_;
  Cluster cluster_;
  std::optional<Reservation> promised_;
  // Placing looks at all jobs: when something has changed, or a while has passed.
  bool changed_ = true;
  absl::Time placed_at_ = absl::InfinitePast();
};

}  // namespace tatami::jobs
