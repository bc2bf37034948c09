#include "core/sharding.h"

#include <map>
#include <random>

#include "core/error.h"
#include "core/test_draw.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace tatami {
namespace {

using ::testing::HasSubstr;

TEST(FloorSplit, PartsCoverTheRangeInOrderAndDifferByAtMostOne) {
  for (int64_t size = 1; size <= 23; ++size) {
    for (int64_t parts = 1; parts <= 29; ++parts) {
      int64_t next = 0;
      for (int64_t p = 0; p < parts; ++p) {
        const Interval i = FloorSplit(size, parts, p);
        ASSERT_EQ(i.begin, next) << size << "/" << parts;
        next = i.end;
        ASSERT_TRUE(i.size() == size / parts || i.size() == size / parts + 1);
        for (int64_t x = i.begin; x < i.end; ++x) {
          ASSERT_EQ(FloorSplitOwner(size, parts, x), p) << size << "/" << parts;
        }
      }
      ASSERT_EQ(next, size);
    }
  }
}

// The digit of a coordinate on a sub-axis, found by cutting the axis block by block.
int64_t DigitByCutting(const AxisRef& ref, int64_t side, int64_t x) {
  const int64_t block = side / ref.pre;  // what one value of the major digits spans
  const int64_t piece = block / ref.size;
  for (int64_t major = 0; major < ref.pre; ++major) {
    for (int64_t digit = 0; digit < ref.size; ++digit) {
      const int64_t begin = major * block + digit * piece;
      if (begin <= x && x < begin + piece) return digit;
    }
  }
  ADD_FAILURE() << "no digit";
  return -1;
}

int64_t CoordOf(const AxisRef& ref, NodeCoord node) {
  return ref.axis == MeshAxis::kY ? node.row : node.col;
}

// The part that a node's digits spell, without PartOf.
int64_t PartByCutting(const AxisList& axes, NodeCoord node, const Mesh& mesh) {
  int64_t part = 0;
  for (const AxisRef& ref : axes) {
    part = part * ref.size +
           DigitByCutting(ref, AxisSize(mesh, ref.axis), CoordOf(ref, node));
  }
  return part;
}

TEST(AxisList, SubAxesOfOneAxisSpellThatAxis) {
  const Mesh mesh{12, 1};
  const AxisList digits = {
      {MeshAxis::kY, 1, 2}, {MeshAxis::kY, 2, 3}, {MeshAxis::kY, 6, 2}};
  EXPECT_EQ(Parts(digits), 12);
  for (int64_t row = 0; row < 12; ++row) {
    EXPECT_EQ(PartOf(digits, {row, 0}, mesh), row);
    EXPECT_EQ(PartByCutting(digits, {row, 0}, mesh), row);
  }
}

TEST(AxisList, WithPartSetsThePartAndNothingElse) {
  const Mesh mesh{6, 8};
  const AxisList axes = {{MeshAxis::kX, 2, 2}, {MeshAxis::kY, 1, 3}};
  const AxisList others = {
      {MeshAxis::kX, 1, 2}, {MeshAxis::kX, 4, 2}, {MeshAxis::kY, 3, 2}};
  for (int64_t n = 0; n < mesh.nodes(); ++n) {
    const NodeCoord node = NodeAt(n, mesh);
    for (int64_t part = 0; part < Parts(axes); ++part) {
      const NodeCoord moved = WithPart(axes, part, node, mesh);
      EXPECT_EQ(PartByCutting(axes, moved, mesh), part);
      EXPECT_EQ(PartByCutting(others, moved, mesh), PartByCutting(others, node, mesh));
    }
  }
}

TEST(AxisList, TextIsReadBackAndWrongTextIsRefused) {
  const Mesh mesh{8, 4};
  for (const absl::string_view text : {"y", "x", "y,x", "x,y:(1)2", "y:(2)4,x:(2)2"}) {
    const auto axes = ParseAxisList(text, mesh);
    ASSERT_TRUE(axes.ok()) << axes.status();
    EXPECT_EQ(ToString(*axes, mesh), text);
  }
  for (const absl::string_view text :
       {"z", "y:(1)3", "y:(0)2", "y:(1)0", "y:2", "x:(4)2", "y:(-1)2"}) {
    const auto axes = ParseAxisList(text, mesh);
    EXPECT_EQ(GetErrorCode(axes.status()), ErrorCode::kBadPlan) << text;
  }
}

TEST(Mesh, IsReadAsRowsTimesColumns) {
  const auto mesh = ParseMesh("3x5");
  ASSERT_TRUE(mesh.ok());
  EXPECT_EQ(*mesh, (Mesh{3, 5}));
  for (const absl::string_view text : {"3", "3x", "x3", "0x3", "3x-1", "3x4x5", ""}) {
    EXPECT_THAT(std::string(ParseMesh(text).status().message()),
                HasSubstr("is not ROWSxCOLS"))
        << text;
  }
}

TEST(Placement, ANodeWithoutAPartHasTheCanonicalEmptyBox) {
  const Mesh mesh{4, 1};
  Placement p = ReplicatedPlacement({2, 5});
  p.dims[0].axes = {WholeAxis(mesh, MeshAxis::kY)};
  EXPECT_EQ(ToString(p.BoxAt({0, 0}, mesh)), "[0,0)x[0,0)");
  EXPECT_EQ(ToString(p.BoxAt({1, 0}, mesh)), "[0,1)x[0,5)");
  EXPECT_EQ(ToString(p.BoxAt({3, 0}, mesh)), "[1,2)x[0,5)");
  EXPECT_TRUE(p.IsPartition());
  p.dims[1].map = IndexMap::Window(3, 1, 1, 1);
  EXPECT_FALSE(p.IsPartition());
}

// The digits of a mesh: each axis cut into prime sub-axes, in random order.
std::vector<AxisRef> DrawDigits(Draw& draw, const Mesh& mesh) {
  std::vector<AxisRef> digits;
  for (const MeshAxis axis : {MeshAxis::kY, MeshAxis::kX}) {
    int64_t left = AxisSize(mesh, axis), pre = 1;
    for (int64_t p = 2; left > 1;) {
      if (left % p != 0) {
        ++p;
        continue;
      }
      digits.push_back({axis, pre, p});
      pre *= p;
      left /= p;
    }
  }
  std::shuffle(digits.begin(), digits.end(), draw.bits);
  return digits;
}

struct Case {
  Mesh mesh;
  Placement from;
  AxisList resolve;
  Box need;
};

// Each digit cuts a dim, holds terms (resolved or not), or holds copies.
Case DrawCase(Draw& draw) {
  Case c{.mesh = {draw(1, 6), draw(1, 6)}};
  Dims dims;
  for (int64_t d = draw(1, 3); d > 0; --d) dims.push_back(draw(1, 7));
  c.from = ReplicatedPlacement(dims);
  const int64_t rank = static_cast<int64_t>(dims.size());
  for (const AxisRef& digit : DrawDigits(draw, c.mesh)) {
    const int64_t use = draw(0, rank + 2);
    if (use < rank) c.from.dims[use].axes.push_back(digit);
    if (use == rank || use == rank + 1) c.from.partial.push_back(digit);
    if (use == rank) c.resolve.push_back(digit);
  }
  for (const int64_t size : dims) {
    const int64_t begin = draw(0, size - 1);
    c.need.push_back({begin, draw(begin + 1, size)});
  }
  return c;
}

using Element = std::vector<int64_t>;

std::vector<Element> ElementsOf(const Box& box) {
  std::vector<Element> out = {{}};
  for (const Interval& i : box) {
    std::vector<Element> longer;
    for (const Element& e : out) {
      for (int64_t x = i.begin; x < i.end; ++x) {
        longer.push_back(e);
        longer.back().push_back(x);
      }
    }
    out = std::move(longer);
  }
  return out;
}

// By the definition: among all nodes, those that hold the element, have term `t` of the
// resolved ones, and agree with the target on all digits that say nothing of either.
std::vector<NodeCoord> HoldersByEnumeration(const Case& c, const Element& element,
                                            NodeCoord to, int64_t term) {
  std::vector<NodeCoord> out;
  for (int64_t n = 0; n < c.mesh.nodes(); ++n) {
    const NodeCoord node = NodeAt(n, c.mesh);
    bool holds = PartByCutting(c.resolve, node, c.mesh) == term;
    std::map<std::pair<MeshAxis, int64_t>, bool> spoken;
    for (const AxisRef& ref : c.resolve) spoken[{ref.axis, ref.pre}] = true;
    for (size_t d = 0; d < element.size(); ++d) {
      const DimPlacement& dim = c.from.dims[d];
      const int64_t parts = Parts(dim.axes);
      const int64_t part = PartByCutting(dim.axes, node, c.mesh);
      holds &= part * dim.dim_size / parts <= element[d] &&
               element[d] < (part + 1) * dim.dim_size / parts;
      for (const AxisRef& ref : dim.axes) spoken[{ref.axis, ref.pre}] = true;
    }
    for (const MeshAxis axis : {MeshAxis::kY, MeshAxis::kX}) {
      int64_t left = AxisSize(c.mesh, axis), pre = 1;
      for (int64_t p = 2; left > 1;) {
        if (left % p != 0) {
          ++p;
          continue;
        }
        const AxisRef digit{axis, pre, p};
        if (!spoken[{axis, pre}]) {
          holds &=
              DigitByCutting(digit, AxisSize(c.mesh, axis), CoordOf(digit, node)) ==
              DigitByCutting(digit, AxisSize(c.mesh, axis), CoordOf(digit, to));
        }
        pre *= p;
        left /= p;
      }
    }
    if (holds) out.push_back(node);
  }
  return out;
}

TEST(ForEachSource, AgreesWithEnumerationOnRandomPlacements) {
  Draw draw{std::mt19937_64(1)};
  int64_t with_terms = 0, with_copies_of_terms = 0;
  for (int i = 0; i < 400; ++i) {
    const Case c = DrawCase(draw);
    with_terms += c.resolve.empty() ? 0 : 1;
    with_copies_of_terms += c.from.partial.size() > c.resolve.size() ? 1 : 0;
    const NodeCoord to{draw(0, c.mesh.rows - 1), draw(0, c.mesh.cols - 1)};
    std::map<Element, std::vector<NodeCoord>> got;
    ForEachSource(c.from, c.resolve, c.need, to, c.mesh,
                  [&](NodeCoord source, const Box& box) {
                    for (const Element& e : ElementsOf(box)) got[e].push_back(source);
                  });
    for (const Element& e : ElementsOf(c.need)) {
      std::vector<NodeCoord> want;  // one per term, in ascending order of part
      for (int64_t t = 0; t < Parts(c.resolve); ++t) {
        const auto holders = HoldersByEnumeration(c, e, to, t);
        ASSERT_EQ(holders.size(), 1u) << i;
        want.push_back(holders[0]);
      }
      ASSERT_EQ(got[e], want) << "case " << i << " mesh " << c.mesh.ToString()
                              << " from " << c.from.ToString(c.mesh) << " need "
                              << ToString(c.need);
    }
    ASSERT_EQ(got.size(), ElementsOf(c.need).size()) << "more than is needed";
  }
  EXPECT_GT(with_terms, 50);  // the draw covers what it is there to cover
  EXPECT_GT(with_copies_of_terms, 50);
}

TEST(ForEachSource, AnEmptyNeedHasNoSources) {
  ForEachSource(ReplicatedPlacement({4}), {}, Box{{2, 2}}, {0, 0}, {2, 2},
                [](NodeCoord, const Box&) { ADD_FAILURE(); });
}

TEST(LinkBytes, ARouteGoesAlongTheRowFirst) {
  LinkBytes links({3, 4});
  links.AddRoute({0, 0}, {2, 3}, 7);
  std::vector<int64_t> want(3 * 4 * 4, 0);
  const auto link = [&](int64_t row, int64_t col, LinkBytes::Direction d) -> int64_t& {
    return want[(row * 4 + col) * 4 + d];
  };
  link(0, 0, LinkBytes::kEast) = link(0, 1, LinkBytes::kEast) =
      link(0, 2, LinkBytes::kEast) = 7;
  link(0, 3, LinkBytes::kSouth) = link(1, 3, LinkBytes::kSouth) = 7;
  EXPECT_EQ(links.raw(), want);
  links.AddRoute({2, 3}, {0, 0}, 5);  // back: west along the last row, then north
  link(2, 3, LinkBytes::kWest) = link(2, 2, LinkBytes::kWest) =
      link(2, 1, LinkBytes::kWest) = 5;
  link(2, 0, LinkBytes::kNorth) = link(1, 0, LinkBytes::kNorth) = 5;
  EXPECT_EQ(links.raw(), want);
  EXPECT_EQ(links.max(), 7);
  EXPECT_EQ(links.total(), 5 * 7 + 5 * 5);
  links.AddRoute({1, 1}, {1, 1}, 9);  // a node to itself uses no link
  EXPECT_EQ(links.raw(), want);
}

TEST(LinkBytes, WhatEntersANodeLeavesItOrEndsThere) {
  Draw draw{std::mt19937_64(2)};
  const Mesh mesh{5, 6};
  LinkBytes links(mesh);
  std::vector<int64_t> ends(mesh.nodes(), 0);
  int64_t byte_hops = 0;
  for (int i = 0; i < 200; ++i) {
    const NodeCoord a{draw(0, 4), draw(0, 5)}, b{draw(0, 4), draw(0, 5)};
    const int64_t bytes = draw(1, 100);
    LinkBytes one(mesh);
    one.AddRoute(a, b, bytes);
    links.Add(one);
    ends[NodeIndex(a, mesh)] -= bytes;
    ends[NodeIndex(b, mesh)] += bytes;
    byte_hops += bytes * (std::abs(a.row - b.row) + std::abs(a.col - b.col));
  }
  EXPECT_EQ(links.total(), byte_hops);
  for (int64_t r = 0; r < mesh.rows; ++r) {
    for (int64_t c = 0; c < mesh.cols; ++c) {
      int64_t balance = 0;
      if (c > 0) balance += links.at({r, c - 1}, LinkBytes::kEast);
      if (c + 1 < mesh.cols) balance += links.at({r, c + 1}, LinkBytes::kWest);
      if (r > 0) balance += links.at({r - 1, c}, LinkBytes::kSouth);
      if (r + 1 < mesh.rows) balance += links.at({r + 1, c}, LinkBytes::kNorth);
      for (const auto d :
           {LinkBytes::kEast, LinkBytes::kWest, LinkBytes::kSouth, LinkBytes::kNorth}) {
        balance -= links.at({r, c}, d);
      }
      EXPECT_EQ(balance, ends[NodeIndex({r, c}, mesh)]) << r << "," << c;
    }
  }
}

}  // namespace
}  // namespace tatami
