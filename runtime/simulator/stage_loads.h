// What the exchanges of one superstep ask of a machine whose mesh is cut into pipeline
// stages.
#pragma once

#include "core/program.h"
#include "runtime/simulator/phase_loads.h"

namespace tatami {

// Links carry what all stages send, within themselves and to others; ports, adders and
// ways within a stage are those of the stage that asks most. From one stage to another,
// the way is that between the corners that lie furthest apart. `links` are those of
// the program's grid.
PhaseLoads LoadsOfStages(const Program& program, const std::vector<ExchangeOp>& ops,
                         const MeshLinks& links, NodeClasses classes);

}  // namespace tatami
