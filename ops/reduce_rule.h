// Shapes, rules and walks that reductions and spread share.
//
// Attributes: dims, the reduced dims in rising order; keep, those of them that stay in
// the reduced tensor with size 1.
#pragma once

#include <vector>

#include "core/op_def.h"

namespace tatami::reduce {

// Which dims of the full tensor are reduced or kept with size 1.
struct Axes {
  std::vector<bool> reduced, kept;
};
// E0107 unless dims rise within [0, rank) and keep is a part of them.
absl::StatusOr<Axes> ReadAxes(const Attrs& attrs, int rank);
Dims ReducedDims(const Dims& full, const Axes& axes);

// Where element `full` of the full tensor lands in the reduced one.
Dims ReducedIndex(absl::Span<const int64_t> full, const Axes& axes);

// The full box as a loop nest: runs of neighbouring dims that are all reduced or all
// kept are one dim, dims of one element are dropped. `reduced` strides are 0.
struct Nest {
  struct Dim {
    int64_t extent, full_stride, reduced_stride;
  };
  std::vector<Dim> dims;
};
Nest MakeNest(const Dims& full_extents, const Axes& axes);

// Calls visit(full_offset, reduced_offset) for every point of the first `count` dims,
// in row-major order.
template <typename Visit>
void ForEachOuter(const Nest& nest, size_t count, Visit visit) {
  std::vector<int64_t> index(count, 0);
  int64_t full = 0, reduced = 0;
  while (true) {
    visit(full, reduced);
    int d = static_cast<int>(count) - 1;
    for (; d >= 0; --d) {
      const Nest::Dim& dim = nest.dims[d];
      full += dim.full_stride;
      reduced += dim.reduced_stride;
      if (++index[d] < dim.extent) break;
      full -= index[d] * dim.full_stride;
      reduced -= index[d] * dim.reduced_stride;
      index[d] = 0;
    }
    if (d < 0) return;
  }
}

}  // namespace tatami::reduce
