// tatami token create | ls | revoke
#include <iostream>

#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "core/error.h"
#include "core/status_macros.h"
#include "tools/tatami/commands.h"
#include "tools/tatami/parse_failure.h"
#include "tools/tatami/service_flags.h"

namespace tatami {
namespace {

struct TokenFlags {
  ServiceFlags service;
  std::string user, scope = "submit";
  double days = 30;
  int64_t id = 0;
};

absl::Status Create(const TokenFlags& flags) {
  jobs::Token wanted;
  jobs::Token::Scope scope = jobs::Token::READ;
  if (!jobs::Token::Scope_Parse(absl::AsciiStrToUpper(flags.scope), &scope)) {
    return MakeError(
        ErrorCode::kBadFlag,
        absl::StrFormat("--scope is read, submit or admin; got '%s'.", flags.scope));
  }
  wanted.set_user(flags.user);
  wanted.set_scope(scope);
  wanted.set_expires_ms(absl::ToUnixMillis(absl::Now() + absl::Hours(24) * flags.days));
  TATAMI_ASSIGN_OR_RETURN(const auto client, flags.service.Client());
  TATAMI_ASSIGN_OR_RETURN(const jobs::Token token, client->CreateToken(wanted));
  std::cerr << absl::StreamFormat(
      "token %d of '%s'; keep what follows in a file that only they can read, for it "
      "is "
      "not shown again\n",
      token.id(), token.user());
  std::cout << token.text() << std::endl;
  return absl::OkStatus();
}

absl::Status List(const TokenFlags& flags) {
  TATAMI_ASSIGN_OR_RETURN(const auto client, flags.service.Client());
  TATAMI_ASSIGN_OR_RETURN(const jobs::TokenList list, client->Tokens());
  const int64_t now_ms = absl::ToUnixMillis(absl::Now());
  for (const jobs::Token& token : list.tokens()) {
    std::cout << absl::StreamFormat(
        "%4d  %-16s %-7s %s\n", token.id(), token.user(),
        jobs::Token::Scope_Name(token.scope()),
        token.revoked()
            ? "revoked"
            : absl::StrCat(token.expires_ms() > now_ms ? "until " : "ended ",
                           absl::FormatTime("%Y-%m-%d %H:%M",
                                            absl::FromUnixMillis(token.expires_ms()),
                                            absl::LocalTimeZone())));
  }
  return absl::OkStatus();
}

absl::Status Revoke(const TokenFlags& flags) {
  TATAMI_ASSIGN_OR_RETURN(const auto client, flags.service.Client());
  TATAMI_ASSIGN_OR_RETURN(const jobs::Token token, client->RevokeToken(flags.id));
  std::cout << absl::StreamFormat("token %d of '%s' is revoked\n", token.id(),
                                  token.user());
  return absl::OkStatus();
}

}  // namespace

void AddTokenCommand(CLI::App& app, CommandOutcome& outcome) {
  auto flags = std::make_shared<TokenFlags>();
  CLI::App* token = app.add_subcommand("token", "who may call the service over TCP");
  token->require_subcommand(1);
  token->footer(
      "Example:\n  tatami token create --user ann --scope submit > ann.token");
  const auto add = [&](const char* name, const char* summary, auto run) {
    CLI::App* command = token->add_subcommand(name, summary);
    AddServiceFlags(*command, flags->service);
    command->callback([flags, run, &outcome] { outcome.status = run(*flags); });
    return command;
  };
  CLI::App* create = add("create", "a new token, shown once", Create);
  create->add_option("--user", flags->user, "whose jobs are theirs")->required();
  create->add_option("--scope", flags->scope, "read, submit or admin")
      ->capture_default_str();
  create->add_option("--days", flags->days, "until it expires")
      ->check(Above(0))
      ->capture_default_str();
  add("ls", "all tokens, without what they are", List);
  CLI::App* revoke = add("revoke", "make one worthless", Revoke);
  revoke->add_option("id", flags->id, "number of the token")->required();
}

}  // namespace tatami
