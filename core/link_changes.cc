#include "core/link_changes.h"

namespace tatami {

void LinkChanges::SumInto(LinkBytes& links) const {
  const auto sum_line = [&](NodeCoord at, int64_t row_step, int64_t col_step,
                            int64_t count, LinkBytes::Direction direction) {
    int64_t passing = 0;
    for (; count > 0; --count, at.row += row_step, at.col += col_step) {
      const int64_t i = NodeIndex(at, mesh_) * 4 + direction;
      links.raw()[i] += passing += changes_.raw()[i];
    }
  };
  for (int64_t r = 0; r < mesh_.rows; ++r) {
    sum_line({r, 0}, 0, 1, mesh_.cols, LinkBytes::kEast);
    sum_line({r, mesh_.cols - 1}, 0, -1, mesh_.cols, LinkBytes::kWest);
  }
  for (int64_t c = 0; c < mesh_.cols; ++c) {
    sum_line({0, c}, 1, 0, mesh_.rows, LinkBytes::kSouth);
    sum_line({mesh_.rows - 1, c}, -1, 0, mesh_.rows, LinkBytes::kNorth);
  }
}

}  // namespace tatami
