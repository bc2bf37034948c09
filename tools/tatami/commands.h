// The subcommands of `tatami`: each adds itself to the command line and runs when
// chosen.
#pragma once

#include <CLI/CLI.hpp>

#include "absl/status/status.h"

namespace tatami {

// Where the chosen subcommand leaves its outcome; main turns it into an exit code.
struct CommandOutcome {
  absl::Status status;
};

void AddTrainCommand(CLI::App& app, CommandOutcome& outcome);
void AddCompileCommand(CLI::App& app, CommandOutcome& outcome);
void AddModelsCommand(CLI::App& app, CommandOutcome& outcome);
void AddMachinesCommand(CLI::App& app, CommandOutcome& outcome);
void AddDoctorCommand(CLI::App& app, CommandOutcome& outcome);

}  // namespace tatami
