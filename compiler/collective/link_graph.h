// The live nodes and links of a mesh, numbered without gaps, and spanning trees on
// them.
#pragma once

#include <cstdint>
#include <vector>

#include "core/live_mesh.h"

namespace tatami {

// Node k is the k-th live node, row by row. Link e joins a < b. Each link has two
// directions, numbered 2e (from a to b) and 2e + 1.
struct LinkGraph {
  struct Link {
    int32_t a, b;
  };
  struct Arc {
    int32_t link, to;
  };
  std::vector<NodeCoord> nodes;
  std::vector<Link> links;
  std::vector<std::vector<Arc>> arcs;  // by node: its links, east, west, south, north

  int32_t num_nodes() const { return static_cast<int32_t>(nodes.size()); }
  int32_t num_links() const { return static_cast<int32_t>(links.size()); }
  int64_t DegreeMin() const;
  int64_t DegreeOf(int32_t node) const {
    return static_cast<int64_t>(arcs[node].size());
  }
  // The number of link `link` in the direction that leaves `from`.
  int32_t Directed(int32_t link, int32_t from) const {
    return 2 * link + (links[link].a == from ? 0 : 1);
  }
};
LinkGraph LinkGraphOf(const LiveMesh& live);

// Each node's way to the root. Children of a node are combined in ascending order of
// their number, after the node's own term: that fixes every bit of a sum.
struct SpanningTree {
  int32_t root = 0;
  int64_t depth = 0;             // links from the deepest node to the root
  std::vector<int32_t> parent;   // by node; -1 at the root
  std::vector<int32_t> uplink;   // link to the parent; -1 at the root
  std::vector<int32_t> outward;  // all nodes, each after its parent

  std::vector<std::vector<int32_t>> Children() const;  // ascending
};

// The tree on the given links (-1 stands for none), hung on `root`. REQUIRES: they span
// the graph.
SpanningTree HangOn(const LinkGraph& graph, const std::vector<int32_t>& links,
                    int32_t root);
// Shortest paths from `root` (breadth first, ties by order of arcs).
SpanningTree BreadthFirstTree(const LinkGraph& graph, int32_t root);
// The most hops between two nodes. O(nodes * links).
int64_t DiameterOf(const LinkGraph& graph);
// The tree of breadth first search with the least depth; of equals, the first root.
SpanningTree CentreTree(const LinkGraph& graph);

}  // namespace tatami
