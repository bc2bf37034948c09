// How one call and its values lie on the mesh, given its cuts. The search prices
// exactly what the lowering does, because both ask here.
#pragma once

#include <optional>
#include <vector>

#include "core/graph.h"
#include "core/plan.h"
#include "core/sharding.h"

namespace tatami {

struct CallPlacement {
  std::vector<AxisList> factor_axes;  // per factor of the rule
  std::vector<Placement> needs;       // per input
  Placement made;  // of the output, with the axes of cut reductions partial
};

CallPlacement PlaceCall(const OpCall& call, const IndexRule& rule,
                        std::vector<AxisList> factor_axes);

// Where the combined result of a call lies, given the cuts of the output's factors.
Placement ResultPlacement(const OpCall& call, const IndexRule& rule,
                          const std::vector<AxisList>& factor_axes);

// Bytes of the node with the largest part.
int64_t LargestPartBytes(const Placement& placement, DType dtype);

// The placement a value is kept in: as made, or, where terms must be combined first,
// what the first consumer reads if others can copy from that too.
Placement HeldPlacement(const Placement& made,
                        const std::optional<Placement>& first_need);

// One exchange of a resolution: combines the terms along `resolve` into `to`.
struct ResolvePhase {
  AxisList resolve;
  Placement to;
};
// The exchanges that bring partial terms from `made` to `held`: along x first, then
// along y, so that a node hears from R + C others and not from R * C. Empty when
// nothing is partial.
std::vector<ResolvePhase> ResolvePhases(const Placement& made, const Placement& held);

// The placement in between when a value goes from `held` to `need` and both mesh axes
// are gathered: first along one axis, then along the other, so that a node hears from
// R + C others and not from R * C. Nullopt when one exchange is as good. The boxes of
// the whole way are those of one exchange; only the routes differ.
std::optional<Placement> GatherMidway(const Placement& held, const Placement& need);

}  // namespace tatami
