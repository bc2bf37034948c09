// tatami models, tatami machines, tatami doctor
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <nlohmann/json.hpp>

#include "absl/strings/str_format.h"
#include "core/machine.h"
#include "core/status_macros.h"
#include "models/model.h"
#include "ops/all_ops.h"
#include "tools/tatami/commands.h"

namespace tatami {
namespace {

absl::Status PrintModels(bool json) {
  nlohmann::json list = nlohmann::json::array();
  for (const ModelPreset& m : AllModels()) {
    GraphBuilder g(m.name);
    const BuiltModel built = BuildModel(g, m, m.batch, Mode::kTrain);
    int64_t parameters = 0;
    for (Value p : built.parameters) parameters += g.type(p).num_elements();
    TATAMI_RETURN_IF_ERROR(g.Finish().status(), m.name);
    if (json) {
      list.push_back({{"name", m.name},
                      {"task", m.task},
                      {"parameters", parameters},
                      {"summary", m.summary}});
    } else {
      std::cout << absl::StreamFormat("%-18s %9.3f M  %s\n", m.name, parameters / 1e6,
                                      m.summary);
    }
  }
  if (json) std::cout << nlohmann::json{{"models", list}}.dump() << std::endl;
  return absl::OkStatus();
}

absl::Status PrintMachines(bool json) {
  nlohmann::json list = nlohmann::json::array();
  for (const std::string& name : MachineNames()) {
    TATAMI_ASSIGN_OR_RETURN(const MachineSpec m, LoadMachine(name));
    if (json) {
      list.push_back({{"name", m.name},
                      {"nodes", NumNodes(m)},
                      {"dies", NumDies(m)},
                      {"sram_bytes", m.sram_bytes},
                      {"peak_flops", PeakMatrixFlops(m)},
                      {"bisection_bytes_per_s", BisectionBytesPerS(m)}});
    } else {
      std::cout << absl::StreamFormat("%-12s %8d nodes %10.4g TFLOPS  %s\n", m.name,
                                      NumNodes(m), PeakMatrixFlops(m) / 1e12,
                                      m.summary);
    }
  }
  if (json) std::cout << nlohmann::json{{"machines", list}}.dump() << std::endl;
  return absl::OkStatus();
}

// True when a program of this name is on the PATH.
bool OnPath(const std::string& program) {
  const char* path = std::getenv("PATH");
  std::stringstream folders(path == nullptr ? "" : path);
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (access((folder + "/" + program).c_str(), X_OK) == 0) return true;
  }
  return false;
}

absl::Status PrintDoctor(bool json) {
  const HostFacts host = ThisHost();
  const bool mpirun = OnPath("mpirun");
  if (json) {
    std::cout << nlohmann::json{{"cores", host.cores},
                                {"memory_bytes", host.memory_bytes},
                                {"mpirun", mpirun},
                                {"ops", AllOps().size()}}
                     .dump()
              << std::endl;
    return absl::OkStatus();
  }
  std::cout << "cores    " << host.cores << "\nmemory   "
            << host.memory_bytes / (1 << 20) << " MiB\nmpirun   "
            << (mpirun ? "found" : "not found: --np above 1 needs Debian's openmpi-bin")
            << "\nops      " << AllOps().size() << std::endl;
  return absl::OkStatus();
}

void AddList(CLI::App& app, CommandOutcome& outcome, const std::string& name,
             const std::string& summary, absl::Status (*print)(bool)) {
  auto json = std::make_shared<bool>(false);
  CLI::App* command = app.add_subcommand(name, summary);
  command->footer("Example:\n  tatami " + name + " --json");
  command->add_flag("--json", *json, "one JSON object");
  command->callback([json, &outcome, print] { outcome.status = print(*json); });
}

}  // namespace

void AddModelsCommand(CLI::App& app, CommandOutcome& outcome) {
  AddList(app, outcome, "models", "the models and their sizes", PrintModels);
}
void AddMachinesCommand(CLI::App& app, CommandOutcome& outcome) {
  AddList(app, outcome, "machines", "the machines and what they are made of",
          PrintMachines);
}
void AddDoctorCommand(CLI::App& app, CommandOutcome& outcome) {
  AddList(app, outcome, "doctor", "what this computer has that a run needs",
          PrintDoctor);
}

}  // namespace tatami
