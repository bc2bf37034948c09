// Pad: a constant border, and optionally constants between the elements.
#pragma once

#include <vector>

#include "core/graph.h"

namespace tatami {

// out[lo + step * i] = x[i], `value` everywhere else; the size of a dim of n elements
// is lo + (n - 1) * step + 1 + hi. One entry of each list per dim; an empty `step` is 1
// everywhere. Any element type, every dim can be cut. With value 0 this is the adjoint
// of Slice. Errors: E0107.
Value Pad(GraphBuilder& g, Value x, std::vector<int64_t> lo, std::vector<int64_t> hi,
          double value, std::vector<int64_t> step = {});

const OpDef& PadOp();

}  // namespace tatami
