#include "compiler/collective/tree_packing.h"

#include <algorithm>
#include <queue>
#include <random>
#include <tuple>

namespace tatami {
namespace {

constexpr int kSweepsMax = 12;

class Packer {
 public:
  Packer(const LinkGraph& graph, int64_t num_trees, uint64_t seed)
      : graph_(graph), bits_(seed), load_(graph.num_links(), 0) {
    const int32_t centre = CentreTree(graph).root;
    for (int64_t t = 0; t < num_trees; ++t) {
      trees_.push_back(LightestTree(centre));
      Count(trees_.back(), 1);
    }
  }

  // Moves links between trees until the busiest is in as few as possible.
  void Balance() {
    if (graph_.num_links() == 0) return;
    std::vector<std::vector<int32_t>> links;
    for (const SpanningTree& tree : trees_) {
      links.emplace_back();
      for (const int32_t link : tree.uplink) {
        if (link >= 0) links.back().push_back(link);
      }
      Count(tree, -1);
    }
    const BalancedLinks balanced = BalanceTrees(graph_, std::move(links));
    bottleneck_ = balanced.bottleneck;
    for (size_t t = 0; t < trees_.size(); ++t) {
      trees_[t] = HangOn(graph_, balanced.trees[t], trees_[t].root);
      Count(trees_[t], 1);
    }
  }

  // Grows each tree anew as shallow as it can be on links that stay at or below the
  // load that Balance reached, from the root where that is shallowest.
  void Flatten() {
    const int64_t limit = LoadMax();
    for (int sweep = 0; sweep < kSweepsMax; ++sweep) {
      bool better = false;
      for (SpanningTree& tree : trees_) {
        Count(tree, -1);
        SpanningTree flat = ShallowTree(tree.root, limit);
        for (int32_t root = 0; root < graph_.num_nodes(); ++root) {
          if (DepthFrom(root, limit) < flat.depth) flat = ShallowTree(root, limit);
        }
        if (flat.depth < tree.depth) {
          tree = std::move(flat);
          better = true;
        }
        Count(tree, 1);
      }
      if (!better) break;
    }
  }

  TreePacking Take() {
    TreePacking out{
        .trees = std::move(trees_), .load_max = LoadMax(), .bottleneck = bottleneck_};
    for (const SpanningTree& tree : out.trees) {
      out.depth_max = std::max(out.depth_max, tree.depth);
    }
    return out;
  }

 private:
  void Count(const SpanningTree& tree, int64_t by) {
    for (const int32_t link : tree.uplink) {
      if (link >= 0) load_[link] += by;
    }
  }
  int64_t LoadMax() const {
    return load_.empty() ? 0 : *std::max_element(load_.begin(), load_.end());
  }

  // A minimum spanning tree by load, so that the tree avoids the busiest links
  // altogether where it can; of links of one load the one that stays nearest to `root`.
  SpanningTree LightestTree(int32_t root) {
    using Entry = std::tuple<int64_t, int64_t, uint64_t, int32_t, int32_t>;
    std::priority_queue<Entry, std::vector<Entry>, std::greater<>> open;
    std::vector<uint8_t> in(graph_.num_nodes(), 0);
    std::vector<int32_t> links;
    const auto reach = [&](int32_t node, int64_t depth) {
      in[node] = 1;
      for (const LinkGraph::Arc& arc : graph_.arcs[node]) {
        if (in[arc.to] == 0) {
          open.push({load_[arc.link], depth + 1, bits_(), arc.link, arc.to});
        }
      }
    };
    reach(root, 0);
    while (!open.empty()) {
      const auto [load, depth, tie, link, node] = open.top();
      open.pop();
      if (in[node] != 0) continue;
      links.push_back(link);
      reach(node, depth);
    }
    return HangOn(graph_, links, root);
  }

  // Breadth first on links below `limit`; among links that reach a node equally early
  // the least loaded, which leaves the busy ones to other trees.
  SpanningTree ShallowTree(int32_t root, int64_t limit) const {
    std::vector<int32_t> links, level = {root};
    std::vector<int64_t> depth(graph_.num_nodes(), -1);
    depth[root] = 0;
    for (int64_t d = 1; !level.empty(); ++d) {
      std::vector<std::tuple<int64_t, int32_t, int32_t>> reached;
      for (const int32_t at : level) {
        for (const LinkGraph::Arc& arc : graph_.arcs[at]) {
          if (depth[arc.to] < 0 && load_[arc.link] < limit) {
            reached.push_back({load_[arc.link], arc.link, arc.to});
          }
        }
      }
      std::sort(reached.begin(), reached.end());
      level.clear();
      for (const auto& [load, link, node] : reached) {
        if (depth[node] >= 0) continue;
        depth[node] = d;
        links.push_back(link);
        level.push_back(node);
      }
    }
    return HangOn(graph_, links, root);
  }

  int64_t DepthFrom(int32_t root, int64_t limit) {
    std::vector<int32_t>& queue = queue_;
    queue.assign(1, root);
    depth_.assign(graph_.num_nodes(), -1);
    depth_[root] = 0;
    for (size_t i = 0; i < queue.size(); ++i) {
      for (const LinkGraph::Arc& arc : graph_.arcs[queue[i]]) {
        if (depth_[arc.to] >= 0 || load_[arc.link] >= limit) continue;
        depth_[arc.to] = depth_[queue[i]] + 1;
        queue.push_back(arc.to);
      }
    }
    return depth_[queue.back()];
  }

  const LinkGraph& graph_;
  std::mt19937_64 bits_;
  std::vector<int64_t> load_;  // trees by link
  std::vector<SpanningTree> trees_;
  Bottleneck bottleneck_;
  std::vector<int32_t> queue_;  // of DepthFrom
  std::vector<int64_t> depth_;
};

}  // namespace

TreePacking PackTrees(const LinkGraph& graph, int64_t num_trees, uint64_t seed) {
  Packer packer(graph, num_trees, seed);
  packer.Balance();
  packer.Flatten();
  return packer.Take();
}

TreePacking RootedAt(const LinkGraph& graph, const TreePacking& packing,
                     int32_t source) {
  TreePacking out{.bottleneck = packing.bottleneck};
  std::vector<int64_t> load(2 * graph.num_links(), 0);
  for (const SpanningTree& tree : packing.trees) {
    out.trees.push_back(HangOn(graph, tree.uplink, source));
    const SpanningTree& hung = out.trees.back();
    out.depth_max = std::max(out.depth_max, hung.depth);
    for (int32_t n = 0; n < graph.num_nodes(); ++n) {
      if (n == source) continue;
      int64_t& l = load[graph.Directed(hung.uplink[n], hung.parent[n])];
      out.load_max = std::max(out.load_max, ++l);
    }
  }
  return out;
}

}  // namespace tatami
