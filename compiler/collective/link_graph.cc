#include "compiler/collective/link_graph.h"

#include <algorithm>

#include "core/check.h"

namespace tatami {

int64_t LinkGraph::DegreeMin() const {
  int64_t least = num_nodes() == 1 ? 0 : 4;
  for (int32_t n = 0; n < num_nodes(); ++n) least = std::min(least, DegreeOf(n));
  return least;
}

LinkGraph LinkGraphOf(const LiveMesh& live) {
  LinkGraph graph{.nodes = live.Nodes()};
  const Mesh& grid = live.grid();
  std::vector<int32_t> number(grid.nodes(), -1);
  for (int32_t k = 0; k < graph.num_nodes(); ++k) {
    number[NodeIndex(graph.nodes[k], grid)] = k;
  }
  std::vector<std::vector<int32_t>> link_to(graph.num_nodes());
  graph.arcs.resize(graph.num_nodes());
  for (int32_t k = 0; k < graph.num_nodes(); ++k) {
    for (const NodeCoord n : live.Neighbours(graph.nodes[k])) {
      const int32_t other = number[NodeIndex(n, grid)];
      if (other > k) {
        graph.arcs[k].push_back({graph.num_links(), other});
        graph.links.push_back({k, other});
        continue;
      }
      for (const LinkGraph::Arc& arc : graph.arcs[other]) {
        if (arc.to == k) graph.arcs[k].push_back({arc.link, other});
      }
    }
  }
  return graph;
}

std::vector<std::vector<int32_t>> SpanningTree::Children() const {
  std::vector<std::vector<int32_t>> children(parent.size());
  for (int32_t n = 0; n < static_cast<int32_t>(parent.size()); ++n) {
    if (parent[n] >= 0) children[parent[n]].push_back(n);
  }
  return children;
}

namespace {

template <typename Uses>
SpanningTree Search(const LinkGraph& graph, int32_t root, Uses uses) {
  SpanningTree tree{.root = root};
  tree.parent.assign(graph.num_nodes(), -1);
  tree.uplink.assign(graph.num_nodes(), -1);
  tree.outward = {root};
  std::vector<int64_t> depth(graph.num_nodes(), -1);
  depth[root] = 0;
  for (size_t next = 0; next < tree.outward.size(); ++next) {
    const int32_t at = tree.outward[next];
    for (const LinkGraph::Arc& arc : graph.arcs[at]) {
      if (depth[arc.to] >= 0 || !uses(arc.link)) continue;
      depth[arc.to] = depth[at] + 1;
      tree.parent[arc.to] = at;
      tree.uplink[arc.to] = arc.link;
      tree.outward.push_back(arc.to);
    }
  }
  TATAMI_CHECK(tree.outward.size() == graph.nodes.size()) << "links do not span";
  tree.depth = depth[tree.outward.back()];
  return tree;
}

}  // namespace

SpanningTree HangOn(const LinkGraph& graph, const std::vector<int32_t>& links,
                    int32_t root) {
  std::vector<uint8_t> used(graph.num_links(), 0);
  for (const int32_t link : links) {
    if (link >= 0) used[link] = 1;
  }
  return Search(graph, root, [&](int32_t link) { return used[link] != 0; });
}

SpanningTree BreadthFirstTree(const LinkGraph& graph, int32_t root) {
  return Search(graph, root, [](int32_t) { return true; });
}

int64_t DiameterOf(const LinkGraph& graph) {
  int64_t diameter = 0;
  for (int32_t root = 0; root < graph.num_nodes(); ++root) {
    diameter = std::max(diameter, BreadthFirstTree(graph, root).depth);
  }
  return diameter;
}

SpanningTree CentreTree(const LinkGraph& graph) {
  SpanningTree best = BreadthFirstTree(graph, 0);
  for (int32_t root = 1; root < graph.num_nodes(); ++root) {
    SpanningTree tree = BreadthFirstTree(graph, root);
    if (tree.depth < best.depth) best = std::move(tree);
  }
  return best;
}

}  // namespace tatami
