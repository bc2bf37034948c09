// A simulated step as Chakra execution traces: what other simulators read.
// docs/simulator.md says what stands for what.
#pragma once

#include <string>
#include <vector>

#include "core/program.h"
#include "core/proto/chakra.h"
#include "tools/simulate/simulation.h"

namespace tatami {

// What one class of nodes does in a step. Nodes of a class wait for the slowest node of
// each phase, so all traces of a step take equally long.
ChakraTrace ChakraTraceOf(const Program& program, const Simulation& simulation,
                          const NodeClass& node_class);

struct NamedFile {
  std::string name, bytes;
};

// One trace for each way in which classes differ, step.RANK.et by the first node of
// that class, and ranks.json, which says whose each is. A rank is a node, row by row.
std::vector<NamedFile> ChakraFiles(const Program& program,
                                   const Simulation& simulation);

}  // namespace tatami
