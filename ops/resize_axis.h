// Resizing along one dim as a sparse linear map: which input elements an output element
// reads, with which weights. The adjoint is the transposed map. Arithmetic is exact in
// integers up to the last division, so every cut sees equal weights.
#pragma once

#include <cstdint>

#include "absl/container/inlined_vector.h"
#include "core/index_rule.h"

namespace tatami {

enum class ResizeMethod : uint8_t { kNearest, kBilinear };
enum class ResizeDirection : uint8_t { kForward, kAdjoint };

struct Tap {
  int64_t index;  // of the element read
  double weight;  // in (0, 1]
};
using Taps = absl::InlinedVector<Tap, 4>;

// Resizing `in` elements to `out`; both above 0.
struct ResizeAxis {
  ResizeMethod method = ResizeMethod::kNearest;
  ResizeDirection direction = ResizeDirection::kForward;
  int64_t in = 1, out = 1;

  // What element `target` of the result reads, by ascending index. The result has `out`
  // elements forward and `in` elements in the adjoint. Adjoint cost: the taps tried.
  Taps TapsOf(int64_t target) const;
  // From an interval of the result to the interval its taps lie in (or a superset).
  IndexMap Map() const;
};

}  // namespace tatami
