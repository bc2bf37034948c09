// Concat: tensors laid end to end along one dim.
#pragma once

#include <vector>

#include "core/graph.h"

namespace tatami {

// The operands agree in element type and in every dim but `dim` (negative counts from
// the end). Any element type, every dim can be cut: a part reads an empty box of the
// operands that lie elsewhere. Errors: E0107.
Value Concat(GraphBuilder& g, std::vector<Value> values, int dim);

const OpDef& ConcatOp();

}  // namespace tatami
