// Layer normalisation over the last dim, which cannot be cut.
#pragma once

#include "core/graph.h"

namespace tatami {

// y = (x - mean) / sqrt(variance + epsilon) * gamma + beta, with the mean and biased
// variance of each row x[..,:]; gamma and beta are f32 [D] whatever x is stored in. x
// has rank >= 2. Errors: E0107.
Value LayerNorm(GraphBuilder& g, Value x, Value gamma, Value beta, double epsilon);

// dx from x, gamma and dy, in one pass that recomputes the statistics.
Value LayerNormInputGrad(GraphBuilder& g, Value x, Value gamma, Value dy,
                         double epsilon);
// f32 [2,D]: the sums over all rows of dy, which is dbeta, and of dy * xhat, dgamma.
Value LayerNormParamGrads(GraphBuilder& g, Value x, Value dy, double epsilon);

const OpDef& LayerNormOp();
const OpDef& LayerNormInputGradOp();
const OpDef& LayerNormParamGradsOp();

}  // namespace tatami
