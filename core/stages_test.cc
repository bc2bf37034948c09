#include "core/stages.h"

#include <cstdlib>
#include <set>

#include "core/error.h"
#include "gtest/gtest.h"

namespace tatami {
namespace {

constexpr StageGrid kGrids[] = {{{4, 6}, {1, 1}}, {{4, 6}, {2, 1}}, {{4, 6}, {1, 3}},
                                {{4, 6}, {2, 3}}, {{6, 6}, {3, 2}}, {{3, 5}, {3, 5}}};

TEST(StageGrid, EachNodeIsOfOneStageAndOfOnePlaceInIt) {
  for (const StageGrid& grid : kGrids) {
    std::set<std::pair<int, int64_t>> places;
    for (int64_t n = 0; n < grid.mesh.nodes(); ++n) {
      const NodeCoord node = NodeAt(n, grid.mesh);
      const int stage = grid.StageOf(node);
      const int64_t place = NodeIndex(grid.ToStage(node), grid.stage_mesh());
      EXPECT_EQ(grid.FromStage(stage, grid.ToStage(node)), node);
      EXPECT_TRUE(places.emplace(stage, place).second);
      EXPECT_LT(stage, grid.count());
      EXPECT_LT(place, grid.stage_mesh().nodes());
    }
  }
}

TEST(StageGrid, EachStageTouchesTheNext) {
  for (const StageGrid& grid : kGrids) {
    for (int stage = 0; stage + 1 < grid.count(); ++stage) {
      const NodeCoord a = grid.Origin(stage), b = grid.Origin(stage + 1);
      const Mesh one = grid.stage_mesh();
      EXPECT_EQ(std::abs(a.row - b.row) / one.rows + std::abs(a.col - b.col) / one.cols,
                1)
          << grid.mesh.ToString() << " stages " << grid.stages.ToString();
    }
  }
}

TEST(CheckStages, NamesWhatDivides) {
  EXPECT_TRUE(CheckStages({{4, 6}, {2, 3}}).ok());
  const absl::Status refused = CheckStages({{8, 9}, {3, 2}});
  EXPECT_EQ(GetErrorCode(refused), ErrorCode::kMeshTooLarge);
  EXPECT_EQ(
      refused.message(),
      "E0105: mesh 8x9 cannot be cut into 3x2 equal rectangles, one for each "
      "stage. Use --stages 2x1, or a --mesh whose rows 3 divides and whose columns "
      "2 divides.");
  EXPECT_FALSE(CheckStages({{2, 2}, {4, 1}}).ok());
}

}  // namespace
}  // namespace tatami
