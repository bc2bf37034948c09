#include "core/exchange_links.h"

#include <map>
#include <set>

#include "core/exchange_blocks.h"
#include "core/line_sum.h"
#include "core/test_draw.h"
#include "gtest/gtest.h"

namespace tatami {
namespace {

// Elements on their way, by link: what a sender's element, or a root's sum, has
// crossed.
class Crossings {
 public:
  explicit Crossings(const Mesh& mesh) : mesh_(mesh) {}

  // Moves the box hop by hop. `flow` tells apart what may not be passed on together.
  void Route(NodeCoord from, NodeCoord to, int64_t flow, const Box& box) {
    while (!(from == to)) {
      NodeCoord next = from;
      if (from.col != to.col) {
        next.col += to.col > from.col ? 1 : -1;
      } else {
        next.row += to.row > from.row ? 1 : -1;
      }
      LinkBytes hop(mesh_);
      hop.AddRoute(from, next, 1);
      const auto link = std::find(hop.raw().begin(), hop.raw().end(), 1);
      AddElements(box, {link - hop.raw().begin(), flow}, 0, {});
      from = next;
    }
  }
  LinkBytes Count(int64_t bytes) const {
    LinkBytes links(mesh_);
    for (const auto& [key, elements] : crossed_) {
      links.raw()[key.first] += bytes * static_cast<int64_t>(elements.size());
    }
    return links;
  }

 private:
  using Key = std::pair<int64_t, int64_t>;  // link, flow
  void AddElements(const Box& box, Key key, size_t dim, std::vector<int64_t> at) {
    if (dim == box.size()) {
      crossed_[key].insert(at);
      return;
    }
    at.push_back(0);
    for (at[dim] = box[dim].begin; at[dim] < box[dim].end; ++at[dim]) {
      AddElements(box, key, dim + 1, at);
    }
  }

  Mesh mesh_;
  std::map<Key, std::set<std::vector<int64_t>>> crossed_;
};

// The definition: every pair of nodes, hop by hop, every element once a link.
LinkBytes Routed(const Placement& from, const Placement& to, const AxisList& resolve,
                 int64_t bytes, const Mesh& mesh) {
  Crossings crossings(mesh);
  const bool line = SumsAlongLine(from, to, resolve);
  for (int64_t n = 0; n < mesh.nodes(); ++n) {
    const NodeCoord node = NodeAt(n, mesh);
    const Box need = to.BoxAt(node, mesh);
    if (line) {
      const LineSum sum = LineSumAt(to, resolve, node, mesh);
      const NodeCoord root = sum.terms[sum.root];
      const int64_t in = NodeIndex(root, mesh), out = in + mesh.nodes();
      for (const NodeCoord term : sum.terms) crossings.Route(term, root, in, need);
      crossings.Route(root, node, out, need);
      continue;
    }
    int64_t pairs = 0;
    ForEachSource(from, resolve, need, node, mesh,
                  [&](NodeCoord source, const Box& box) {
                    const int64_t flow =
                        resolve.empty() ? NodeIndex(source, mesh) : n * 1000 + pairs++;
                    crossings.Route(source, node, flow, box);
                  });
  }
  return crossings.Count(bytes);
}

// Counts the whole mesh as one block, and block by block.
void Add(const Placement& from, const Placement& to, const AxisList& resolve,
         int64_t element_bytes, int64_t times, const Mesh& mesh, LinkBytes& links) {
  LinkLoads whole(MeshBlock::Whole(mesh));
  AddExchangeLinks(from, to, resolve, element_bytes, times, mesh, whole);
  LinkBytes by_block(mesh);
  AddExchangeLinks({from, to, resolve, element_bytes}, times, mesh, by_block);
  EXPECT_EQ(by_block, whole.Sum())
      << from.ToString(mesh) << " -> " << to.ToString(mesh);
  links.Add(by_block);
}

// Gives each digit of the mesh to a random dim of `placement`, or to none; what no dim
// takes may hold terms.
void DrawCuts(Draw& draw, bool with_terms, Placement& placement) {
  // 6 rows are 2 times 3 or 3 times 2, which do not go together.
  const int64_t major = draw(2, 3);
  const AxisRef digits[] = {{MeshAxis::kY, 1, major},
                            {MeshAxis::kY, major, 6 / major},
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

// Gives digits that hold terms to random dims, or to none.
void DrawCutsAmong(Draw& draw, const AxisList& digits, Placement& placement) {
  const auto dims = static_cast<int64_t>(placement.dims.size());
  for (const AxisRef& digit : digits) {
    const int64_t use = draw(0, dims);
    if (use < dims) placement.dims[use].axes.push_back(digit);
  }
}

TEST(AddExchangeLinks, EqualsRoutingEveryPair) {
  const Mesh mesh{6, 4};
  int with_halo = 0, with_terms = 0, along_line = 0;
  for (uint64_t seed = 0; seed < 2000; ++seed) {
    Draw draw{.bits = std::mt19937_64(seed)};
    Placement from, to;
    for (int64_t d = draw(0, 3); d > 0; --d) {
      const int64_t size = draw(1, 20);
      from.dims.push_back({.dim_size = size, .factor_size = size});
    }
    to = from;
    DrawCuts(draw, true, from);
    if (draw(0, 1) == 0) {
      DrawCuts(draw, false, to);
    } else {  // cut further, so that sums may go along lines
      to = from;
      to.partial.clear();
      DrawCutsAmong(draw, from.partial, to);
    }
    for (DimPlacement& dim : to.dims) {
      if (draw(0, 1) == 0) continue;
      dim.map = IndexMap::Window(3, 1, 1, 1);
      ++with_halo;
    }
    with_terms += !from.partial.empty();
    along_line += SumsAlongLine(from, to, from.partial);
    LinkBytes got(mesh);
    Add(from, to, from.partial, 4, 3, mesh, got);
    ASSERT_EQ(got, Routed(from, to, from.partial, 12, mesh))
        << "seed " << seed << " from " << from.ToString(mesh) << " to "
        << to.ToString(mesh);
  }
  EXPECT_GT(with_halo, 100);
  EXPECT_GT(with_terms, 100);
  EXPECT_GT(along_line, 100);
}

// Gathers of the minor digits and reductions into further digits, joint ones included.
TEST(AddExchangeLinks, GathersAndReductionsEqualRoutingEveryPair) {
  const Mesh mesh{6, 4};
  int joint = 0;
  for (uint64_t seed = 0; seed < 400; ++seed) {
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
      Add(fine, coarse, {}, 4, 1, mesh, got);
      ASSERT_EQ(got, Routed(fine, coarse, {}, 4, mesh)) << "gather, seed " << seed;
      continue;
    }
    AxisList terms;
    for (size_t d = 0; d < fine.dims.size(); ++d) {
      const auto& axes = fine.dims[d].axes;
      terms.insert(terms.end(), axes.begin() + coarse.dims[d].axes.size(), axes.end());
    }
    coarse.partial = terms;
    Add(coarse, fine, terms, 4, 1, mesh, got);
    ASSERT_EQ(got, Routed(coarse, fine, terms, 4, mesh)) << "reduction, seed " << seed;
  }
  EXPECT_GT(joint, 50);
}

// From one rectangle of a mesh to another, whichever way that lies.
TEST(AddCopyLinksBetween, CountsWhatARouterSees) {
  const Mesh whole{12, 12};
  int64_t joint = 0;
  for (uint64_t seed = 0; seed < 300; ++seed) {
    Draw draw{.bits = std::mt19937_64(seed)};
    const ExchangeSite site{.mesh = {6, 4},
                            .receivers = {{0, 0}, {6, 4}},
                            .from_shift = {6 * draw(0, 1), 4 * draw(0, 2)},
                            .to_shift = {6 * draw(0, 1), 4 * draw(0, 2)}};
    Placement from, to;
    const int64_t rank = draw(0, 3);
    for (int64_t d = 0; d < rank; ++d) {
      const int64_t size = draw(1, 13);
      from.dims.push_back({.dim_size = size, .factor_size = size});
    }
    to = from;
    DrawCuts(draw, false, from);
    DrawCuts(draw, false, to);
    if (rank > 0) to.dims[0].map = {1, 1, -draw(0, 2), draw(0, 2)};
    Crossings crossings(whole);
    for (int64_t n = 0; n < site.mesh.nodes(); ++n) {
      const NodeCoord node = NodeAt(n, site.mesh);
      ForEachSource(
          from, {}, to.BoxAt(node, site.mesh), node, site.mesh,
          [&](NodeCoord source, const Box& box) {
            crossings.Route(
                {site.from_shift.row + source.row, site.from_shift.col + source.col},
                {site.to_shift.row + node.row, site.to_shift.col + node.col},
                NodeIndex(source, site.mesh), box);
          });
    }
    LinkLoads got(MeshBlock::Whole(whole)), lines(MeshBlock::Whole(whole));
    AddCopyLinksBetween(from, to, 4, site, got);
    ASSERT_EQ(got.Sum(), crossings.Count(4)) << "seed " << seed;
    joint += !AddProductOfLines(from, to, 4, site, lines);
  }
  EXPECT_GT(joint, 30);
  EXPECT_LT(joint, 270);
}

// An all-gather of 8 elements along a row of 4: what a node sends passes each link
// once.
TEST(AddExchangeLinks, GatherAlongARowByHand) {
  const Mesh mesh{1, 4};
  Placement from = ReplicatedPlacement({8});
  const Placement to = from;
  from.dims[0].axes = {WholeAxis(mesh, MeshAxis::kX)};
  LinkBytes links(mesh);
  Add(from, to, {}, 1, 1, mesh, links);
  // Two elements a node: those of the nodes behind each link.
  EXPECT_EQ(links.at({0, 0}, LinkBytes::kEast), 2 * 1);
  EXPECT_EQ(links.at({0, 1}, LinkBytes::kEast), 2 * 2);
  EXPECT_EQ(links.at({0, 2}, LinkBytes::kEast), 2 * 3);
  EXPECT_EQ(links.at({0, 1}, LinkBytes::kWest), 2 * 3);
  EXPECT_EQ(links.total(), 2 * 2 * (1 + 2 + 3));
}

// A sum of 8 elements along a row of 4, every node taking its quarter, or all of it.
TEST(AddExchangeLinks, SumsAlongARowByHand) {
  const Mesh mesh{1, 4};
  const AxisList x = {WholeAxis(mesh, MeshAxis::kX)};
  const Placement whole = ReplicatedPlacement({8});
  Placement terms = whole, quarters = whole;
  terms.partial = x;
  quarters.dims[0].axes = x;
  LinkBytes scattered(mesh);
  Add(terms, quarters, x, 1, 1, mesh, scattered);
  // Eastwards what the nodes beyond take, two elements each.
  EXPECT_EQ(scattered.at({0, 0}, LinkBytes::kEast), 2 * 3);
  EXPECT_EQ(scattered.at({0, 2}, LinkBytes::kEast), 2 * 1);
  EXPECT_EQ(scattered.at({0, 1}, LinkBytes::kWest), 2 * 1);
  LinkBytes everywhere(mesh);
  Add(terms, whole, x, 1, 1, mesh, everywhere);
  // In to the root (0,1) and out again: all 8 elements once each way.
  EXPECT_EQ(everywhere.total(), 8 * 2 * 3);
  EXPECT_EQ(everywhere.max(), 8);
}

}  // namespace
}  // namespace tatami
