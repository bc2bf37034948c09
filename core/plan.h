// Plan: what was decided. For each call of a graph, which factors are cut over which
// mesh axes, where combined terms come to lie, whether the call is made again where its
// result is needed late, and which pipeline stage makes it. Small, textual, diffable,
// editable; a user can pin any part of it in a file.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/graph.h"
#include "core/sharding.h"
#include "core/stages.h"

namespace tatami {

// The cuts of one call: factor name -> axes. A factor that is absent is not cut; an
// axis that no factor uses computes copies.
using Cuts = std::map<std::string, AxisList>;

struct CallPlan {
  Cuts cuts;
  bool open = false;  // pins leave the cuts to the search
  // Where a reduction is cut: how the combined result is cut, by factors of the output.
  // Nullopt: as the first consumer reads it, where that is a partition, else on every
  // node that made a term.
  std::optional<Cuts> result;
  // True: late consumers read a second run of the call (compiler/lower/recompute.h).
  // Nullopt: left to the search, and not so in lowering.
  std::optional<bool> recompute;
  // The pipeline stage that makes the call. Nullopt: left to the search, and the first
  // in lowering.
  std::optional<int> stage;

  // A line of the plan, after its ':'; `mesh` is that of one stage.
  std::string ToString(const Mesh& mesh) const;
  friend bool operator==(const CallPlan&, const CallPlan&) = default;
};

struct Plan {
  Mesh mesh;
  Mesh stages{1, 1};  // rows and columns of rectangles, as Program::stages
  // The damaged grid that it was made for (LiveMesh::ToString), or "" for a whole mesh:
  // detours make transfers dearer, so another map deserves another plan.
  std::string map;
  std::map<std::string, CallPlan> calls;  // by the call's name

  StageGrid stage_grid() const { return {mesh, stages}; }
  // "4x4", "4x4 on 5x6 minus (3,2)" or "4x4 stages 2x1": what the plan was made for.
  std::string MeshText() const;
  // First line "mesh " and MeshText(), then one line a call in graph order:
  //   trunk.conv: n=y ci=x -> n=y k=x recompute stage 1
  // CUTS, "any" for open cuts; "->" and the result's cuts; "recompute" or "keep"; the
  // stage. Axes are those of one stage.
  std::string ToString(const Graph& graph) const;
};

// Parses a plan or a part of one. A name with '*' stands for all calls that it matches
// and that no other line names. Unknown calls, factors and axes are E0106 with the
// line; a map that cannot be is E0108.
absl::StatusOr<Plan> ParsePlan(absl::string_view text, const Graph& graph);

// E0106 when the cuts or the result do not suit the call; `mesh` is that of one stage.
absl::Status CheckCallPlan(const CallPlan& plan, const OpCall& call, const Mesh& mesh);

// The cuts as one axis list per factor of the rule. E0106 when a factor is unknown, may
// not be cut, or is a reduction shorter than its parts, or when an axis is used twice.
absl::StatusOr<std::vector<AxisList>> FactorAxes(const Cuts& cuts,
                                                 const IndexRule& rule,
                                                 const Mesh& mesh);

}  // namespace tatami
