// A simulation as text for a terminal and as JSON.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "core/program.h"
#include "tools/simulate/simulation.h"

namespace tatami {

// At most 80 columns. `samples` is the batch of a step, 0 where it is not known.
std::string SimulationText(const Program& program, const Simulation& simulation,
                           int64_t samples);

// The object of `tatami simulate --json`.
nlohmann::json SimulationJson(const Program& program, const Simulation& simulation,
                              int64_t samples);

// What a phase is called: the calls of its superstep, or what they wait for.
std::string PhaseName(const Program& program, const PhaseTime& phase);

}  // namespace tatami
