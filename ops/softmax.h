// Softmax and its logarithm over the last dim, which cannot be cut.
#pragma once

#include "core/graph.h"

namespace tatami {

// y = exp(x) / sum of exp(x) along the last dim, of any finite x; -inf gives 0 as long
// as a row has a finite element. x has rank >= 2. Errors: E0107.
Value Softmax(GraphBuilder& g, Value x);
// y = x - log(sum of exp(x)).
Value LogSoftmax(GraphBuilder& g, Value x);

// The gradients, from the outputs: y (dy - sum(y dy)) and dy - exp(y) sum(dy).
Value SoftmaxGrad(GraphBuilder& g, Value y, Value dy);
Value LogSoftmaxGrad(GraphBuilder& g, Value y, Value dy);

const OpDef& SoftmaxOp();
const OpDef& LogSoftmaxOp();
const OpDef& SoftmaxGradOp();
const OpDef& LogSoftmaxGradOp();

}  // namespace tatami
