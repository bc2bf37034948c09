// Transpose: a permutation of dims.
#pragma once

#include <vector>

#include "core/graph.h"

namespace tatami {

// Output dim d is input dim perm[d]; any element type, every dim can be cut.
// Errors: E0107 unless perm is a permutation of the dims of x.
Value Transpose(GraphBuilder& g, Value x, std::vector<int64_t> perm);

const OpDef& TransposeOp();

}  // namespace tatami
