// The command `tatami`. Flags live only here; the work is done elsewhere.
#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include "absl/time/clock.h"
#include "core/error.h"
#include "runtime/transport_mpi.h"
#include "tools/tatami/commands.h"
#include "tools/tatami/parse_failure.h"

namespace tatami {
namespace {

// How long mpirun may take to end the other ranks once one has failed: Open MPI lets a
// second pass between its signals.
constexpr absl::Duration kEndOfRanks = absl::Seconds(4);

// How long ranks that waited in vain may lie apart: each waits since its own last
// exchange.
constexpr absl::Duration kEndOfWaits = absl::Seconds(1);

// An error that all ranks share is told by rank 0, upon whose end mpirun ends the
// others. One that still lives after that has an error of its own to tell. Ranks that
// waited in vain each name another, down to the one that is the cause: all are told.
void Report(const CommandOutcome& outcome, bool json) {
  const int rank = RankByMpi();
  const bool waited = GetErrorCode(outcome.status) == ErrorCode::kDeadline;
  if (rank > 0 && !waited) absl::SleepFor(kEndOfRanks);
  std::cerr << "tatami: " << (rank > 0 ? "rank " + std::to_string(rank) + ": " : "")
            << outcome.status.message() << std::endl;
  if (rank >= 0 && waited) absl::SleepFor(kEndOfWaits);
  if (!json) return;
  nlohmann::json object = outcome.failure;
  const auto code = GetErrorCode(outcome.status);
  object["error"] = {{"code", code ? ErrorCodeName(*code) : ""},
                     {"message", outcome.status.message()}};
  std::cout << object.dump() << std::endl;
}

int Main(int argc, char** argv) {
  CLI::App app{"Tatami trains driving-video networks on a mesh of small SRAM nodes",
               "tatami"};
  app.require_subcommand(1);
  CommandOutcome outcome;
  AddTrainCommand(app, outcome);
  AddCompileCommand(app, outcome);
  AddBenchCommand(app, outcome);
  AddSimulateCommand(app, outcome);
  AddServeCommand(app, outcome);
  AddRunAttemptCommand(app, outcome);
  AddSubmitCommand(app, outcome);
  AddJobCommands(app, outcome);
  AddTokenCommand(app, outcome);
  AddInspectCommand(app, outcome);
  AddCkptCommand(app, outcome);
  AddModelsCommand(app, outcome);
  AddMachinesCommand(app, outcome);
  AddDoctorCommand(app, outcome);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help
    outcome.status = ParseFailure(app, error);
  }
  if (outcome.reported_exit_code) return *outcome.reported_exit_code;
  if (outcome.status.ok()) {
    FinalizeMpi();
    return 0;
  }
  const bool json = std::any_of(argv, argv + argc, [](const char* word) {
    return std::string(word) == "--json";
  });
  Report(outcome, json);
  return ExitCodeOf(outcome.status);
}

}  // namespace
}  // namespace tatami

int main(int argc, char** argv) { return tatami::Main(argc, argv); }
