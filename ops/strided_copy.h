// Copies between two strided regions of elements: what slice, pad and transpose do.
// Knows nothing of element types, only of their size.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/box.h"

namespace tatami {

// For every index i of `extents`: to[i . to_strides] = from[i . from_strides]. Strides
// count elements of `element_bytes` bytes (2 or 4). The regions must not overlap. A
// zero extent copies nothing; rank 0 copies one element.
struct StridedCopy {
  Dims extents, from_strides, to_strides;
  int64_t element_bytes = 4;
};
void RunStridedCopy(const StridedCopy& copy, const std::byte* from, std::byte* to);

// Element strides of a dense row-major buffer that holds `box`.
Dims RowMajorStrides(const Box& box);

}  // namespace tatami
