#include "tools/tatami/parse_failure.h"

#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "core/error.h"

namespace tatami {
namespace {

std::vector<std::string> CommandNames(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands({})) {
    if (!command->get_group().empty()) names.push_back(command->get_name());
  }
  return names;
}

std::vector<std::string> FlagNames(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      names.push_back("--" + name);
    }
  }
  return names;
}

std::string AfterSemicolon(const std::string& nearest) {
  return nearest.empty() ? "." : absl::StrCat("; ", nearest);
}

// The command line has no command, or a word that is none.
std::string NoCommand(const CLI::App& app) {
  const std::vector<std::string> names = CommandNames(app);
  const std::string known = absl::StrCat(" Commands are ", absl::StrJoin(names, ", "),
                                         "; `tatami COMMAND --help` explains one.");
  const std::vector<std::string> words = app.remaining();
  if (words.empty()) return absl::StrCat("a command is missing.", known);
  return absl::StrCat("no command '", words[0], "'",
                      AfterSemicolon(NearestName(words[0], names)), known);
}

// Words that the command does not take; only the first is reported, since its value may
// be what follows.
std::string Unexpected(const CLI::App& command, const std::string& word) {
  if (!absl::StartsWith(word, "-")) {
    return absl::StrCat("'", word, "' is not understood here; every value follows its ",
                        "--flag.");
  }
  const std::string flag = word.substr(0, word.find('='));
  return absl::StrCat("`tatami ", command.get_name(), "` has no flag '", flag, "'",
                      AfterSemicolon(NearestName(flag, FlagNames(command))));
}

// "--steps = ten", as CLI11 ends the message of a conversion that failed.
std::string NoNumber(const CLI::App& command, absl::string_view text) {
  const size_t equals = text.find(" = ");
  if (equals == absl::string_view::npos) return std::string(text) + ".";
  const std::string name(text.substr(0, equals));
  const CLI::Option* option = command.get_option_no_throw(name);
  const std::string type = option == nullptr ? "" : option->get_type_name();
  return absl::StrCat(name, " takes ",
                      absl::StrContains(type, "FLOAT") ? "a number" : "a whole number",
                      "; got '", text.substr(equals + 3), "'.");
}

// "--data is required", "--data: 1 required TEXT missing" or "--data: At Most 1
// required but received 2".
std::string Missing(const CLI::App& command, absl::string_view text) {
  const std::string name(text.substr(0, text.find_first_of(": ")));
  const CLI::Option* option = command.get_option_no_throw(name);
  if (option == nullptr) return std::string(text) + ".";
  if (absl::StrContains(text, "At Most")) {
    return absl::StrCat(name, " is given more than once; give it once.");
  }
  if (!absl::StrContains(text, "required")) return std::string(text) + ".";
  return absl::StrCat("`tatami ", command.get_name(), "` needs ", name, " and its ",
                      "value: ", option->get_description(), ".");
}

std::string What(const CLI::App& app, const CLI::App& command,
                 const CLI::ParseError& error) {
  absl::string_view text = error.what();
  const std::vector<std::string> before = app.remaining();
  if (&command == &app) return NoCommand(app);
  if (!before.empty()) {
    return absl::StrCat("'", before[0], "' stands before the command '",
                        command.get_name(), "'; flags follow the command.");
  }
  if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr) {
    const std::vector<std::string> words = command.remaining();
    if (!words.empty()) return Unexpected(command, words[0]);
  }
  if (absl::ConsumePrefix(&text, "Could not convert: ")) return NoNumber(command, text);
  if (dynamic_cast<const CLI::RequiredError*>(&error) != nullptr ||
      dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr) {
    return Missing(command, text);
  }
  if (dynamic_cast<const CLI::ValidationError*>(&error) != nullptr) {
    const size_t colon = text.find(": ");
    if (colon != absl::string_view::npos) {
      return absl::StrCat(text.substr(0, colon), " ", text.substr(colon + 2), ".");
    }
  }
  return absl::StrCat(text, ".");
}

CLI::Validator NumberCheck(const std::string& range,
                           std::function<bool(double)> allowed) {
  return CLI::Validator(
      [range, allowed = std::move(allowed)](std::string& text) -> std::string {
        double value = 0;
        if (!absl::SimpleAtod(text, &value)) return "";
        if (std::isfinite(value) && allowed(value)) return "";
        return absl::StrCat("must be ", range, "; got ", text);
      },
      "");
}

}  // namespace

absl::Status ParseFailure(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App* command = &app;
  for (const CLI::App* chosen : app.get_subcommands()) command = chosen;
  std::string message = What(app, *command, error);
  if (command != &app) {
    absl::StrAppend(&message, " `tatami ", command->get_name(),
                    " --help` lists its flags.");
  }
  return MakeError(ErrorCode::kBadFlag, message);
}

CLI::Validator AtLeast(double least) {
  return NumberCheck(absl::StrCat("at least ", least),
                     [least](double value) { return value >= least; });
}

CLI::Validator Above(double bound) {
  return NumberCheck(absl::StrCat("a finite number above ", bound),
                     [bound](double value) { return value > bound; });
}

}  // namespace tatami
