// Pipeline stages: a mesh cut into equal rectangles, each of which has calls of its
// own.
//
// A tensor lies on the nodes of one stage. Its placement is written in the coordinates
// of that rectangle, so all that follows from a placement alone stays as it is for a
// mesh of this size; StageGrid says where on the whole mesh that is.
#pragma once

#include "absl/status/status.h"
#include "core/sharding.h"

namespace tatami {

struct StageGrid {
  Mesh mesh;
  Mesh stages;  // rows and columns of rectangles

  int count() const { return static_cast<int>(stages.nodes()); }
  // The nodes of one stage, as a mesh.
  Mesh stage_mesh() const { return {mesh.rows / stages.rows, mesh.cols / stages.cols}; }
  // Stages are counted to and fro, row by row of rectangles, so that each touches the
  // next: 0 1 2 / 5 4 3 / 6 7 8.
  NodeCoord Origin(int stage) const;
  int StageOf(NodeCoord node) const;
  // From coordinates on the mesh to those within the node's stage, and back.
  NodeCoord ToStage(NodeCoord node) const;
  NodeCoord FromStage(int stage, NodeCoord within) const;
};

// E0105 when the mesh cannot be cut into so many equal rectangles.
absl::Status CheckStages(const StageGrid& grid);

}  // namespace tatami
