#include "core/line_sum.h"

#include "core/test_draw.h"
#include "gtest/gtest.h"

namespace tatami {
namespace {

AxisList X(const Mesh& mesh) { return {WholeAxis(mesh, MeshAxis::kX)}; }

TEST(SumsAlongLine, NeedsOneAxisAndPartsOfWhatIsHeld) {
  const Mesh mesh{4, 4};
  const AxisList y = {WholeAxis(mesh, MeshAxis::kY)};
  Placement from = ReplicatedPlacement({8, 8}), to = from;
  EXPECT_TRUE(SumsAlongLine(from, to, X(mesh)));
  EXPECT_FALSE(SumsAlongLine(from, to, {}));
  EXPECT_FALSE(SumsAlongLine(from, to, {y[0], X(mesh)[0]}));
  to.dims[1].axes = X(mesh);
  EXPECT_TRUE(SumsAlongLine(from, to, X(mesh)));
  from.dims[0].axes = y;  // the nodes of a line hold one part, not all that is taken
  EXPECT_FALSE(SumsAlongLine(from, to, X(mesh)));
  to.dims[0].axes = y;
  EXPECT_TRUE(SumsAlongLine(from, to, X(mesh)));
  to.dims[1].map = IndexMap::Window(3, 1, 1, 1);
  EXPECT_FALSE(SumsAlongLine(from, to, X(mesh)));
}

TEST(LineSumAt, ASumForAllHasItsRootInTheMiddle) {
  const Mesh mesh{2, 5};
  const LineSum sum = LineSumAt(ReplicatedPlacement({3}), X(mesh), {1, 4}, mesh);
  ASSERT_EQ(sum.terms.size(), 5u);
  EXPECT_EQ(sum.terms[0], (NodeCoord{1, 0}));
  EXPECT_EQ(sum.root, 2);
  EXPECT_EQ(sum.first, 0);
  EXPECT_EQ(sum.last, 4);
}

TEST(LineSumAt, APartThatOneNodeTakesHasItsRootThere) {
  const Mesh mesh{1, 5};
  Placement to = ReplicatedPlacement({5});
  to.dims[0].axes = X(mesh);
  for (int64_t c = 0; c < 5; ++c) {
    const LineSum sum = LineSumAt(to, X(mesh), {0, c}, mesh);
    EXPECT_EQ(sum.root, c);
    EXPECT_EQ(sum.first, c);
    EXPECT_EQ(sum.last, c);
  }
}

// On random placements: all that take a part agree on its sum, and whole lines at once
// say the same as node by node.
TEST(LineSumAt, TakersAgreeAndRangesSayTheSame) {
  const Mesh mesh{2, 12};
  for (uint64_t seed = 0; seed < 500; ++seed) {
    Draw draw{.bits = std::mt19937_64(seed)};
    const AxisRef digits[] = {
        {MeshAxis::kX, 1, 2}, {MeshAxis::kX, 2, 3}, {MeshAxis::kX, 6, 2}};
    AxisList resolve;
    Placement to = ReplicatedPlacement({24, 24});
    for (const AxisRef& digit : digits) {
      if (draw(0, 2) > 0) resolve.push_back(digit);
      const int64_t use = draw(0, 2);
      if (use < 2) to.dims[use].axes.push_back(digit);
    }
    if (resolve.empty()) continue;
    const std::vector<LineSumRange> ranges = LineSumRanges(to, resolve, mesh);
    for (int64_t n = 0; n < mesh.nodes(); ++n) {
      const NodeCoord node = NodeAt(n, mesh);
      const LineSum sum = LineSumAt(to, resolve, node, mesh);
      const LineSum at_root = LineSumAt(to, resolve, sum.terms[sum.root], mesh);
      EXPECT_EQ(sum.terms, at_root.terms) << "seed " << seed;
      EXPECT_EQ(sum.root, at_root.root) << "seed " << seed;
      const LineSumRange& range = ranges[node.col];
      EXPECT_EQ(range.first_term, sum.terms.front().col) << "seed " << seed;
      EXPECT_EQ(range.last_term, sum.terms.back().col) << "seed " << seed;
      EXPECT_EQ(range.root, sum.terms[sum.root].col) << "seed " << seed;
      EXPECT_EQ(range.first, sum.terms[sum.first].col) << "seed " << seed;
      EXPECT_EQ(range.last, sum.terms[sum.last].col) << "seed " << seed;
    }
  }
}

}  // namespace
}  // namespace tatami
