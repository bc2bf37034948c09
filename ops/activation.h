// Activation functions by element, and their gradients as one fused pass each.
#pragma once

#include "core/graph.h"

namespace tatami {

Value Relu(GraphBuilder& g, Value x);  // slope 0 at 0
Value Sigmoid(GraphBuilder& g, Value x);
Value Tanh(GraphBuilder& g, Value x);
Value Silu(GraphBuilder& g, Value x);  // x sigmoid(x)
Value Gelu(GraphBuilder& g, Value x);  // x (1 + erf(x / sqrt 2)) / 2, not the tanh form

// The gradient by x, given the gradient `d` by the output. The first three read the
// output y, so that x need not be kept and the activation can be fused into its
// producer.
Value ReluGrad(GraphBuilder& g, Value y, Value d);
Value SigmoidGrad(GraphBuilder& g, Value y, Value d);
Value TanhGrad(GraphBuilder& g, Value y, Value d);
Value SiluGrad(GraphBuilder& g, Value x, Value d);
Value GeluGrad(GraphBuilder& g, Value x, Value d);

const OpDef& ReluOp();
const OpDef& SigmoidOp();
const OpDef& TanhOp();
const OpDef& SiluOp();
const OpDef& GeluOp();
const OpDef& ReluGradOp();
const OpDef& SigmoidGradOp();
const OpDef& TanhGradOp();
const OpDef& SiluGradOp();
const OpDef& GeluGradOp();

}  // namespace tatami
