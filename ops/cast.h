// Change of element type.
#pragma once

#include "core/graph.h"

namespace tatami {

// To bf16: nearest, ties to even. To i32: towards 0. x itself when it has the type.
Value Cast(GraphBuilder& g, Value x, DType dtype);

const OpDef& CastOp();

}  // namespace tatami
