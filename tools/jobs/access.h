// Who may do what: callers, tokens, rules.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tools/jobs/job_store.h"

namespace tatami::jobs {

struct Caller {
  std::string name;
  Token::Scope scope = Token::READ;
};

enum class Action {
  kSee,         // the mesh, the list of jobs
  kSeeJob,      // its history and its log
  kSubmit,      // a job of one's own
  kChangeJob,   // cancel, resume
  kAdminister,  // drain nodes, make and revoke tokens
};

// `owner` is that of the job, where there is one. E0109 otherwise, saying what is
// missing.
absl::Status CheckAllowed(const Caller& caller, Action action,
                          const std::string& owner);

// Tokens of access over TCP. A text is 256 random bits; only its SHA-256 is kept.
// Thread-safe.
class TokenBook {
 public:
  // On the file of a JobStore.
  static absl::StatusOr<std::unique_ptr<TokenBook>> Open(const std::string& path);

  // `wanted` says user, scope and end; the answer has the text. E0101 when it names no
  // user or ends in the past.
  absl::StatusOr<Token> Create(const Token& wanted, int64_t now_ms);
  absl::StatusOr<Token> Revoke(int64_t id);  // E0101 when there is none
  absl::StatusOr<std::vector<Token>> List();
  // E0109 when no such token was made, or it has expired or was revoked.
  absl::StatusOr<Caller> Identify(const std::string& text, int64_t now_ms);

 private:
  explicit TokenBook(std::unique_ptr<JobStore> store) : store_(std::move(store)) {}

  std::mutex mutex_;
  std::unique_ptr<JobStore> store_;
};

}  // namespace tatami::jobs
