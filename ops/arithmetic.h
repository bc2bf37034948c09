// Arithmetic by element. Operands broadcast from the right as in NumPy and have one
// element type; the gradient by a broadcast operand is summed back to its shape.
#pragma once

#include "core/graph.h"

namespace tatami {

Value Add(GraphBuilder& g, Value a, Value b);
Value Sub(GraphBuilder& g, Value a, Value b);
Value Mul(GraphBuilder& g, Value a, Value b);
Value Div(GraphBuilder& g, Value a, Value b);
// The gradient of equal operands goes to `a`.
Value Maximum(GraphBuilder& g, Value a, Value b);
Value Minimum(GraphBuilder& g, Value a, Value b);

Value Neg(GraphBuilder& g, Value x);
Value Abs(GraphBuilder& g, Value x);  // slope 0 at 0
Value Square(GraphBuilder& g, Value x);
Value Sqrt(GraphBuilder& g, Value x);
Value Rsqrt(GraphBuilder& g, Value x);  // 1 / sqrt(x)
Value Exp(GraphBuilder& g, Value x);
Value Log(GraphBuilder& g, Value x);
Value Pow(GraphBuilder& g, Value x, double exponent);
Value Affine(GraphBuilder& g, Value x, double scale, double shift);  // scale*x + shift
Value Clamp(GraphBuilder& g, Value x, double lo, double hi);         // slope 0 outside

const OpDef& AddOp();
const OpDef& SubOp();
const OpDef& MulOp();
const OpDef& DivOp();
const OpDef& MaximumOp();
const OpDef& MinimumOp();
const OpDef& NegOp();
const OpDef& AbsOp();
const OpDef& AbsGradOp();
const OpDef& SquareOp();
const OpDef& SqrtOp();
const OpDef& RsqrtOp();
const OpDef& ExpOp();
const OpDef& LogOp();
const OpDef& PowOp();
const OpDef& AffineOp();
const OpDef& ClampOp();
const OpDef& ClampGradOp();

}  // namespace tatami
