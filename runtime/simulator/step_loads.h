// What each superstep of a Program asks of the machine: read off once, then timed for
// any rates.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/machine.h"
#include "core/program.h"
#include "runtime/simulator/phase_loads.h"

namespace tatami {

struct SuperstepLoads {
  PhaseLoads exchange;
  bool exchanges = false;  // something moves
  int64_t fed_bytes = 0;   // from the interface cards, each byte once
  // What nodes do of the computes: each way that occurs, by compute the extents of its
  // factors or, where it is another stage's, nullopt.
  std::vector<std::vector<std::optional<Dims>>> parts;
};

struct StepLoads {
  MeshLinks links;
  std::vector<SuperstepLoads> supersteps;
  // Arithmetic of all calls, each done once in whole.
  int64_t matrix_flops = 0, vector_flops = 0;
  int64_t distinct_exchanges = 0;  // that were looked at
};

// `machine` gives the mesh its dies and edges; its rates do not matter here.
StepLoads LoadsOfStep(const Program& program, const MachineSpec& machine,
                      NodeClasses classes = NodeClasses::kAlike);

}  // namespace tatami
