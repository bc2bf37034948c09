// Two small ops for the unit tests of core, which does not see ops/.
#pragma once

#include "core/op_def.h"

namespace tatami {

// C[m,n] from A[m,k] and B[k,n]; k is a reduction that may be cut. One optional-free
// attribute: scale f64.
const OpDef& ToyMatmulOp();
// By element, f32 only; dim 0 may not be cut.
const OpDef& ToyRowsOp();

}  // namespace tatami
