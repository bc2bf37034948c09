// Reshape: the same elements in the same row-major order under other dims.
#pragma once

#include "core/graph.h"

namespace tatami {

// `dims` must hold as many elements as x; any element type. Dims of input and output
// are matched into groups of equal products; the leading dim of each group can be cut.
// Errors: E0107.
Value Reshape(GraphBuilder& g, Value x, Dims dims);

const OpDef& ReshapeOp();

}  // namespace tatami
