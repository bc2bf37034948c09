// Bytes that an exchange sends over each link, without a walk over pairs of nodes.
#pragma once

#include "core/sharding.h"

namespace tatami {

// Adds `times` what it takes to bring every node its box of `to` from the nodes that
// hold `from` (ForEachSource), elements of `element_bytes`, under X-Y routing. Where
// each dim is cut along one mesh axis only, rows and columns are counted apart and
// multiplied: O(sides * sources + nodes). Gathers and reductions are counted by groups:
// O(nodes * sides) at most. Elsewhere every pair of nodes is routed.
void AddExchangeLinks(const Placement& from, const Placement& to,
                      const AxisList& resolve, int64_t element_bytes, int64_t times,
                      const Mesh& mesh, LinkBytes& links);

}  // namespace tatami
