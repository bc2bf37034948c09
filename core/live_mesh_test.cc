#include "core/live_mesh.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/error.h"
#include "core/test_draw.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace tatami {
namespace {

constexpr Mesh kDie = {18, 20};

std::string MessageOf(const absl::StatusOr<LiveMesh>& mesh) {
  return mesh.ok() ? "ok: " + mesh->ToString() : std::string(mesh.status().message());
}

TEST(LiveMesh, ReadsNodesAndLinksAndWritesThemInOneOrder) {
  const auto a = ParseDeadList(kDie, "(3,7),(0,0)");
  ASSERT_TRUE(a.ok()) << a.status();
  EXPECT_EQ(a->ToString(), "18x20 minus (0,0),(3,7)");
  EXPECT_EQ(a->live_nodes(), 358);
  // 682 links, less two at the corner and four at (3,7).
  EXPECT_EQ(a->live_links(), 676);
  const auto b = ParseDeadMap(kDie,
                              "# two dead nodes and a link\n\n  (0,0)  # a corner\r\n"
                              "(4,2) - (4,1)\n(3,7)",
                              "map.txt");
  ASSERT_TRUE(b.ok()) << b.status();
  EXPECT_EQ(b->ToString(), "18x20 minus (0,0),(3,7),(4,1)-(4,2)");
  EXPECT_EQ(b->live_links(), 675);
  EXPECT_FALSE(b->HasLink({4, 1}, LinkBytes::kEast));
  EXPECT_FALSE(b->HasLink({4, 2}, LinkBytes::kWest));
  EXPECT_TRUE(b->HasLink({4, 2}, LinkBytes::kEast));
  EXPECT_EQ(ParseDeadList(kDie, " ( 0, 0) , (3,7)")->Hash(), a->Hash());
  EXPECT_NE(a->Hash(), b->Hash());
  EXPECT_EQ(ParseDeadList(kDie, "")->ToString(), "18x20");
}

TEST(LiveMesh, ATextThatIsWrongIsRefusedWithWhatToDo) {
  const struct {
    const char* text;
    const char* message;
  } kCases[] = {
      {"3,7",
       "E0108: --dead: '3,7' does not start with a dead node (row,col) or a dead link "
       "(row,col)-(row,col), as in (3,7),(0,0) or (4,1)-(4,2)."},
      {"(1,1),(3;7)",
       "E0108: --dead: '(3;7)' does not start with a dead node (row,col) or a dead "
       "link (row,col)-(row,col), as in (3,7),(0,0) or (4,1)-(4,2)."},
      {"(1,1)(3,7)",
       "E0108: --dead: after (1,1) comes '(3,7)'; parts are separated by one comma, as "
       "in (3,7),(0,0)."},
      {"(1,1),",
       "E0108: --dead: after (1,1) comes ','; parts are separated by one comma, as in "
       "(3,7),(0,0)."},
      {"(18,0)",
       "E0108: --dead: (18,0) lies outside the 18x20 grid: rows are 0 to 17, columns 0 "
       "to 19. Correct it, or name the machine or grid that it belongs to."},
      {"(0,-1)",
       "E0108: --dead: (0,-1) lies outside the 18x20 grid: rows are 0 to 17, columns 0 "
       "to 19. Correct it, or name the machine or grid that it belongs to."},
      {"(3,7),(0,0),(3,7)",
       "E0108: --dead: the dead node (3,7) is listed twice. Remove one of the two."},
      {"(3,7)-(3,8),(3,8)-(3,7)",
       "E0108: --dead: the dead link (3,7)-(3,8) is listed twice. Remove one of the "
       "two."},
      {"(3,8)-(3,7),(3,8)",
       "E0108: --dead: the dead link (3,7)-(3,8) ends at (3,8), which is listed as a "
       "dead node: its links are dead with it. Remove the link."},
      {"(3,7)-(4,8)",
       "E0108: --dead: the dead link (3,7)-(4,8) joins nodes 2 hops apart; a link "
       "joins neighbours. Correct one of its ends."},
      {"(3,7)-(3,7)",
       "E0108: --dead: the link (3,7)-(3,7) joins a node to itself. Write a dead node "
       "as (3,7)."},
      {"(0,1),(1,0)",
       "E0108: the 2 dead parts cut the 18x20 grid apart: from (0,0) live links reach "
       "1 of 358 live nodes, and not (0,2). List the smaller piece as dead too."},
  };
  for (const auto& c : kCases) {
    const auto mesh = ParseDeadList(kDie, c.text);
    EXPECT_EQ(MessageOf(mesh), c.message) << c.text;
    EXPECT_EQ(GetErrorCode(mesh.status()), ErrorCode::kBadDeadMap) << c.text;
  }
  EXPECT_EQ(
      MessageOf(ParseDeadMap(kDie, "(0,0)\n(0,20)\n", "map.txt")),
      "E0108: map.txt line 2: (0,20) lies outside the 18x20 grid: rows are 0 to 17, "
      "columns 0 to 19. Correct it, or name the machine or grid that it belongs to.");
  EXPECT_EQ(
      MessageOf(ParseDeadMap(kDie, "(0,0),(3,7)", "map.txt")),
      "E0108: map.txt line 1: after (0,0) comes ',(3,7)'; a line holds one dead part.");
  EXPECT_EQ(MessageOf(ParseDeadList({1, 2}, "(0,0),(0,1)")),
            "E0108: all 2 nodes of the 1x2 grid are dead: nothing is left to compute "
            "on. Correct the dead map.");
}

TEST(LiveMesh, ADeadColumnAtTheEdgeIsAMeshAndOneInsideCutsIt) {
  const auto column = [](int64_t col) {
    std::vector<DeadPart> dead;
    for (int64_t r = 0; r < kDie.rows; ++r) dead.push_back({{r, col}, {r, col}, "x"});
    return LiveMesh::Make(kDie, dead);
  };
  ASSERT_TRUE(column(0).ok());
  EXPECT_EQ(column(0)->live_links(), 18 * 18 + 17 * 19);
  EXPECT_EQ(
      MessageOf(column(5)),
      "E0108: the 18 dead parts cut the 18x20 grid apart: from (0,0) live links reach "
      "90 of 342 live nodes, and not (0,6). List the smaller piece as dead too.");
}

// All distances by Floyd and Warshall, over links read off the neighbours.
std::vector<std::vector<int64_t>> AllHops(const LiveMesh& live) {
  const Mesh& grid = live.grid();
  const int64_t n = grid.nodes();
  std::vector<std::vector<int64_t>> hops(n, std::vector<int64_t>(n, 1000));
  for (int64_t i = 0; i < n; ++i) {
    if (!live.IsLive(NodeAt(i, grid))) continue;
    hops[i][i] = 0;
    for (const NodeCoord to : live.Neighbours(NodeAt(i, grid))) {
      hops[i][NodeIndex(to, grid)] = 1;
    }
  }
  for (int64_t k = 0; k < n; ++k) {
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t j = 0; j < n; ++j) {
        hops[i][j] = std::min(hops[i][j], hops[i][k] + hops[k][j]);
      }
    }
  }
  return hops;
}

TEST(LiveMesh, RoutesAreXyWhereThatIsLiveAndElseShortest) {
  Draw draw{std::mt19937_64(1)};
  const Mesh grid = {6, 7};
  int64_t detours = 0;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const auto live = RandomDeadNodes(grid, draw(0, 8), seed);
    ASSERT_TRUE(live.ok()) << live.status();
    const auto hops = AllHops(*live);
    for (const NodeCoord from : live->Nodes()) {
      for (const NodeCoord to : live->Nodes()) {
        const auto route = live->Route(from, to);
        ASSERT_EQ(route.front(), from);
        ASSERT_EQ(route.back(), to);
        bool xy_live = true;
        NodeCoord at = from;
        while (!(at == to) && xy_live) {
          (at.col != to.col ? at.col : at.row) += at.col != to.col
                                                      ? (at.col < to.col ? 1 : -1)
                                                      : (at.row < to.row ? 1 : -1);
          xy_live = live->IsLive(at);
        }
        for (size_t i = 1; i < route.size(); ++i) {
          ASSERT_THAT(live->Neighbours(route[i - 1]), testing::Contains(route[i]));
          if (xy_live && route[i - 1].col != to.col) {
            ASSERT_EQ(route[i].row, from.row);
          }
        }
        ASSERT_EQ(static_cast<int64_t>(route.size()) - 1,
                  hops[NodeIndex(from, grid)][NodeIndex(to, grid)]);
        detours += !xy_live;
      }
    }
  }
  EXPECT_GT(detours, 100) << "the maps must need detours";
}

TEST(LiveMesh, LinkBytesOfAWholeGridAreThoseOfXyRouting) {
  const Mesh grid = {4, 5};
  const LiveMesh live = *LiveMesh::Make(grid, {});
  LinkBytes ours(grid), xy(grid);
  Draw draw{std::mt19937_64(2)};
  for (int i = 0; i < 50; ++i) {
    const NodeCoord from = NodeAt(draw(0, 19), grid), to = NodeAt(draw(0, 19), grid);
    AddRoute(live, from, to, i, ours);
    xy.AddRoute(from, to, i);
  }
  EXPECT_EQ(ours, xy);
}

TEST(LiveMesh, ItsTextIsReadBack) {
  for (const int64_t dead : {0, 1, 6, 18}) {
    const LiveMesh live = *RandomDeadNodes(kDie, dead, 7);
    const auto read = ParseLiveMesh(live.ToString(), kDie.nodes(), "x");
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(read->ToString(), live.ToString());
  }
  const auto turned = ParseLiveMesh("5x6 minus (1,2)-(1,1),(0,0)", 30, "x");
  ASSERT_TRUE(turned.ok()) << turned.status();
  EXPECT_EQ(turned->ToString(), "5x6 minus (0,0),(1,1)-(1,2)");
  const std::string wrong =
      " is no grid ROWSxCOLS of at most 30 nodes. Write a map as 18x20 minus "
      "(3,7),(4,1)-(4,2).";
  for (const char* grid :
       {"5x7", "5", "", "99999999999x99999999999", "5x6minus(0,0)"}) {
    EXPECT_EQ(MessageOf(ParseLiveMesh(grid, 30, "line 1")),
              absl::StrCat("E0108: line 1: '", grid, "'", wrong));
  }
}

TEST(LiveMesh, ALongTextIsShortenedToAFewPartsAndItsHash) {
  const LiveMesh few = *ParseDeadList(kDie, "(3,7),(4,1)-(4,2)");
  EXPECT_EQ(few.ShortText(), few.ToString());
  const LiveMesh many = *ParseDeadList(
      kDie,
      "(3,7),(4,1)-(4,2),(5,1)-(5,2),(6,1)-(6,2),(7,1)-(7,2),(8,1)-(8,2),(9,1)-(9,2)");
  EXPECT_EQ(many.ShortText(),
            absl::StrFormat("18x20 minus (3,7),(4,1)-(4,2),(5,1)-(5,2),(6,1)-(6,2) and "
                            "3 more (map %016x)",
                            many.Hash()));
}

TEST(LiveMesh, DrawsAreOfTheirSeedAndRefuseWhatCannotBe) {
  EXPECT_EQ(RandomDeadNodes(kDie, 6, 3)->ToString(),
            RandomDeadNodes(kDie, 6, 3)->ToString());
  EXPECT_NE(RandomDeadNodes(kDie, 6, 3)->ToString(),
            RandomDeadNodes(kDie, 6, 4)->ToString());
  EXPECT_EQ(RandomDeadNodes(kDie, 18, 3)->live_nodes(), 342);
  EXPECT_EQ(MessageOf(RandomDeadNodes(kDie, 360, 3)),
            "E0101: cannot draw 360 dead nodes on a 18x20 grid: give 0 to 359.");
  // A row of a hundred nodes with fifty dead is all but surely in pieces.
  EXPECT_EQ(MessageOf(RandomDeadNodes({1, 100}, 50, 3)),
            "E0101: each of 100 draws of 50 dead nodes cut the 1x100 grid apart. Draw "
            "fewer, or list them.");
}

}  // namespace
}  // namespace tatami
