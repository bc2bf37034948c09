// Plans that cut one call in every way that matters, around it calls that make its
// operands lie elsewhere first.
#pragma once

#include <string>
#include <vector>

#include "core/plan.h"
#include "tests/conformance/samples.h"

namespace tatami::testing {

// Every legal way to cut one call: each factor over y, over x, over both, and each two
// factors over y and x. Parts of a parallel factor may be empty.
std::vector<Cuts> ForcedCuts(const IndexRule& rule, const Mesh& mesh);

// The sample's op as a graph. Each operand goes through a copying call (a slice of
// everything) before, the output through one after, so that operands, halos and partial
// sums really travel. Inputs are x0, x1...; outputs "direct" and "copied".
struct CallGraph {
  Graph graph;
  std::string call;                 // name of the call under test
  std::vector<std::string> copies;  // names of the copies before it, by operand
  std::string copy_of_out;
};
absl::StatusOr<CallGraph> GraphOfSample(const OpDef& op, const OpSample& sample);

// The call cut by `cuts`, the copies cut over other dims, turned by `turn`.
Plan PlanOf(const CallGraph& g, const Mesh& mesh, const Cuts& cuts, int turn);

std::string ToString(const Cuts& cuts, const Mesh& mesh);

}  // namespace tatami::testing
