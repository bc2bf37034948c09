// Free rectangles found by trying every one and counting node by node.
#pragma once

#include <cstdint>
#include <vector>

#include "tools/jobs/schedule/rectangle.h"

namespace tatami::jobs {

// What FreeMap answers, from a list of rectangles alone.
struct NaiveMap {
  Mesh grid;
  std::vector<Rectangle> taken;

  bool IsTaken(int64_t row, int64_t col) const {
    if (row < 0 || col < 0 || row >= grid.rows || col >= grid.cols) return true;
    for (const Rectangle& r : taken) {
      if (r.Contains({row, col})) return true;
    }
    return false;
  }
  int64_t Taken(const Rectangle& r) const {
    int64_t count = 0;
    for (int64_t y = r.row; y < r.row + r.rows; ++y) {
      for (int64_t x = r.col; x < r.col + r.cols; ++x) count += IsTaken(y, x) ? 1 : 0;
    }
    return count;
  }
  int64_t Contact(const Rectangle& r) const {
    return Taken({r.row - 1, r.col, 1, r.cols}) +
           Taken({r.row + r.rows, r.col, 1, r.cols}) +
           Taken({r.row, r.col - 1, r.rows, 1}) +
           Taken({r.row, r.col + r.cols, r.rows, 1});
  }
  // All free rectangles of the shape and its rotation.
  std::vector<Rectangle> Free(const Mesh& shape) const {
    std::vector<Rectangle> all;
    for (const Mesh& s : {shape, Mesh{shape.cols, shape.rows}}) {
      for (int64_t row = 0; row < grid.rows; ++row) {
        for (int64_t col = 0; col < grid.cols; ++col) {
          const Rectangle r = {row, col, s.rows, s.cols};
          if (Taken(r) == 0) all.push_back(r);
        }
      }
    }
    return all;
  }
};

}  // namespace tatami::jobs
