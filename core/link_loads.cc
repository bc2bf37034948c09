#include "core/link_loads.h"

namespace tatami {

LinkBytes LinkLoads::Sum() const {
  LinkBytes links = passing_;
  const Mesh& size = block_.size;
  const int64_t width = size.cols * 4;
  const int64_t* changes = changes_.raw().data();
  int64_t* out = links.raw().data();
  for (int64_t r = 0; r < size.rows; ++r) {
    int64_t east = 0, west = 0;
    for (int64_t i = r * width; i < (r + 1) * width; i += 4) {
      out[i + LinkBytes::kEast] += east += changes[i + LinkBytes::kEast];
    }
    for (int64_t i = (r + 1) * width - 4; i >= r * width; i -= 4) {
      out[i + LinkBytes::kWest] += west += changes[i + LinkBytes::kWest];
    }
  }
  // Row by row, so that memory is walked in order.
  std::vector<int64_t> along(size.cols, 0);
  for (int64_t r = 0; r < size.rows; ++r) {
    for (int64_t c = 0, i = r * width + LinkBytes::kSouth; c < size.cols; ++c, i += 4) {
      out[i] += along[c] += changes[i];
    }
  }
  along.assign(size.cols, 0);
  for (int64_t r = size.rows - 1; r >= 0; --r) {
    for (int64_t c = 0, i = r * width + LinkBytes::kNorth; c < size.cols; ++c, i += 4) {
      out[i] += along[c] += changes[i];
    }
  }
  return links;
}

}  // namespace tatami
