#include "compiler/lower/placement.h"

#include "gtest/gtest.h"

namespace tatami {
namespace {

constexpr Mesh kMesh = {4, 6};

// A tensor whose dim d is cut over the axes that `cuts[d]` spells, as "y,x".
Placement Cut(const Dims& dims, const std::vector<std::string>& cuts) {
  Placement placement = ReplicatedPlacement(dims);
  for (size_t d = 0; d < cuts.size(); ++d) {
    placement.dims[d].axes = *ParseAxisList(cuts[d], kMesh);
  }
  return placement;
}

std::string Midway(const Placement& held, const Placement& need) {
  const auto midway = GatherMidway(held, need);
  return midway ? midway->ToString(kMesh) : "none";
}

TEST(GatherMidway, GathersAlongTheMinorAxisFirst) {
  const Placement whole = ReplicatedPlacement({48, 5});
  EXPECT_EQ(Midway(Cut({48, 5}, {"y,x"}), whole), "{48/y 5}");
  EXPECT_EQ(Midway(Cut({48, 5}, {"x,y"}), whole), "{48/x 5}");
  EXPECT_EQ(Midway(Cut({48, 5}, {"y", "x"}), whole), "{48/y 5}");
}

TEST(GatherMidway, CutsAlreadyWhatTheFreedAxisCutsInTheEnd) {
  EXPECT_EQ(Midway(Cut({48, 12}, {"y,x", ""}), Cut({48, 12}, {"", "x"})),
            "{48/y 12/x}");
}

TEST(GatherMidway, OneAxisOrADealToAllNeedsNone) {
  const Placement held = Cut({48, 48}, {"y,x", ""});
  EXPECT_EQ(Midway(held, Cut({48, 48}, {"y", ""})), "none");  // gathers x alone
  EXPECT_EQ(Midway(held, held), "none");
  // Midway a node would hold more than in the end.
  EXPECT_EQ(Midway(held, Cut({48, 48}, {"", "y,x"})), "none");
}

// What a node holds midway covers what it needs in the end of its column.
TEST(GatherMidway, TwoHopsBringTheWholeBox) {
  const Placement held = Cut({50, 7}, {"y,x"}), need = ReplicatedPlacement({50, 7});
  const Placement midway = *GatherMidway(held, need);
  for (int64_t n = 0; n < kMesh.nodes(); ++n) {
    const NodeCoord to = NodeAt(n, kMesh);
    int64_t got = 0, from = 0;
    ForEachSource(midway, {}, need.BoxAt(to, kMesh), to, kMesh,
                  [&](NodeCoord source, const Box& box) {
                    EXPECT_EQ(source.col, to.col);
                    got += NumElements(box);
                    ++from;
                  });
    EXPECT_EQ(got, 350);
    EXPECT_EQ(from, kMesh.rows);
  }
}

}  // namespace
}  // namespace tatami
