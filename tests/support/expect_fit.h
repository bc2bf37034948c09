// What the planner says a program needs is what it takes when it runs.
#pragma once

#include <string>

#include "compiler/compile.h"

namespace tatami::testing {

// Runs one step in arenas of exactly the program's SRAM, on values drawn by name.
// Expects the highest byte of SRAM written to be the program's peak, and the bytes
// counted on every link, hop by hop, to be CountLinkBytes.
void ExpectRunTakesWhatThePlanSays(const Program& program, const Graph& graph,
                                   const std::string& what);

// The same with a rank for each node of the mesh, so that each class of nodes is seen
// to take what it is said to.
void ExpectEachClassTakesWhatThePlanSays(const Program& program, const Graph& graph,
                                         const std::string& what);

}  // namespace tatami::testing
