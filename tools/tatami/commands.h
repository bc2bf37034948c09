// The subcommands of `tatami`: each adds itself to the command line and runs when
// chosen.
#pragma once

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <optional>

#include "absl/status/status.h"

namespace tatami {

// Where the chosen subcommand leaves its outcome; main turns it into an exit code.
struct CommandOutcome {
  absl::Status status;
  // What --json adds to the error object of a failed command.
  nlohmann::json failure = nlohmann::json::object();
  // Set when everything has been told already: by the ranks that the command started,
  // or where the answer itself is an exit code, as that of a comparison.
  std::optional<int> reported_exit_code;
};

void AddTrainCommand(CLI::App& app, CommandOutcome& outcome);
void AddCompileCommand(CLI::App& app, CommandOutcome& outcome);
void AddSimulateCommand(CLI::App& app, CommandOutcome& outcome);
void AddBenchCommand(CLI::App& app, CommandOutcome& outcome);
// Subcommands of `bench`.
void AddBenchCollectivesCommand(CLI::App& bench, CommandOutcome& outcome);
void AddBenchCompareCommand(CLI::App& bench, CommandOutcome& outcome);
void AddBenchGpuCommand(CLI::App& bench, CommandOutcome& outcome);
void AddBenchKernelsCommand(CLI::App& bench, CommandOutcome& outcome);
void AddBenchNetworkCommand(CLI::App& bench, CommandOutcome& outcome);
void AddBenchScalingCommand(CLI::App& bench, CommandOutcome& outcome);
void AddBenchScheduleCommand(CLI::App& bench, CommandOutcome& outcome);
void AddServeCommand(CLI::App& app, CommandOutcome& outcome);
void AddRunAttemptCommand(CLI::App& app, CommandOutcome& outcome);
void AddSubmitCommand(CLI::App& app, CommandOutcome& outcome);
// jobs, describe, logs, cancel, resume, wait, nodes, drain
void AddJobCommands(CLI::App& app, CommandOutcome& outcome);
void AddTokenCommand(CLI::App& app, CommandOutcome& outcome);
void AddCkptCommand(CLI::App& app, CommandOutcome& outcome);
void AddInspectCommand(CLI::App& app, CommandOutcome& outcome);
void AddModelsCommand(CLI::App& app, CommandOutcome& outcome);
void AddMachinesCommand(CLI::App& app, CommandOutcome& outcome);
void AddDoctorCommand(CLI::App& app, CommandOutcome& outcome);

}  // namespace tatami
