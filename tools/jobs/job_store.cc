#include "tools/jobs/job_store.h"

#include <sqlite3.h>

#include "absl/strings/str_cat.h"
#include "core/check.h"
#include "core/error.h"
#include "core/status_macros.h"
#include "tools/jobs/job_states.h"

namespace tatami::jobs {
namespace {

constexpr int kSchemaVersion = 1;
constexpr char kSchema[] = R"(
CREATE TABLE job(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  owner TEXT NOT NULL,
  idempotency_key TEXT,
  record BLOB NOT NULL,
  UNIQUE(owner, idempotency_key));
CREATE TABLE event(
  sequence INTEGER PRIMARY KEY AUTOINCREMENT,
  job INTEGER NOT NULL,
  time_ms INTEGER NOT NULL,
  from_state INTEGER NOT NULL,
  to_state INTEGER NOT NULL,
  reason TEXT NOT NULL);
CREATE INDEX event_of_job ON event(job);
CREATE TABLE drained(
  row INTEGER NOT NULL, col INTEGER NOT NULL, reason TEXT NOT NULL,
  PRIMARY KEY(row, col));
CREATE TABLE token(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  hash TEXT NOT NULL UNIQUE,
  record BLOB NOT NULL,
  revoked INTEGER NOT NULL DEFAULT 0);
)";

}  // namespace

// A prepared statement that is finalised when it goes out of scope.
class JobStore::Statement {
 public:
  Statement(JobStore& store, const char* sql) : store_(store) {
    sqlite3_prepare_v2(store.db_, sql, -1, &statement_, nullptr);
  }
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  Statement& Bind(int64_t value) {
    if (statement_) sqlite3_bind_int64(statement_, ++bound_, value);
    return *this;
  }
  Statement& Bind(const std::string& text) {
    if (statement_)
      sqlite3_bind_text(statement_, ++bound_, text.data(),
                        static_cast<int>(text.size()), SQLITE_TRANSIENT);
    return *this;
  }
  Statement& BindBlob(const std::string& bytes) {
    if (statement_)
      sqlite3_bind_blob(statement_, ++bound_, bytes.data(),
                        static_cast<int>(bytes.size()), SQLITE_TRANSIENT);
    return *this;
  }
  Statement& BindNull() {
    ++bound_;  // parameters are null until bound
    return *this;
  }

  // True while there is a row.
  absl::StatusOr<bool> Next() {
    const int code = statement_ ? sqlite3_step(statement_) : SQLITE_ERROR;
    if (code == SQLITE_ROW) return true;
    if (code == SQLITE_DONE) return false;
    return store_.Failed();
  }
  absl::Status Done() { return Next().status(); }

  int64_t Int(int column) const { return sqlite3_column_int64(statement_, column); }
  std::string Text(int column) const {
    const auto* bytes =
        static_cast<const char*>(sqlite3_column_blob(statement_, column));
    const int size = sqlite3_column_bytes(statement_, column);
    return bytes == nullptr ? "" : std::string(bytes, static_cast<size_t>(size));
  }

 private:
  JobStore& store_;
  sqlite3_stmt* statement_ = nullptr;
  int bound_ = 0;
};

absl::Status JobStore::Failed() const {
  return MakeError(
      ErrorCode::kStorage,
      absl::StrCat("the job store '", path_, "' failed: ", sqlite3_errmsg(db_),
                   ". See whether its disk is full or read-only."));
}

absl::Status JobStore::Run(const char* sql) {
  return sqlite3_exec(db_, sql, nullptr, nullptr, nullptr) == SQLITE_OK
             ? absl::OkStatus()
             : Failed();
}

absl::StatusOr<std::unique_ptr<JobStore>> JobStore::Open(const std::string& path) {
  sqlite3* db = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &db,
                                   SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
  std::unique_ptr<JobStore> store(new JobStore(db, path));
  if (code != SQLITE_OK) return store->Failed();
  sqlite3_busy_timeout(db, 5'000);
  TATAMI_RETURN_IF_ERROR(store->Run("PRAGMA journal_mode=WAL"));
  TATAMI_RETURN_IF_ERROR(store->Run("PRAGMA synchronous=FULL"));
  int64_t version = 0;
  {
    Statement read(*store, "PRAGMA user_version");
    TATAMI_RETURN_IF_ERROR(read.Next().status());
    version = read.Int(0);
  }
  if (version > kSchemaVersion) {
    return MakeError(ErrorCode::kStorage,
                     absl::StrCat("the job store '", path, "' is of version ", version,
                                  " and this tatami knows ", kSchemaVersion,
                                  ". Start the newer tatami that wrote it."));
  }
  if (version == 0) {
    TATAMI_RETURN_IF_ERROR(
        store->Run(absl::StrCat("BEGIN;", kSchema,
                                "PRAGMA user_version=", kSchemaVersion, ";COMMIT")
                       .c_str()));
  }
  return store;
}

JobStore::~JobStore() { sqlite3_close(db_); }

absl::Status JobStore::Commit() {
  TATAMI_RETURN_IF_ERROR(Run("COMMIT"));
  if (after_commit_) after_commit_();
  return absl::OkStatus();
}

absl::Status JobStore::PutJob(const Job& job) {
  return Statement(*this, "UPDATE job SET record=? WHERE id=?")
      .BindBlob(job.SerializeAsString())
      .Bind(job.id())
      .Done();
}

absl::Status JobStore::PutEvent(const Job& job, JobState from, int64_t now_ms) {
  return Statement(*this,
                   "INSERT INTO event(job, time_ms, from_state, to_state, reason) "
                   "VALUES(?, ?, ?, ?, ?)")
      .Bind(job.id())
      .Bind(now_ms)
      .Bind(int64_t{from})
      .Bind(int64_t{job.state()})
      .Bind(job.reason())
      .Done();
}

absl::StatusOr<Job> JobStore::Add(Job job, int64_t now_ms) {
  if (!job.idempotency_key().empty()) {
    Statement same(*this, "SELECT record FROM job WHERE owner=? AND idempotency_key=?");
    same.Bind(job.owner()).Bind(job.idempotency_key());
    TATAMI_ASSIGN_OR_RETURN(const bool found, same.Next());
    if (found) {
      job.ParseFromString(same.Text(0));
      return job;
    }
  }
  TATAMI_RETURN_IF_ERROR(Run("BEGIN IMMEDIATE"));
  absl::Status status;
  {
    Statement insert(
        *this, "INSERT INTO job(owner, idempotency_key, record) VALUES(?, ?, '')");
    insert.Bind(job.owner());
    job.idempotency_key().empty() ? insert.BindNull()
                                  : insert.Bind(job.idempotency_key());
    status = insert.Done();
  }
  job.set_id(sqlite3_last_insert_rowid(db_));
  if (status.ok()) status = PutJob(job);
  if (status.ok()) status = PutEvent(job, UNKNOWN, now_ms);
  if (status.ok()) status = Commit();
  if (!status.ok()) {
    Run("ROLLBACK").IgnoreError();  // its cause comes first
    return status;
  }
  return job;
}

absl::Status JobStore::Move(const Job& job, JobState from, int64_t now_ms) {
  TATAMI_CHECK(IsAllowed(from, job.state()))
      << StateName(from) << " to " << StateName(job.state());
  TATAMI_RETURN_IF_ERROR(Run("BEGIN IMMEDIATE"));
  absl::Status status = PutJob(job);
  if (status.ok()) status = PutEvent(job, from, now_ms);
  if (status.ok()) status = Commit();
  if (!status.ok()) Run("ROLLBACK").IgnoreError();  // its cause comes first
  return status;
}

absl::Status JobStore::Update(const Job& job) {
  TATAMI_RETURN_IF_ERROR(PutJob(job));
  if (after_commit_) after_commit_();
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Job>> JobStore::Jobs() {
  std::vector<Job> jobs;
  Statement read(*this, "SELECT id, record FROM job ORDER BY id");
  while (true) {
    TATAMI_ASSIGN_OR_RETURN(const bool more, read.Next());
    if (!more) return jobs;
    if (!jobs.emplace_back().ParseFromString(read.Text(1))) {
      return MakeError(ErrorCode::kStorage,
                       absl::StrCat("the job store '", path_, "' is damaged: job ",
                                    read.Int(0), " cannot be read."));
    }
  }
}

absl::StatusOr<std::vector<JobEvent>> JobStore::Events(int64_t job) {
  std::vector<JobEvent> events;
  Statement read(*this,
                 "SELECT sequence, time_ms, from_state, to_state, reason FROM event "
                 "WHERE job=? ORDER BY sequence");
  read.Bind(job);
  while (true) {
    TATAMI_ASSIGN_OR_RETURN(const bool more, read.Next());
    if (!more) return events;
    JobEvent& event = events.emplace_back();
    event.set_sequence(read.Int(0));
    event.set_job(job);
    event.set_time_ms(read.Int(1));
    event.set_from(static_cast<JobState>(read.Int(2)));
    event.set_to(static_cast<JobState>(read.Int(3)));
    event.set_reason(read.Text(4));
  }
}

absl::StatusOr<std::vector<MeshNode>> JobStore::Drained() {
  std::vector<MeshNode> nodes;
  Statement read(*this, "SELECT row, col, reason FROM drained ORDER BY row, col");
  while (true) {
    TATAMI_ASSIGN_OR_RETURN(const bool more, read.Next());
    if (!more) return nodes;
    MeshNode& node = nodes.emplace_back();
    node.set_row(static_cast<int32_t>(read.Int(0)));
    node.set_col(static_cast<int32_t>(read.Int(1)));
    node.set_reason(read.Text(2));
  }
}

absl::Status JobStore::SetDrained(const std::vector<MeshNode>& nodes) {
  TATAMI_RETURN_IF_ERROR(Run("BEGIN IMMEDIATE"));
  absl::Status status = Run("DELETE FROM drained");
  for (const MeshNode& node : nodes) {
    if (!status.ok()) break;
    status = Statement(*this, "INSERT INTO drained(row, col, reason) VALUES(?, ?, ?)")
                 .Bind(int64_t{node.row()})
                 .Bind(int64_t{node.col()})
                 .Bind(node.reason())
                 .Done();
  }
  if (status.ok()) status = Commit();
  if (!status.ok()) Run("ROLLBACK").IgnoreError();  // its cause comes first
  return status;
}

absl::StatusOr<Token> JobStore::AddToken(Token token, const std::string& hash) {
  TATAMI_RETURN_IF_ERROR(
      Statement(*this, "INSERT INTO token(hash, record) VALUES(?, ?)")
          .Bind(hash)
          .BindBlob(token.SerializeAsString())
          .Done());
  token.set_id(sqlite3_last_insert_rowid(db_));
  return token;
}

absl::StatusOr<std::vector<JobStore::KeptToken>> JobStore::Tokens() {
  std::vector<KeptToken> tokens;
  Statement read(*this, "SELECT id, hash, record, revoked FROM token ORDER BY id");
  while (true) {
    TATAMI_ASSIGN_OR_RETURN(const bool more, read.Next());
    if (!more) return tokens;
    KeptToken& kept = tokens.emplace_back();
    kept.token.ParseFromString(read.Text(2));
    kept.token.set_id(read.Int(0));
    kept.token.set_revoked(read.Int(3) != 0);
    kept.hash = read.Text(1);
  }
}

absl::Status JobStore::RevokeToken(int64_t id) {
  return Statement(*this, "UPDATE token SET revoked=1 WHERE id=?").Bind(id).Done();
}

}  // namespace tatami::jobs
