// Dropout with a mask that depends on seed, stream, step and logical position alone.
#pragma once

#include "core/graph.h"

namespace tatami {

// Each element is kept with probability 1 - p and scaled by 1 / (1 - p), else zeroed.
// The mask is drawn anew for each step. Give each use its own `stream`
// (StreamOf(name)).
struct DropoutOptions {
  double probability = 0.5;  // p, in [0, 1)
  int64_t seed = 0;
  int64_t stream = 0;
};

// `step` is an f32 scalar that holds a whole number (exact up to 2^24). Element e of x,
// counted row-major over the whole tensor, is kept where
// RandomUniform(seed, stream ^ mix(step), e) >= p: every cut of x draws the same mask,
// and the backward pass draws it again instead of storing it. Micro-batches draw the
// mask of the whole batch where dim 0 of x counts its samples. Errors: E0107.
Value Dropout(GraphBuilder& g, Value x, Value step, DropoutOptions options);

const OpDef& DropoutOp();

}  // namespace tatami
