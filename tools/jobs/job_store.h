// What the service must not forget: jobs, their transitions, drained nodes. A SQLite
// file in WAL mode, every change durable before the call returns.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tools/jobs/proto/jobs.pb.h"

struct sqlite3;

namespace tatami::jobs {

// Thread-compatible: the service has one writer. Failures are E0602 with the file and
// SQLite's reason.
class JobStore {
 public:
  // Makes the file when it is not there. A file of a newer schema is refused.
  static absl::StatusOr<std::unique_ptr<JobStore>> Open(const std::string& path);
  JobStore(const JobStore&) = delete;
  JobStore& operator=(const JobStore&) = delete;
  ~JobStore();

  // Sets job.id; with it goes the event of its birth. When the owner has a job of the
  // same non-empty idempotency key, that one is returned and nothing is added.
  absl::StatusOr<Job> Add(Job job, int64_t now_ms);
  // Keeps `job` and, in the same commit, its transition. REQUIRES: IsAllowed(from,
  // job.state()).
  absl::Status Move(const Job& job, JobState from, int64_t now_ms);
  // Keeps what changed within a state, as step or reason.
  absl::Status Update(const Job& job);

  absl::StatusOr<std::vector<Job>> Jobs();  // by id
  absl::StatusOr<std::vector<JobEvent>> Events(int64_t job);

  absl::StatusOr<std::vector<MeshNode>> Drained();
  absl::Status SetDrained(const std::vector<MeshNode>& nodes);

  // Tokens by id; `hash` stands for the text, which is not kept.
  struct KeptToken {
    Token token;
    std::string hash;
  };
  absl::StatusOr<Token> AddToken(Token token, const std::string& hash);
  absl::StatusOr<std::vector<KeptToken>> Tokens();
  absl::Status RevokeToken(int64_t id);

  // Called after every commit: tests end the process there.
  void set_after_commit(std::function<void()> call) { after_commit_ = std::move(call); }

 private:
  class Statement;
  explicit JobStore(sqlite3* db, std::string path) : db_(db), path_(std::move(path)) {}
  absl::Status Run(const char* sql);
  absl::Status Failed() const;
  absl::Status Commit();
  absl::Status PutJob(const Job& job);
  absl::Status PutEvent(const Job& job, JobState from, int64_t now_ms);

  sqlite3* db_;
  std::string path_;
  std::function<void()> after_commit_;
};

}  // namespace tatami::jobs
