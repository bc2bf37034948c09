// The search: Graph to Plan. Enumerates for each call which factors are cut over which
// mesh axis, prices compute, transfers and SRAM, and improves the whole graph together.
#pragma once

#include "absl/status/statusor.h"
#include "core/graph.h"
#include "core/machine.h"
#include "core/plan.h"

namespace tatami {

struct SearchOptions {
  Mesh mesh;
  Plan pinned;  // calls named here keep their cuts
  // Price of a byte held, in ns: raised when a plan does not fit.
  double ns_per_byte = 1e-6;
};

struct SearchResult {
  Plan plan;
  double step_ns = 0;  // modelled
};

// Never fails for a valid graph: leaving everything uncut is always a plan.
SearchResult SearchPlan(const Graph& graph, const MachineSpec& machine,
                        const SearchOptions& options);

}  // namespace tatami
