// Plan: what was decided. For each call of a graph, which factors are cut over which
// mesh axes. Small, textual, diffable, editable; a user can pin any part of it in a
// file.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/graph.h"
#include "core/sharding.h"

namespace tatami {

// The cuts of one call: factor name -> axes. A factor that is absent is not cut; an
// axis that no factor uses computes copies.
using Cuts = std::map<std::string, AxisList>;

struct Plan {
  Mesh mesh;
  std::map<std::string, Cuts> calls;  // by the call's name

  // One line a call in graph order: "trunk.conv: n=y h=x". First line "mesh 4x4".
  std::string ToString(const Graph& graph) const;
};

// Parses a plan or a part of one; unknown calls, factors and axes are E0106 with the
// line.
absl::StatusOr<Plan> ParsePlan(absl::string_view text, const Graph& graph);

// The cuts as one axis list per factor of the rule. E0106 when a factor is unknown, may
// not be cut, or is a reduction shorter than its parts, or when an axis is used twice.
absl::StatusOr<std::vector<AxisList>> FactorAxes(const Cuts& cuts,
                                                 const IndexRule& rule,
                                                 const Mesh& mesh);

}  // namespace tatami
