// Losses: each returns a scalar f32 [] that is a mean over elements or rows.
//
// A mask holds 0 or 1 in the operands' type and broadcasts against them from the right
// (as [N,T,H,W,1] against [N,T,H,W,3]); the mean is over the elements it selects, and 0
// when it selects none.
#pragma once

#include "core/graph.h"
#include "ops/cross_entropy.h"

namespace tatami {

Value MseLoss(GraphBuilder& g, Value prediction, Value target);
Value MaskedMseLoss(GraphBuilder& g, Value prediction, Value target, Value mask);

// With e = prediction - target: e^2 / (2 beta) where |e| < beta, else |e| - beta / 2.
// REQUIRES: beta > 0.
Value SmoothL1Loss(GraphBuilder& g, Value prediction, Value target, double beta);
Value MaskedSmoothL1Loss(GraphBuilder& g, Value prediction, Value target, Value mask,
                         double beta);

// Binary cross entropy of sigmoid(logits) with targets in [0, 1]. Safe for any logits.
Value BceWithLogitsLoss(GraphBuilder& g, Value logits, Value target);
Value MaskedBceWithLogitsLoss(GraphBuilder& g, Value logits, Value target, Value mask);

// The mean of CrossEntropyRows over the rows that are not ignored; 0 when all are.
Value SoftmaxCrossEntropyLoss(GraphBuilder& g, Value logits, Value labels,
                              CrossEntropyOptions options = {});

// The mean of x over all its elements, or over those that the mask selects.
Value MeanAll(GraphBuilder& g, Value x);
Value MaskedMean(GraphBuilder& g, Value x, Value mask);

const OpDef& SmoothL1Op();
const OpDef& BceWithLogitsOp();
const OpDef& BceWithLogitsGradOp();

}  // namespace tatami
