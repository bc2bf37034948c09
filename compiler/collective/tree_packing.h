// Packing of spanning trees: an all-reduce that uses every live link.
//
// A chunk of the tensor is summed up one tree towards its root and the sum is sent down
// the same tree, so the tree's links carry the chunk once in each direction; chunks
// take the m trees in turn. A link that is part of L trees carries L/m of the tensor
// each way. By Nash-Williams the best possible maximum over links tends to (N-1)/E for
// N nodes and E links as m grows, with or without dead nodes (compilers.md 5.8).
#pragma once

#include <cstdint>
#include <vector>

#include "compiler/collective/link_graph.h"
#include "compiler/collective/tree_exchange.h"

namespace tatami {

struct TreePacking {
  std::vector<SpanningTree> trees;
  int64_t load_max = 0;   // trees that share the busiest link
  int64_t depth_max = 0;  // of the deepest tree, from its root
  Bottleneck bottleneck;  // why load_max / trees cannot be much less

  int64_t num_trees() const { return static_cast<int64_t>(trees.size()); }
  // Time units of bytes / link rate that an all-reduce needs at least on these trees.
  double lambda() const {
    return trees.empty()
               ? 0
               : static_cast<double>(load_max) / static_cast<double>(num_trees());
  }
};

// Packs `num_trees` spanning trees so that the busiest link is in as few as possible
// (exactly: see tree_exchange.h), and then so that the deepest tree is as shallow as a
// local search gets it. Deterministic in `seed`. Some 0.1 s for 16 trees on 18x20.
TreePacking PackTrees(const LinkGraph& graph, int64_t num_trees, uint64_t seed);

// The same trees hung on `source`, for a broadcast from it (or a reduce to it): each
// tree then uses a link in one direction only, and load_max counts directions apart.
TreePacking RootedAt(const LinkGraph& graph, const TreePacking& packing,
                     int32_t source);

}  // namespace tatami
