// How terms come together along a line of the mesh.
//
// Nodes that differ in the digits of one mesh axis alone hold terms of one box. Each
// part of it that somebody takes has a root, the node in the middle of those that take
// it. Partial terms travel towards the root from both ends, every node on the way
// adding its own, and the result goes out from the root again to all that take the
// part. A link thus carries a part at most once in each direction, and all that take it
// get the same bits:
//   ((t0 + t1) + ... + t_root) + ((t_last + t_last-1) + ... + t_root+1).
#pragma once

#include <cstdint>
#include <vector>

#include "core/sharding.h"

namespace tatami {

// The nodes of one part of a sum, in the order of their places along the axis.
struct LineSum {
  std::vector<NodeCoord> terms;
  int64_t root = 0;             // which of `terms`
  int64_t first = 0, last = 0;  // of the terms whose nodes take the part
};

// True when an exchange that combines the terms of `from` along `resolve` into `to`
// works along lines: one mesh axis alone is resolved, and each node takes a part of
// what it holds a term of. Otherwise each node hears from every term itself.
bool SumsAlongLine(const Placement& from, const Placement& to, const AxisList& resolve);

// The sum that `node` takes. REQUIRES: SumsAlongLine(from, to, resolve).
LineSum LineSumAt(const Placement& to, const AxisList& resolve, NodeCoord node,
                  const Mesh& mesh);

// The same for a whole line at once: by place along the axis of `resolve`, what the
// node there takes. Nodes of one line differ in that coordinate alone, so the answer is
// the same for all lines.
struct LineSumRange {
  int64_t first_term, last_term, root, first, last;  // places along the axis
};
std::vector<LineSumRange> LineSumRanges(const Placement& to, const AxisList& resolve,
                                        const Mesh& mesh);

}  // namespace tatami
