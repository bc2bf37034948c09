// Exact balancing of a packing of spanning trees, by augmenting paths.
//
// "m spanning trees, no link in more than L" is an intersection of two matroids over
// pairs of a link and a tree (the links of a tree form a forest; a link has L places),
// so a shortest augmenting path in its exchange graph settles one pair at a time, and
// where there is none a partition of the nodes proves that L is too small: see
// Schrijver, Combinatorial Optimization, 41.2 and 51.1 (Tutte, Nash-Williams).
#pragma once

#include <cstdint>
#include <vector>

#include "compiler/collective/link_graph.h"

namespace tatami {

// A partition of the nodes into connected parts. Contracting each part leaves `parts`
// nodes that must exchange everything over `links` links: no all-reduce of n bytes
// takes less than n (parts - 1) / (links B) for links of B bytes/s each way.
struct Bottleneck {
  int64_t parts = 1;
  int64_t links = 1;
  double lambda() const {
    return static_cast<double>(parts - 1) / static_cast<double>(links);
  }
};

// Link sets of the trees, changed so that the busiest link is in as few trees as any
// packing of that many trees allows.
struct BalancedLinks {
  std::vector<std::vector<int32_t>> trees;  // links of each
  int64_t load_max = 0;
  Bottleneck bottleneck;  // the tightest seen; each node on its own to begin with
};

// REQUIRES: a graph of at least two nodes, each of `trees` (at least one) spans it.
BalancedLinks BalanceTrees(const LinkGraph& graph,
                           std::vector<std::vector<int32_t>> trees);

}  // namespace tatami
