// What is called a collective is one: node by node, from the boxes that nodes hold and
// take.
#include "runtime/simulator/mesh_collective.h"

#include <gtest/gtest.h>

#include <map>

#include "compiler/test_graphs.h"

namespace tatami {
namespace {

// The boxes of a node's group, by part.
std::vector<Box> BoxesOfGroup(const Placement& placement, const AxisList& axes,
                              NodeCoord node, const Mesh& mesh) {
  std::vector<Box> out;
  for (int64_t part = 0; part < Parts(axes); ++part) {
    out.push_back(placement.BoxAt(WithPart(axes, part, node, mesh), mesh));
  }
  return out;
}

// That `parts` are disjoint and make up `whole`.
void ExpectPartition(const std::vector<Box>& parts, const Box& whole) {
  int64_t elements = 0;
  for (size_t p = 0; p < parts.size(); ++p) {
    elements += NumElements(parts[p]);
    if (NumElements(parts[p]) == 0) continue;
    EXPECT_EQ(Intersect(parts[p], whole), parts[p]);
    for (size_t q = p + 1; q < parts.size(); ++q) {
      EXPECT_EQ(NumElements(Intersect(parts[p], parts[q])), 0);
    }
  }
  EXPECT_EQ(elements, NumElements(whole));
}

void ExpectCollective(const Exchange& e, const MeshCollective& collective,
                      const Mesh& mesh) {
  int64_t most = 0;
  for (int64_t n = 0; n < mesh.nodes(); ++n) {
    const NodeCoord node = NodeAt(n, mesh);
    const Box from = e.from.BoxAt(node, mesh), to = e.to.BoxAt(node, mesh);
    most = std::max(most, NumElements(from) * e.element_bytes);
    const auto held = BoxesOfGroup(e.from, collective.axes, node, mesh);
    const auto taken = BoxesOfGroup(e.to, collective.axes, node, mesh);
    const bool sums = collective.kind != CollectiveKind::kAllGather;
    EXPECT_EQ(sums, !e.resolve.empty());
    if (sums) {
      for (const Box& box : held) EXPECT_EQ(box, from);
    } else {
      ExpectPartition(held, to);
    }
    if (collective.kind == CollectiveKind::kReduceScatter) {
      ExpectPartition(taken, from);
    } else {
      for (const Box& box : taken) EXPECT_EQ(box, sums ? from : to);
    }
  }
  EXPECT_EQ(collective.bytes, most);
}

TEST(MeshCollective, IsOneNodeByNode) {
  std::map<CollectiveKind, int> seen;
  int others = 0;
  for (uint64_t seed = 0; seed < 60; ++seed) {
    const Mesh meshes[] = {{4, 6}, {3, 5}, {8, 2}};
    const Mesh mesh = meshes[seed % 3];
    const Program program = LoweredTrainingStep(mesh, seed);
    for (const Superstep& superstep : program.supersteps) {
      for (const ExchangeOp& op : superstep.exchanges) {
        const Exchange exchange = ExchangeOf(program, op);
        const auto collective = CollectiveOf(exchange, mesh);
        if (!collective) {
          ++others;
          continue;
        }
        ++seen[collective->kind];
        ExpectCollective(exchange, *collective, mesh);
      }
    }
  }
  for (const auto kind : {CollectiveKind::kAllReduce, CollectiveKind::kAllGather,
                          CollectiveKind::kReduceScatter}) {
    EXPECT_GT(seen[kind], 0) << CollectiveKindName(kind);
  }
  EXPECT_GT(others, 0);
}

// All that is summed over a whole axis and taken by all is an all-reduce, and so on:
// none is missed.
TEST(MeshCollective, KnowsThePlainCases) {
  const Mesh mesh{4, 6};
  const AxisList x = {WholeAxis(mesh, MeshAxis::kX)};
  const Placement whole = ReplicatedPlacement({7, 12});
  Placement cut = whole, terms = whole, halo = whole;
  cut.dims[1].axes = x;
  terms.partial = x;
  halo.dims[1] = cut.dims[1];
  halo.dims[1].map.lo -= 1;
  const auto of = [&](const Placement& from, const Placement& to, AxisList resolve) {
    return CollectiveOf({from, to, std::move(resolve), 4}, mesh);
  };
  const auto reduced = of(terms, whole, x), scattered = of(terms, cut, x),
             gathered = of(cut, whole, {});
  ASSERT_TRUE(reduced && scattered && gathered);
  EXPECT_EQ(reduced->kind, CollectiveKind::kAllReduce);
  EXPECT_EQ(reduced->bytes, 7 * 12 * 4);
  EXPECT_EQ(scattered->kind, CollectiveKind::kReduceScatter);
  EXPECT_EQ(scattered->bytes, 7 * 12 * 4);
  EXPECT_EQ(gathered->kind, CollectiveKind::kAllGather);
  EXPECT_EQ(gathered->bytes, 7 * 2 * 4);
  EXPECT_EQ(gathered->axes, x);
  EXPECT_FALSE(of(whole, cut, {}));  // nobody needs another's
  EXPECT_FALSE(of(whole, whole, {}));
  EXPECT_FALSE(of(cut, halo, {}));
  // Twelve columns over both axes, and as the first of 14 over the rows: their ends are
  // not the same.
  Placement rows = whole, both = whole;
  rows.dims[1].axes = {WholeAxis({2, 6}, MeshAxis::kY)};
  both.dims[1].axes = {rows.dims[1].axes[0], x[0]};
  EXPECT_TRUE(CollectiveOf({both, rows, {}, 4}, {2, 6}));
  rows.dims[1].factor_size = 14;
  EXPECT_FALSE(CollectiveOf({both, rows, {}, 4}, {2, 6}));
}

}  // namespace
}  // namespace tatami
