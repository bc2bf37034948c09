#include "compiler/collective/tree_packing.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <set>

#include "gtest/gtest.h"

namespace tatami {
namespace {

constexpr Mesh kDie = {18, 20};

LinkGraph GraphOf(const Mesh& grid, int64_t dead, uint64_t seed) {
  return LinkGraphOf(*RandomDeadNodes(grid, dead, seed));
}

// That every tree joins all nodes by links of the graph, and that the figures are
// right.
void ExpectSound(const LinkGraph& graph, const TreePacking& packing) {
  std::vector<int64_t> load(graph.num_links(), 0);
  int64_t depth_max = 0;
  for (const SpanningTree& tree : packing.trees) {
    std::vector<int64_t> depth(graph.num_nodes(), -1);
    depth[tree.root] = 0;
    ASSERT_EQ(tree.outward.size(), graph.nodes.size());
    ASSERT_EQ(tree.outward[0], tree.root);
    for (size_t i = 1; i < tree.outward.size(); ++i) {
      const int32_t n = tree.outward[i], p = tree.parent[n], link = tree.uplink[n];
      ASSERT_LT(depth[n], 0) << "each node once";
      ASSERT_GE(depth[p], 0) << "after its parent";
      const LinkGraph::Link& ends = graph.links[link];
      ASSERT_EQ(std::minmax(ends.a, ends.b), std::minmax(n, p));
      depth[n] = depth[p] + 1;
      depth_max = std::max(depth_max, depth[n]);
      ++load[link];
    }
    EXPECT_EQ(tree.depth, *std::max_element(depth.begin(), depth.end()));
  }
  EXPECT_EQ(packing.depth_max, depth_max);
  EXPECT_EQ(packing.load_max, *std::max_element(load.begin(), load.end()));
}

TEST(LinkGraph, HasTheLiveLinksAndNoOther) {
  const LiveMesh live = *ParseDeadList({3, 4}, "(1,1),(2,2)-(2,3)");
  const LinkGraph graph = LinkGraphOf(live);
  EXPECT_EQ(graph.num_nodes(), 11);
  EXPECT_EQ(graph.num_links(), live.live_links());
  std::set<std::pair<int32_t, int32_t>> seen;
  for (int32_t n = 0; n < graph.num_nodes(); ++n) {
    EXPECT_EQ(graph.arcs[n].size(), live.Neighbours(graph.nodes[n]).size());
    for (size_t k = 0; k < graph.arcs[n].size(); ++k) {
      const LinkGraph::Arc& arc = graph.arcs[n][k];
      EXPECT_EQ(graph.nodes[arc.to], live.Neighbours(graph.nodes[n])[k]);
      EXPECT_TRUE(seen.insert({n, arc.to}).second);
      EXPECT_EQ(graph.Directed(arc.link, n) ^ 1, graph.Directed(arc.link, arc.to));
    }
  }
  EXPECT_EQ(graph.DegreeMin(), 1);  // (2,3) has only (1,3) left
}

// The figures of compilers.md 5.8 for 18x20, with and without six dead nodes.
TEST(TreePacking, EighteenByTwentyIsAsEvenAsCountingAllows) {
  const LinkGraph graph = GraphOf(kDie, 0, 1);
  const struct {
    int64_t trees, load_max, depth_max;
  } kCases[] = {{8, 5, 22}, {16, 9, 24}, {32, 17, 30}};
  for (const auto& c : kCases) {
    const TreePacking packing = PackTrees(graph, c.trees, 1);
    ExpectSound(graph, packing);
    EXPECT_EQ(packing.num_trees(), c.trees);
    // ceil(trees * 359 / 682): no packing can do with less.
    EXPECT_EQ(packing.load_max, c.load_max);
    EXPECT_LE(packing.depth_max, c.depth_max) << "19 from the centre is the least";
  }
  EXPECT_DOUBLE_EQ(PackTrees(graph, 16, 1).lambda(), 0.5625);
}

TEST(TreePacking, DeadNodesCostWhatTheirBottleneckProves) {
  for (const int64_t dead : {1, 6, 18}) {
    for (uint64_t seed = 1; seed <= 4; ++seed) {
      const LinkGraph graph = GraphOf(kDie, dead, seed);
      const TreePacking packing = PackTrees(graph, 16, 1);
      ExpectSound(graph, packing);
      // A link must carry at least the average over the bottleneck, and carries less
      // than one tree more.
      const double least = 16 * packing.bottleneck.lambda();
      EXPECT_GE(static_cast<double>(packing.load_max), least);
      EXPECT_LT(static_cast<double>(packing.load_max), least + 1);
    }
  }
}

// Tutte and Nash-Williams: m trees need as many as max over partitions of the nodes of
// ceil(m (parts - 1) / links between parts) places on a link, and no more. Partitions
// are all tried.
TEST(TreePacking, TheBusiestLinkIsInAsFewTreesAsAnyPackingHas) {
  for (uint64_t seed = 0; seed < 40; ++seed) {
    const Mesh grid = seed % 2 == 0 ? Mesh{3, 3} : Mesh{2, 5};
    const LinkGraph graph = GraphOf(grid, static_cast<int64_t>(seed % 4), seed);
    std::vector<int32_t> part(graph.num_nodes(), 0);
    for (const int64_t m : {1, 2, 3, 5}) {
      int64_t want = 0;
      double strength = 0;
      const std::function<void(int32_t, int32_t)> try_all = [&](int32_t n,
                                                                int32_t parts) {
        if (n < graph.num_nodes()) {
          for (part[n] = 0; part[n] <= parts; ++part[n]) {
            try_all(n + 1, std::max(parts, part[n] + 1));
          }
          return;
        }
        int64_t between = 0;
        for (const auto& link : graph.links) between += part[link.a] != part[link.b];
        if (between == 0) return;
        want = std::max(want, (m * (parts - 1) + between - 1) / between);
        strength = std::max(
            strength, static_cast<double>(parts - 1) / static_cast<double>(between));
      };
      try_all(0, 0);
      const TreePacking packing = PackTrees(graph, m, seed);
      ExpectSound(graph, packing);
      EXPECT_EQ(packing.load_max, want) << m << " trees, seed " << seed;
      EXPECT_LE(packing.bottleneck.lambda(), strength) << "a bound must be true";
    }
  }
}

TEST(TreePacking, ANodeOnOneLinkBindsAllTrees) {
  const LinkGraph graph = LinkGraphOf(*ParseDeadList({4, 4}, "(0,1)"));
  const TreePacking packing = PackTrees(graph, 4, 1);
  EXPECT_EQ(packing.load_max, 4);
  EXPECT_DOUBLE_EQ(packing.bottleneck.lambda(), 1);
}

TEST(TreePacking, HungOnASourceEachTreeUsesALinkOneWay) {
  const LinkGraph graph = GraphOf({5, 5}, 1, 2);
  const TreePacking packing = PackTrees(graph, 8, 1);
  for (int32_t source = 0; source < graph.num_nodes(); ++source) {
    const TreePacking hung = RootedAt(graph, packing, source);
    std::vector<int64_t> load(2 * graph.num_links(), 0);
    for (const SpanningTree& tree : hung.trees) {
      EXPECT_EQ(tree.root, source);
      for (size_t i = 1; i < tree.outward.size(); ++i) {
        const int32_t n = tree.outward[i];
        ++load[graph.Directed(tree.uplink[n], tree.parent[n])];
      }
    }
    EXPECT_EQ(hung.load_max, *std::max_element(load.begin(), load.end()));
    for (size_t t = 0; t < hung.trees.size(); ++t) {
      std::vector<int32_t> ours = hung.trees[t].uplink,
                           before = packing.trees[t].uplink;
      std::sort(ours.begin(), ours.end());
      std::sort(before.begin(), before.end());
      EXPECT_EQ(ours, before) << "the same links, hung elsewhere";
    }
  }
  // On a ring of four, one tree lacks a link of the source and one the other: they use
  // the two links further away in opposite directions.
  const LinkGraph ring = GraphOf({2, 2}, 0, 1);
  TreePacking two{.load_max = 2, .depth_max = 3};
  for (const LinkGraph::Arc& lacks : ring.arcs[0]) {
    std::vector<int32_t> links = {0, 1, 2, 3};
    std::erase(links, lacks.link);
    two.trees.push_back(HangOn(ring, links, 3));
  }
  EXPECT_EQ(RootedAt(ring, two, 0).load_max, 1);
}

// Equal trees are the worst start: it takes long chains of exchanges between trees.
TEST(TreePacking, CopiesOfOneTreeAreBalancedToo) {
  const LinkGraph graph = GraphOf({10, 10}, 0, 1);
  std::vector<int32_t> links = BreadthFirstTree(graph, 0).uplink;
  std::erase(links, -1);
  const std::vector<std::vector<int32_t>> copies(9, links);
  EXPECT_EQ(BalanceTrees(graph, copies).load_max, 5);  // 9 * 99 of 180 * 5 places
}

TEST(TreePacking, TheSameSeedGivesTheSameTrees) {
  const LinkGraph graph = GraphOf(kDie, 6, 3);
  const TreePacking a = PackTrees(graph, 8, 7), b = PackTrees(graph, 8, 7);
  for (size_t t = 0; t < a.trees.size(); ++t) {
    EXPECT_EQ(a.trees[t].parent, b.trees[t].parent);
    EXPECT_EQ(a.trees[t].root, b.trees[t].root);
  }
}

TEST(CentreTree, IsAsShallowAsTheMeshAllows) {
  // From a middle node of 18x20 the far corner is 9 rows and 10 columns away.
  EXPECT_EQ(CentreTree(GraphOf(kDie, 0, 1)).depth, 19);
  EXPECT_EQ(DiameterOf(GraphOf(kDie, 0, 1)), 36);
  EXPECT_EQ(CentreTree(GraphOf({1, 9}, 0, 1)).root, 4);
  EXPECT_EQ(CentreTree(GraphOf({1, 1}, 0, 1)).depth, 0);
}

}  // namespace
}  // namespace tatami
