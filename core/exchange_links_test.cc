#include "core/exchange_links.h"

#include "core/test_draw.h"
#include "gtest/gtest.h"

namespace tatami {
namespace {

// The definition: every pair of nodes, hop by hop.
LinkBytes Routed(const Placement& from, const Placement& to, const AxisList& resolve,
                 int64_t bytes, const Mesh& mesh) {
  LinkBytes links(mesh);
  for (int64_t n = 0; n < mesh.nodes(); ++n) {
    const NodeCoord node = NodeAt(n, mesh);
    ForEachSource(from, resolve, to.BoxAt(node, mesh), node, mesh,
                  [&](NodeCoord source, const Box& box) {
                    links.AddRoute(source, node, NumElements(box) * bytes);
                  });
  }
  return links;
}

// Gives each digit of the mesh to a random dim of `placement`, or to none; what no dim
// takes may hold terms.
void DrawCuts(Draw& draw, bool with_terms, Placement& placement) {
  const AxisRef digits[] = {{MeshAxis::kY, 1, 2},
                            {MeshAxis::kY, 2, 3},
                            {MeshAxis::kX, 1, 2},
                            {MeshAxis::kX, 2, 2}};
  const auto dims = static_cast<int64_t>(placement.dims.size());
  for (const AxisRef& digit : digits) {
    const int64_t use = draw(0, dims);
    if (use < dims) {
      placement.dims[use].axes.push_back(digit);
    } else if (with_terms && draw(0, 1) == 1) {
      placement.partial.push_back(digit);
    }
  }
}

TEST(AddExchangeLinks, EqualsRoutingEveryPair) {
  const Mesh mesh{6, 4};
  int with_halo = 0, with_terms = 0;
  for (uint64_t seed = 0; seed < 2000; ++seed) {
    Draw draw{.bits = std::mt19937_64(seed)};
    Placement from, to;
    for (int64_t d = draw(0, 3); d > 0; --d) {
      const int64_t size = draw(1, 20);
      from.dims.push_back({.dim_size = size, .factor_size = size});
    }
    to = from;
    DrawCuts(draw, true, from);
    DrawCuts(draw, false, to);
    for (DimPlacement& dim : to.dims) {
      if (draw(0, 1) == 0) continue;
      dim.map = IndexMap::Window(3, 1, 1, 1);
      ++with_halo;
    }
    with_terms += !from.partial.empty();
    LinkBytes got(mesh);
    AddExchangeLinks(from, to, from.partial, 4, 3, mesh, got);
    ASSERT_EQ(got, Routed(from, to, from.partial, 12, mesh))
        << "seed " << seed << " from " << from.ToString(mesh) << " to "
        << to.ToString(mesh);
  }
  EXPECT_GT(with_halo, 100);
  EXPECT_GT(with_terms, 100);
}

// Gathers of the minor digits and reductions into further digits, joint ones included.
TEST(AddExchangeLinks, GathersAndReductionsEqualRoutingEveryPair) {
  const Mesh mesh{6, 4};
  int joint = 0;
  for (uint64_t seed = 0; seed < 2000; ++seed) {
    Draw draw{.bits = std::mt19937_64(seed)};
    Placement fine;
    for (int64_t d = draw(1, 3); d > 0; --d) {
      const int64_t size = draw(1, 30);
      fine.dims.push_back({.dim_size = size, .factor_size = size});
    }
    DrawCuts(draw, false, fine);
    Placement coarse = fine;
    for (DimPlacement& dim : coarse.dims) {
      const int64_t keep = draw(0, static_cast<int64_t>(dim.axes.size()));
      dim.axes.resize(keep);
      joint += !dim.axes.empty() && dim.axes.front().axis != dim.axes.back().axis;
    }
    LinkBytes got(mesh);
    if (draw(0, 1) == 0) {
      AddExchangeLinks(fine, coarse, {}, 4, 1, mesh, got);
      ASSERT_EQ(got, Routed(fine, coarse, {}, 4, mesh)) << "gather, seed " << seed;
      continue;
    }
    AxisList terms;
    for (size_t d = 0; d < fine.dims.size(); ++d) {
      const auto& axes = fine.dims[d].axes;
      terms.insert(terms.end(), axes.begin() + coarse.dims[d].axes.size(), axes.end());
    }
    coarse.partial = terms;
    AddExchangeLinks(coarse, fine, terms, 4, 1, mesh, got);
    ASSERT_EQ(got, Routed(coarse, fine, terms, 4, mesh)) << "reduction, seed " << seed;
  }
  EXPECT_GT(joint, 100);
}

// An all-gather of 8 elements along a row of 4: three quarters cross the middle.
TEST(AddExchangeLinks, GatherAlongARowByHand) {
  const Mesh mesh{1, 4};
  Placement from = ReplicatedPlacement({8});
  const Placement to = from;
  from.dims[0].axes = {WholeAxis(mesh, MeshAxis::kX)};
  LinkBytes links(mesh);
  AddExchangeLinks(from, to, {}, 1, 1, mesh, links);
  // Two elements a node: from the i + 1 nodes at the left to the 3 - i at the right.
  EXPECT_EQ(links.at({0, 0}, LinkBytes::kEast), 2 * 1 * 3);
  EXPECT_EQ(links.at({0, 1}, LinkBytes::kEast), 2 * 2 * 2);
  EXPECT_EQ(links.at({0, 2}, LinkBytes::kEast), 2 * 3 * 1);
  EXPECT_EQ(links.at({0, 1}, LinkBytes::kWest), 2 * 3 * 1);
  EXPECT_EQ(links.total(), 2 * 2 * (3 + 4 + 3));
}

}  // namespace
}  // namespace tatami
