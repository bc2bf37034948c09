#include "tools/jobs/schedule/free_map.h"

#include <algorithm>

namespace tatami::jobs {
namespace {

// Corners of the integral image along one side: the grid, two border nodes and one.
int64_t Corners(int64_t side) { return side + 3; }

}  // namespace

FreeMap::FreeMap(const Mesh& grid)
    : grid_(grid), times_occupied_(static_cast<size_t>(grid.nodes()), 0) {
  BuildImage();
  BuildWidest();
}

void FreeMap::Change(const std::vector<Rectangle>& parts, int16_t by) {
  if (parts.empty()) return;
  for (const Rectangle& r : parts) {
    const int64_t last_row = std::min(r.row + r.rows, grid_.rows);
    const int64_t last_col = std::min(r.col + r.cols, grid_.cols);
    for (int64_t y = std::max<int64_t>(r.row, 0); y < last_row; ++y) {
      for (int64_t x = std::max<int64_t>(r.col, 0); x < last_col; ++x) {
        times_occupied_[y * grid_.cols + x] += by;
      }
    }
  }
  BuildImage();
  BuildWidest();
}

void FreeMap::BuildImage() {
  const int64_t width = Corners(grid_.cols);
  image_.assign(static_cast<size_t>(Corners(grid_.rows) * width), 0);
  for (int64_t y = 0; y < grid_.rows + 2; ++y) {
    int32_t row_sum = 0;
    for (int64_t x = 0; x < grid_.cols + 2; ++x) {
      const bool border = y == 0 || x == 0 || y > grid_.rows || x > grid_.cols;
      const bool occupied = border || times_occupied_[(y - 1) * grid_.cols + x - 1] > 0;
      row_sum += occupied ? 1 : 0;
      image_[(y + 1) * width + x + 1] = image_[y * width + x + 1] + row_sum;
    }
  }
}

// For each lower edge, the heights of free columns above it; a stack of rising heights
// yields each maximal rectangle once.
void FreeMap::BuildWidest() {
  widest_.assign(static_cast<size_t>(grid_.rows + 1), 0);
  std::vector<int64_t> height(static_cast<size_t>(grid_.cols + 1), 0);
  struct Open {
    int64_t col, height;
  };
  std::vector<Open> open;
  for (int64_t y = 0; y < grid_.rows; ++y) {
    open.clear();
    for (int64_t x = 0; x <= grid_.cols; ++x) {
      if (x < grid_.cols) {
        const bool taken = times_occupied_[y * grid_.cols + x] > 0;
        height[x] = taken ? 0 : height[x] + 1;
      }
      int64_t from = x;
      while (!open.empty() && open.back().height >= height[x]) {
        from = open.back().col;
        int64_t& widest = widest_[open.back().height];
        widest = std::max(widest, x - from);
        open.pop_back();
      }
      open.push_back({from, height[x]});
    }
  }
  for (int64_t rows = grid_.rows - 1; rows >= 1; --rows) {
    widest_[rows] = std::max(widest_[rows], widest_[rows + 1]);
  }
}

int64_t FreeMap::OccupiedIn(const Rectangle& r) const {
  const int64_t width = Corners(grid_.cols);
  const int64_t top = (r.row + 1) * width, bottom = top + r.rows * width;
  const int64_t left = r.col + 1, right = left + r.cols;
  return image_[bottom + right] - image_[top + right] - image_[bottom + left] +
         image_[top + left];
}

bool FreeMap::IsFree(const Rectangle& r) const {
  return r.row >= 0 && r.col >= 0 && r.rows >= 1 && r.cols >= 1 &&
         r.row + r.rows <= grid_.rows && r.col + r.cols <= grid_.cols &&
         OccupiedIn(r) == 0;
}

int64_t FreeMap::Contact(const Rectangle& r) const {
  return OccupiedIn({r.row - 1, r.col, 1, r.cols}) +
         OccupiedIn({r.row + r.rows, r.col, 1, r.cols}) +
         OccupiedIn({r.row, r.col - 1, r.rows, 1}) +
         OccupiedIn({r.row, r.col + r.cols, r.rows, 1});
}

bool FreeMap::Fits(const Mesh& shape) const {
  const auto fits = [this](int64_t rows, int64_t cols) {
    return rows >= 1 && cols >= 1 && rows <= grid_.rows && cols <= widest_[rows];
  };
  return fits(shape.rows, shape.cols) || fits(shape.cols, shape.rows);
}

std::optional<Rectangle> FreeMap::Place(const Mesh& shape, Placement placement) const {
  if (!Fits(shape)) return std::nullopt;
  std::optional<Rectangle> best;
  int64_t best_contact = -1;
  const Mesh rotated = {shape.cols, shape.rows};
  for (const Mesh& turn : {shape, rotated}) {
    Rectangle r = {0, 0, turn.rows, turn.cols};
    for (r.row = 0; r.row + r.rows <= grid_.rows; ++r.row) {
      for (r.col = 0; r.col + r.cols <= grid_.cols; ++r.col) {
        if (OccupiedIn(r) != 0) continue;
        if (placement == Placement::kFirstFit) return r;
        const int64_t contact = Contact(r);
        if (contact <= best_contact) continue;
        best = r;
        best_contact = contact;
      }
    }
    if (shape.rows == shape.cols) break;
  }
  return best;
}

Mesh FreeMap::Largest(int64_t nodes_max) const {
  Mesh best = {0, 0};
  for (int64_t rows = 1; rows <= grid_.rows && rows <= nodes_max; ++rows) {
    const Mesh shape = {rows, std::min(widest_[rows], nodes_max / rows)};
    const bool squarer =
        std::min(shape.rows, shape.cols) > std::min(best.rows, best.cols);
    if (shape.nodes() > best.nodes() || (shape.nodes() == best.nodes() && squarer)) {
      best = shape;
    }
  }
  return best.nodes() == 0 ? Mesh{0, 0} : best;
}

}  // namespace tatami::jobs
