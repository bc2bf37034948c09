// Which pipeline stage makes which call.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "compiler/plan/cost_model.h"
#include "core/graph.h"
#include "core/plan.h"

namespace tatami {

struct StageNeeds {
  int64_t free_bytes = 0;  // of a node
  // By call of the graph: how long a stage takes for it, where a plan tells; empty: its
  // arithmetic, spread evenly over the nodes.
  std::vector<double> call_ns = {};
};

// Gives every call of `graph` a stage of `pinned`, the cuts left as they are.
//
// The forward pass is cut into runs of calls, one for each stage. A call of the
// backward pass goes with the call that it differentiates; what belongs to neither, as
// an optimizer's, with the largest tensor that it reads. All micro-batches are cut
// alike. Of all ways to cut, the one whose slowest stage is fastest: the time of all
// its calls and the transfers of what it reads of earlier stages. Runs whose weights,
// optimizer state and kept activations do not fit even when spread evenly come last.
// `model` is of the mesh of one stage.
//
// Stages that `pinned` gives to calls of the forward pass, in the first micro-batch if
// there are several, hold for all micro-batches, those of other calls for them alone;
// where no such runs exist, pinned calls leave theirs. Errors: E0101 when there are
// more stages than calls in the forward pass. Cost: O(stages * calls^2 + edges *
// calls), of the forward pass.
absl::StatusOr<Plan> AssignStages(const Graph& graph, const CostModel& model,
                                  const StageNeeds& needs, const Plan& pinned);

}  // namespace tatami
