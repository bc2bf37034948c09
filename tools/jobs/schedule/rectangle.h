// A rectangle of the machine's mesh, as jobs are given it.
#pragma once

#include <cstdint>
#include <string>

#include "core/sharding.h"

namespace tatami::jobs {

// Rows [row, row + rows) and columns [col, col + cols).
struct Rectangle {
  int64_t row = 0, col = 0, rows = 0, cols = 0;

  int64_t nodes() const { return rows * cols; }
  Mesh shape() const { return {rows, cols}; }
  bool Contains(NodeCoord n) const {
    return n.row >= row && n.row < row + rows && n.col >= col && n.col < col + cols;
  }
  bool Overlaps(const Rectangle& o) const {
    return row < o.row + o.rows && o.row < row + rows && col < o.col + o.cols &&
           o.col < col + cols;
  }
  std::string ToString() const;  // "4x8 at (0,8)"
  friend bool operator==(const Rectangle&, const Rectangle&) = default;
};

}  // namespace tatami::jobs
