// Gather: rows of a table by index, as an embedding does, and its adjoint.
#pragma once

#include "core/graph.h"

namespace tatami {

// out[i.., d..] = table[index[i..], d..] for table [V, D..] and i32 index [I..]. An
// index outside [0, V) makes NaN (0 in an i32 table), which the trainer's check for
// finite losses then reports. A node needs all rows of the table; I and D can be cut.
// Errors: E0107.
Value Gather(GraphBuilder& g, Value table, Value index);

// The gradient of Gather by its table: out[r, d..] is the sum of d_out[i.., d..] over
// the positions i.. with index[i..] = r, in row-major order of the positions; [rows,
// D..]. An index outside [0, rows) adds nowhere. D can be cut; I is a reduction that
// can be cut. Errors: E0107.
Value GatherGrad(GraphBuilder& g, Value index, Value d_out, int64_t rows);

const OpDef& GatherOp();
const OpDef& GatherGradOp();

}  // namespace tatami
