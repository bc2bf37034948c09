// Which nodes of a mesh are free, and where a rectangle of free nodes lies.
//
// Invariants, after each change: an integral image of the occupied nodes, so that any
// rectangle is counted by four loads, and for each number of rows the widest free
// rectangle, so that whether a shape fits at all is one comparison.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/sharding.h"
#include "tools/jobs/schedule/rectangle.h"

namespace tatami::jobs {

enum class Placement {
  kFirstFit,     // the first free rectangle, row by row
  kMostContact,  // the one that leaves the fewest free nodes along its sides
};

class FreeMap {
 public:
  explicit FreeMap(const Mesh& grid);

  // A node counts how often it was occupied, so that overlapping rectangles (a dead
  // node under a running job) can be released one by one. What lies outside the grid is
  // ignored. O(nodes of the grid), however many rectangles.
  void Occupy(const std::vector<Rectangle>& parts) { Change(parts, 1); }
  // REQUIRES: each part was occupied before.
  void Release(const std::vector<Rectangle>& parts) { Change(parts, -1); }

  const Mesh& grid() const { return grid_; }
  int64_t free_nodes() const { return grid_.nodes() - OccupiedIn(Whole()); }
  // False too where the rectangle leaves the grid.
  bool IsFree(const Rectangle& r) const;
  // Nodes beside the four sides that are occupied or outside the grid; at most
  // 2 (rows + cols). REQUIRES: within the grid.
  int64_t Contact(const Rectangle& r) const;

  // Whether a free rectangle of this shape or its rotation exists. O(1).
  bool Fits(const Mesh& shape) const;
  // A free rectangle of this shape or its rotation; of several equally good ones the
  // first by orientation (as asked first), row and column. O(nodes of the grid).
  std::optional<Rectangle> Place(const Mesh& shape, Placement placement) const;
  // The free rectangle with the most nodes up to `nodes_max`, the squarest of several;
  // 0x0 where no node is free.
  Mesh Largest(int64_t nodes_max) const;

 private:
  Rectangle Whole() const { return {0, 0, grid_.rows, grid_.cols}; }
  void Change(const std::vector<Rectangle>& parts, int16_t by);
  void BuildImage();
  void BuildWidest();
  // Clipped to the grid and one node of border around it, which counts as occupied.
  int64_t OccupiedIn(const Rectangle& r) const;

  Mesh grid_;
  std::vector<int16_t> times_occupied_;
  std::vector<int32_t> image_;   // of the grid and a border of one node around it
  std::vector<int64_t> widest_;  // by number of rows; [0] is not used
};

}  // namespace tatami::jobs
