// What no algorithm can beat on a live mesh (compilers.md 5.8). Links of B bytes/s each
// way, all links of a node usable at once, adding for free.
#pragma once

#include <cstdint>

#include "compiler/collective/link_graph.h"
#include "compiler/collective/link_model.h"
#include "compiler/collective/tree_exchange.h"

namespace tatami {

struct CollectiveBounds {
  double capacity_s = 0;    // all transfers over all links
  double degree_s = 0;      // through the links of the node that has fewest
  double bottleneck_s = 0;  // between the parts of a Bottleneck
  double latency_s = 0;     // between the two nodes furthest apart

  // Latency and the rest overlap, so the largest counts and not the sum.
  double seconds() const;
};

// All-reduce of n bytes on N nodes, E links: capacity n (N-1) / (E B), because every
// element takes N-1 transfers to be summed up and N-1 to be spread, over 2 E link
// directions; degree n / (d B) for d links, out and in at the same time; latency the
// diameter.
CollectiveBounds AllReduceBounds(const LinkGraph& graph, const Bottleneck& bottleneck,
                                 int64_t bytes, const LinkModel& link);
// Reduce-scatter or all-gather of n bytes in all, alone: each node must send (receive)
// n (1 - 1/N).
CollectiveBounds ReduceScatterBounds(const LinkGraph& graph, int64_t bytes,
                                     const LinkModel& link);
// Broadcast of n bytes from `source`: N-1 transfers of each element; every node
// receives n, and the source sends it at least once; latency is the furthest node.
CollectiveBounds BroadcastBounds(const LinkGraph& graph, int32_t source, int64_t bytes,
                                 const LinkModel& link);

}  // namespace tatami
