// Batch normalisation over all but the last dim of channels-last activations. The
// statistics are those of the whole batch, however the tensors are cut. Statistics,
// gamma, beta and the gradients by them are f32 whatever x is stored in.
#pragma once

#include "core/graph.h"

namespace tatami {

struct BatchNormResult {
  Value y;               // like x
  Value mean, variance;  // f32 [C]: of x, biased; for running statistics
};
// y = (x - mean) / sqrt(variance + epsilon) * gamma + beta with the statistics of x;
// gamma and beta are [C]. The gradient by x accounts for the statistics being x's own.
// The running variance of PyTorch is variance * count / (count - 1). Errors: E0107.
BatchNormResult BatchNorm(GraphBuilder& g, Value x, Value gamma, Value beta,
                          double epsilon);

// The same with given statistics [C], which the gradient by x takes for constants.
Value BatchNormInference(GraphBuilder& g, Value x, Value mean, Value variance,
                         Value gamma, Value beta, double epsilon);

// mean[c] of x[..,c], and the mean of (x - mean)^2.
Value ChannelMean(GraphBuilder& g, Value x);
Value ChannelVariance(GraphBuilder& g, Value x, Value mean);

// [2,C]: the sums over all but the last dim of dy, and of dy * xhat with
// xhat = (x - mean) / sqrt(variance + epsilon).
Value BatchNormGradSums(GraphBuilder& g, Value x, Value mean, Value variance, Value dy,
                        double epsilon);
// dx = gamma / sqrt(variance + epsilon) * (dy - (sums[0] + xhat * sums[1]) / count),
// where count is the number of positions of x.
Value BatchNormInputGrad(GraphBuilder& g, Value x, Value mean, Value variance,
                         Value gamma, Value sums, Value dy, double epsilon);

const OpDef& ChannelMeanOp();
const OpDef& ChannelVarianceOp();
const OpDef& BatchNormOp();
const OpDef& BatchNormGradSumsOp();
const OpDef& BatchNormInputGradOp();

}  // namespace tatami
