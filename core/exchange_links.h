// Bytes that an exchange sends over each link, from the placements alone.
#pragma once

#include "core/copy_lines.h"
#include "core/link_loads.h"
#include "core/sharding.h"

namespace tatami {

// Adds, of the links within the block of `loads`, `times` what it takes to bring every
// node its box of `to` from the nodes that hold `from` (ForEachSource), elements of
// `element_bytes`.
//
// Copies travel along the source's row, then along the destination's column, and the
// routers pass on to several what several need: whatever a node sends crosses a link
// once. Sums travel along lines where they can (core/line_sum.h); other terms go to
// their destinations one by one.
//
// Where each dim is cut along one mesh axis only, rows and columns are counted apart
// and multiplied: O(sides * sources + nodes). Gathers and sums along lines are counted
// in O(nodes). Elsewhere every source and destination is paired.
//
// REQUIRES: nothing crosses the border of the block (core/exchange_blocks.h).
void AddExchangeLinks(const Placement& from, const Placement& to,
                      const AxisList& resolve, int64_t element_bytes, int64_t times,
                      const Mesh& mesh, LinkLoads& loads);

// The same where senders and receivers are nodes of two rectangles of a mesh, as of two
// pipeline stages: every receiver gets its box of `to` from the nodes that would be its
// sources if both were one. Nothing is combined on the way. REQUIRES: the block of
// `loads` begins at (0,0) and has both rectangles in it.
void AddCopyLinksBetween(const Placement& from, const Placement& to, int64_t bytes,
                         const ExchangeSite& site, LinkLoads& loads);

}  // namespace tatami
