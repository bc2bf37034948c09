// Constant tensors.
#pragma once

#include "core/graph.h"

namespace tatami {

// A tensor of `type` with every element `value`, rounded to the element type.
Value Fill(GraphBuilder& g, const TensorType& type, double value);

const OpDef& FillOp();

}  // namespace tatami
