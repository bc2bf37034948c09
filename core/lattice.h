// Sets of nodes that an exchange keeps apart.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/algorithm/container.h"
#include "core/link_loads.h"
#include "core/sharding.h"

namespace tatami {

// The nodes that differ from one another in some digits alone, as offsets from the one
// whose digits are zero: each row offset with each column offset.
struct Lattice {
  AxisList digits;
  std::vector<int64_t> rows, cols;  // ascending

  Lattice(AxisList varying, const Mesh& mesh) : digits(std::move(varying)) {
    AxisList along[2];
    for (const AxisRef& ref : digits) along[static_cast<int>(ref.axis)].push_back(ref);
    for (int64_t t = 0; t < Parts(along[0]); ++t) {
      rows.push_back(WithPart(along[0], t, {0, 0}, mesh).row);
    }
    for (int64_t t = 0; t < Parts(along[1]); ++t) {
      cols.push_back(WithPart(along[1], t, {0, 0}, mesh).col);
    }
    absl::c_sort(rows);
    absl::c_sort(cols);
  }
  // Calls visit(node) for the node of each such set of the block whose digits are zero.
  template <typename Visit>
  void ForEachOrigin(const MeshBlock& block, const Mesh& mesh,
                     const Visit& visit) const {
    // A digit is of one axis, so rows and columns are apart.
    std::vector<int64_t> origins;
    for (int64_t c = block.first.col; c < block.col_end(); ++c) {
      if (PartOf(digits, {0, c}, mesh) == 0) origins.push_back(c);
    }
    for (int64_t r = block.first.row; r < block.row_end(); ++r) {
      if (PartOf(digits, {r, 0}, mesh) != 0) continue;
      for (const int64_t c : origins) visit({r, c});
    }
  }
};

}  // namespace tatami
