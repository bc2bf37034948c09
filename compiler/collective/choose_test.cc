#include "compiler/collective/choose.h"

#include <algorithm>

#include "compiler/collective/two_colour.h"
#include "core/box.h"
#include "gtest/gtest.h"

namespace tatami {
namespace {

constexpr Mesh kDie = {18, 20};
constexpr int64_t kMiB = int64_t{1} << 20;
// core/machines/d1_die.textproto
constexpr LinkModel kLink = {.bytes_per_s = 128e9, .hop_s = 0.5e-9};

LiveMesh DieWith(int64_t dead, uint64_t seed) {
  return *RandomDeadNodes(kDie, dead, seed);
}

TEST(Bounds, AreTheClosedFormsOfASquare) {
  const int64_t k = 8;
  const LinkGraph graph = LinkGraphOf(*LiveMesh::Make({k, k}, {}));
  const LinkModel link{.bytes_per_s = 1, .hop_s = 3};
  const CollectiveBounds b = AllReduceBounds(graph, {64, 112}, 1000, link);
  EXPECT_DOUBLE_EQ(b.capacity_s, 1000.0 * (k + 1) / (2 * k));
  EXPECT_DOUBLE_EQ(b.bottleneck_s, b.capacity_s);
  EXPECT_DOUBLE_EQ(b.degree_s, 500);
  EXPECT_DOUBLE_EQ(b.latency_s, 3.0 * 14);
  EXPECT_DOUBLE_EQ(b.seconds(), 562.5);  // 0.562 in the table of compilers.md 5.8
  EXPECT_DOUBLE_EQ(ReduceScatterBounds(graph, 1000, link).seconds(),
                   1000.0 * 63 / 64 / 2);
  EXPECT_DOUBLE_EQ(BroadcastBounds(graph, 0, 1000, link).seconds(), 500);
}

TEST(BestPipeline, IsTheBestOfAllChunkSizes) {
  for (const int64_t bytes : {1, 64, 1000, 50000, 3000000}) {
    for (const int64_t hops : {1, 38}) {
      double least = 1e18;
      for (int64_t size = 64; size < bytes + 64; size += 64) {
        const int64_t chunks = (bytes + size - 1) / size;
        if (chunks > kChunksMax) continue;
        const double c = static_cast<double>(size + 64) / kLink.bytes_per_s;
        least = std::min(
            least, static_cast<double>(hops) * (kLink.hop_s + c) +
                       std::max(0.0, 0.625 * static_cast<double>(chunks) - 1) * c);
      }
      const Pipeline p = BestPipeline(bytes, hops, 0.625, kLink);
      EXPECT_DOUBLE_EQ(p.seconds, least) << bytes << " bytes, " << hops << " hops";
      EXPECT_GE(p.chunk_bytes * p.chunks, bytes);
      EXPECT_LT(p.chunk_bytes * (p.chunks - 1), bytes);
    }
  }
}

// Byte by byte: each node's contribution to byte i walks to the column (row) that keeps
// it, merging with those it meets, so each link on the way carries the byte once.
TEST(TwoColour, LoadIsThatOfEveryByteWalkingToItsPlace) {
  const Mesh mesh = {3, 4};
  const int64_t bytes = 101;
  LinkBytes first(mesh), second(mesh);
  const auto gather = [&](LinkBytes& load, bool row, int64_t line, int64_t place) {
    const int64_t length = row ? mesh.cols : mesh.rows;
    const auto at = [&](int64_t k) {
      return row ? NodeCoord{line, k} : NodeCoord{k, line};
    };
    for (int64_t k = 0; k < place; ++k) load.AddRoute(at(k), at(k + 1), 1);
    for (int64_t k = length - 1; k > place; --k) load.AddRoute(at(k), at(k - 1), 1);
  };
  for (int64_t i = 0; i < bytes; ++i) {
    const bool x_first = i < bytes / 2;
    const int64_t half = x_first ? bytes / 2 : bytes - bytes / 2;
    const int64_t in_half = x_first ? i : i - bytes / 2;
    const int64_t length = x_first ? mesh.cols : mesh.rows;
    const int64_t lines = x_first ? mesh.rows : mesh.cols;
    const int64_t place = FloorSplitOwner(half, length, in_half);
    for (int64_t l = 0; l < lines; ++l) gather(first, x_first, l, place);
    const Interval part = FloorSplit(half, length, place);
    gather(second, !x_first, place,
           FloorSplitOwner(part.size(), lines, in_half - part.begin));
  }
  const TwoColourLoad load = ReduceScatterLoad(mesh, bytes);
  EXPECT_EQ(load.first, first);
  EXPECT_EQ(load.second, second);
}

// compilers.md 5.8: 0.984, 0.996 and 1.00 n/B for reduce-scatter and all-gather on 8x8,
// 16x16 and 18x20; the corner's two links carry n (1 - 1/N) between them.
TEST(TwoColour, IsAsFastAsTheCornerAllows) {
  const int64_t n = 16 * 16 * 18 * 20 * 64;
  const struct {
    Mesh mesh;
    double published;
  } kCases[] = {{{8, 8}, 0.984}, {{16, 16}, 0.996}, {{18, 20}, 1.00}};
  for (const auto& c : kCases) {
    const TwoColourLoad load = ReduceScatterLoad(c.mesh, n);
    EXPECT_NEAR(2.0 * static_cast<double>(load.first.max() + load.second.max()) / n,
                c.published, 0.004);
    int64_t corner = 0;
    for (const auto d : {LinkBytes::kEast, LinkBytes::kSouth}) {
      corner += load.first.at({0, 0}, d) + load.second.at({0, 0}, d);
    }
    EXPECT_NEAR(static_cast<double>(corner),
                static_cast<double>(n) * (1 - 1.0 / c.mesh.nodes()), 64);
  }
}

TEST(MeshCollectives, TheCheapestComesFirstAndChangesWithTheSize) {
  const MeshCollectives die(DieWith(0, 1), kLink);
  for (const int64_t bytes : {int64_t{64}, int64_t{1} << 14, 64 * kMiB}) {
    const auto plans = die.AllReducePlans(bytes);
    ASSERT_EQ(plans.size(), 5u);
    for (size_t i = 1; i < plans.size(); ++i) {
      EXPECT_LE(plans[i - 1].pipeline.seconds, plans[i].pipeline.seconds);
    }
  }
  EXPECT_EQ(die.AllReducePlans(64)[0].Name(), "centre tree");
  EXPECT_EQ(die.AllReducePlans(64 * kMiB)[0].Name(), "32 trees");
  EXPECT_EQ(die.AllReducePlans(64 * kMiB).back().Name(), "two-colour X-Y");
  // Rows and columns need every node.
  for (const auto& plan : MeshCollectives(DieWith(1, 1), kLink).AllReducePlans(kMiB)) {
    EXPECT_NE(plan.algorithm, CollectiveAlgorithm::kTwoColour);
  }
}

TEST(MeshCollectives, ALargeAllReduceIsWithinAFifthOfItsBound) {
  for (const int64_t dead : {0, 6}) {
    const MeshCollectives die(DieWith(dead, 1), kLink);
    const CollectivePlan plan = die.AllReducePlans(64 * kMiB)[0];
    const double bound =
        AllReduceBounds(die.graph(), die.bottleneck(), 64 * kMiB, kLink).seconds();
    const double simulated = die.SimulatedSeconds(plan);
    EXPECT_GE(simulated, bound);
    EXPECT_LE(simulated, 1.2 * bound) << dead << " dead";
    EXPECT_NEAR(plan.pipeline.seconds / simulated, 1, 0.1);
  }
}

// Whatever is asked for: no time below a bound, neither modelled nor simulated.
TEST(MeshCollectives, NoTimeIsBelowABound) {
  for (const uint64_t seed : {1, 2, 3}) {
    const MeshCollectives die(
        *RandomDeadNodes({6, 7}, static_cast<int64_t>(seed), seed), kLink);
    for (const int64_t bytes : {1, 1000, 100000}) {
      const double bound =
          AllReduceBounds(die.graph(), die.bottleneck(), bytes, kLink).seconds();
      for (const CollectivePlan& plan : die.AllReducePlans(bytes)) {
        EXPECT_GE(plan.pipeline.seconds, bound);
        EXPECT_GE(die.SimulatedSeconds(plan), bound);
      }
      for (const int32_t source : {0, 17}) {
        const double least =
            BroadcastBounds(die.graph(), source, bytes, kLink).seconds();
        for (const CollectivePlan& plan : die.BroadcastPlans(source, bytes)) {
          EXPECT_GE(plan.pipeline.seconds, least);
          EXPECT_GE(die.SimulatedBroadcastSeconds(plan, source), least);
        }
      }
    }
  }
}

TEST(MeshCollectives, OneNodeHasNothingToSend) {
  const MeshCollectives one(*LiveMesh::Make({1, 1}, {}), kLink);
  const CollectivePlan plan = one.AllReducePlans(kMiB)[0];
  EXPECT_EQ(plan.pipeline.seconds, 0);
  EXPECT_EQ(AllReduceBounds(one.graph(), one.bottleneck(), kMiB, kLink).seconds(), 0);
}

}  // namespace
}  // namespace tatami
