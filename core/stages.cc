#include "core/stages.h"

#include "absl/strings/str_cat.h"
#include "core/error.h"

namespace tatami {

NodeCoord StageGrid::Origin(int stage) const {
  NodeCoord at = NodeAt(stage, stages);
  if (at.row % 2 == 1) at.col = stages.cols - 1 - at.col;
  const Mesh one = stage_mesh();
  return {at.row * one.rows, at.col * one.cols};
}

int StageGrid::StageOf(NodeCoord node) const {
  const Mesh one = stage_mesh();
  NodeCoord at{node.row / one.rows, node.col / one.cols};
  if (at.row % 2 == 1) at.col = stages.cols - 1 - at.col;
  return static_cast<int>(NodeIndex(at, stages));
}

NodeCoord StageGrid::ToStage(NodeCoord node) const {
  const Mesh one = stage_mesh();
  return {node.row % one.rows, node.col % one.cols};
}

NodeCoord StageGrid::FromStage(int stage, NodeCoord within) const {
  const NodeCoord origin = Origin(stage);
  return {origin.row + within.row, origin.col + within.col};
}

absl::Status CheckStages(const StageGrid& grid) {
  if (grid.mesh.rows % grid.stages.rows == 0 &&
      grid.mesh.cols % grid.stages.cols == 0) {
    return absl::OkStatus();
  }
  // The nearest from below that divides.
  const auto fitting = [](int64_t side, int64_t parts) {
    parts = parts < side ? parts : side;
    while (side % parts != 0) --parts;
    return parts;
  };
  const Mesh near{fitting(grid.mesh.rows, grid.stages.rows),
                  fitting(grid.mesh.cols, grid.stages.cols)};
  return MakeError(
      ErrorCode::kMeshTooLarge,
      absl::StrCat("mesh ", grid.mesh.ToString(), " cannot be cut into ",
                   grid.stages.ToString(),
                   " equal rectangles, one for each stage. Use --stages ",
                   near.ToString(), ", or a --mesh whose rows ", grid.stages.rows,
                   " divides and whose columns ", grid.stages.cols, " divides."));
}

}  // namespace tatami
