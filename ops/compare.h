// Comparisons, with results 1 and 0 in the operands' type, and choice by element.
#pragma once

#include "core/graph.h"

namespace tatami {

Value Less(GraphBuilder& g, Value a, Value b);
Value Greater(GraphBuilder& g, Value a, Value b);
Value Equal(GraphBuilder& g, Value a, Value b);

// a where condition is not 0, else b. All three broadcast and have one element type.
Value Where(GraphBuilder& g, Value condition, Value a, Value b);

const OpDef& LessOp();
const OpDef& GreaterOp();
const OpDef& EqualOp();
const OpDef& WhereOp();

}  // namespace tatami
