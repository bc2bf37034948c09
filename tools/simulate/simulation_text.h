// A simulation as text for a terminal and as JSON.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "core/program.h"
#include "runtime/simulator/ingest_rate.h"
#include "tools/simulate/simulation.h"

namespace tatami {

// What is known of a step beside its Program.
struct StepFacts {
  int64_t samples = 0;  // the batch; 0: not known
  int64_t frames_per_sample = 1;
  std::optional<VideoLoad> video;  // what must be trained on
};

// At most 80 columns.
std::string SimulationText(const Program& program, const Simulation& simulation,
                           const StepFacts& facts);

// The object of `tatami simulate --json`.
nlohmann::json SimulationJson(const Program& program, const Simulation& simulation,
                              const StepFacts& facts);

// What a phase is called: the calls of its superstep, or what they wait for.
std::string PhaseName(const Program& program, const PhaseTime& phase);

}  // namespace tatami
