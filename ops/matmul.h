// Batched matrix product.
#pragma once

#include "core/graph.h"

namespace tatami {

// C[..,m,n] = sum over k of A[..,m,k] B[..,k,n]. The leading dims must agree. With
// `transpose_a`, A is [..,k,m]; with `transpose_b`, B is [..,n,k].
struct MatmulOptions {
  int64_t transpose_a = 0, transpose_b = 0;
};
Value Matmul(GraphBuilder& g, Value a, Value b, MatmulOptions options = {});

const OpDef& MatmulOp();

}  // namespace tatami
