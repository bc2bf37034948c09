#include "tools/jobs/access.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <array>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "core/status_macros.h"

namespace tatami::jobs {
namespace {

constexpr char kTextPrefix[] = "tatami-";  // so that a scan for leaked secrets finds it
constexpr int kTextBytes = 32;

std::string Hex(const unsigned char* bytes, size_t size) {
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(bytes), size));
}

// Enough for random text; it would not be for passwords.
std::string HashOf(const std::string& text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned int size = 0;
  EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr);
  return Hex(digest.data(), size);
}

absl::Status Denied(const std::string& what) {
  return MakeError(ErrorCode::kDenied,
                   absl::StrCat(what,
                                " Ask an administrator of the service for a "
                                "token (`tatami token create`)."));
}

}  // namespace

absl::Status CheckAllowed(const Caller& caller, Action action,
                          const std::string& owner) {
  if (caller.scope == Token::ADMIN || action == Action::kSee) return absl::OkStatus();
  const auto needs = [&](Token::Scope scope) {
    return Denied(absl::StrCat("'", caller.name, "' has scope ",
                               Token::Scope_Name(caller.scope), ", and this needs ",
                               Token::Scope_Name(scope), "."));
  };
  if (action == Action::kAdminister) return needs(Token::ADMIN);
  if (action != Action::kSeeJob && caller.scope == Token::READ) {
    return needs(Token::SUBMIT);
  }
  if (action == Action::kSubmit || owner == caller.name) return absl::OkStatus();
  return Denied(
      absl::StrCat("the job is of '", owner, "', not of '", caller.name, "'."));
}

absl::StatusOr<std::unique_ptr<TokenBook>> TokenBook::Open(const std::string& path) {
  TATAMI_ASSIGN_OR_RETURN(std::unique_ptr<JobStore> store, JobStore::Open(path));
  return std::unique_ptr<TokenBook>(new TokenBook(std::move(store)));
}

absl::StatusOr<Token> TokenBook::Create(const Token& wanted, int64_t now_ms) {
  if (wanted.user().empty() || wanted.expires_ms() <= now_ms) {
    return MakeError(ErrorCode::kBadFlag,
                     "a token needs a user and an end that is still to come.");
  }
  std::array<unsigned char, kTextBytes> bytes;
  if (RAND_bytes(bytes.data(), kTextBytes) != 1) {
    return MakeError(ErrorCode::kService, "the system gives no random numbers.");
  }
  Token token = wanted;
  token.clear_text();
  const std::string text = kTextPrefix + Hex(bytes.data(), bytes.size());
  const std::lock_guard<std::mutex> lock(mutex_);
  TATAMI_ASSIGN_OR_RETURN(token, store_->AddToken(token, HashOf(text)));
  token.set_text(text);
  return token;
}

absl::StatusOr<Token> TokenBook::Revoke(int64_t id) {
  const std::lock_guard<std::mutex> lock(mutex_);
  TATAMI_RETURN_IF_ERROR(store_->RevokeToken(id));
  TATAMI_ASSIGN_OR_RETURN(const auto tokens, store_->Tokens());
  for (const JobStore::KeptToken& kept : tokens) {
    if (kept.token.id() == id) return kept.token;
  }
  return MakeError(ErrorCode::kBadFlag,
                   absl::StrCat("there is no token ", id, ". See `tatami token ls`."));
}

absl::StatusOr<std::vector<Token>> TokenBook::List() {
  const std::lock_guard<std::mutex> lock(mutex_);
  TATAMI_ASSIGN_OR_RETURN(const auto tokens, store_->Tokens());
  std::vector<Token> list;
  for (const JobStore::KeptToken& kept : tokens) list.push_back(kept.token);
  return list;
}

absl::StatusOr<Caller> TokenBook::Identify(const std::string& text, int64_t now_ms) {
  if (text.empty()) return Denied("this service wants a token and got none.");
  const std::string hash = HashOf(text);
  const std::lock_guard<std::mutex> lock(mutex_);
  TATAMI_ASSIGN_OR_RETURN(const auto tokens, store_->Tokens());
  for (const JobStore::KeptToken& kept : tokens) {
    if (kept.hash != hash) continue;
    const Token& token = kept.token;
    const std::string which = absl::StrCat("token ", token.id(), " of '", token.user());
    if (token.revoked()) return Denied(which + "' was revoked.");
    if (token.expires_ms() <= now_ms) return Denied(which + "' has expired.");
    return Caller{token.user(), token.scope()};
  }
  return Denied("the token is not one of this service.");
}

}  // namespace tatami::jobs
