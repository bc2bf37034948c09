// The command `tatami`. Flags live only here; the work is done elsewhere.
#include <unistd.h>

#include <iostream>
#include <regex>

#include "core/error.h"
#include "tools/tatami/commands.h"

namespace {

// "did you mean" for a flag or subcommand that CLI11 does not know.
std::string Suggestion(const CLI::App& app, const std::string& message) {
  const CLI::App* command = &app;
  for (const CLI::App* sub : app.get_subcommands()) command = sub;
  std::vector<std::string> known;
  for (const CLI::Option* option : command->get_options()) {
    for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
  }
  for (const CLI::App* sub : command->get_subcommands({}))
    known.push_back(sub->get_name());
  static const std::regex kLast("([^ ]+)$");
  std::smatch match;
  if (!std::regex_search(message, match, kLast)) return "";
  const std::string name = tatami::NearestName(match[1].str(), known);
  return name.empty() ? "" : "; " + name;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Tatami trains driving-video networks on a mesh of small SRAM nodes"};
  app.require_subcommand(1);
  tatami::CommandOutcome outcome;
  tatami::AddTrainCommand(app, outcome);
  tatami::AddCompileCommand(app, outcome);
  tatami::AddModelsCommand(app, outcome);
  tatami::AddMachinesCommand(app, outcome);
  tatami::AddDoctorCommand(app, outcome);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help
    outcome.status =
        tatami::MakeError(tatami::ErrorCode::kBadFlag,
                          std::string(error.what()) + Suggestion(app, error.what()) +
                              ". See tatami --help");
  }
  if (!outcome.status.ok()) {
    std::cerr << "tatami: " << outcome.status.message() << std::endl;
  }
  return tatami::ExitCodeOf(outcome.status);
}
