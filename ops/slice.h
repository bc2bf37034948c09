// Slice: a box of a tensor, with an optional step per dim.
#pragma once

#include <vector>

#include "core/graph.h"

namespace tatami {

// out[i] = x[begin + step * i] for 0 <= i < size, one entry of each list per dim; an
// empty `step` is 1 everywhere. Any element type, every dim can be cut.
// Errors: E0107 when an index leaves x.
Value Slice(GraphBuilder& g, Value x, std::vector<int64_t> begin,
            std::vector<int64_t> size, std::vector<int64_t> step = {});

const OpDef& SliceOp();

}  // namespace tatami
