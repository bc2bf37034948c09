// Gradient accumulation: the pass over one micro-batch, repeated for all of a step.
//
// A step's batch is cut into equal parts along dim 0 of the inputs that count samples.
// The forward and backward passes of the parts stand one after the other in one graph,
// so activations need memory for one part only; states are shared. Nothing is a loop:
// the Program stays a line of supersteps.
#pragma once

#include <vector>

#include "core/graph.h"

namespace tatami {

// Before:  `one` is a valid graph, the pass over one of `count` micro-batches: inputs
//          that count samples have the size of a part. `gradients` are values of it.
// After:   g, which was empty, holds the pass `count` times. Calls of part i are named
//          "mb<i>.NAME" and carry i; `gradients` are values of g, each the sum over
//          all parts, added up in ascending order as soon as a part's is made, so that
//          one accumulator of each lives. A scalar output is the mean over the parts.
//          A state that the pass updates hands its next value from part to part; the
//          last is the step's. Random ops draw what they would draw for these samples
//          of the whole batch.
// Keeps:   names and order of states and of inputs that are fed whole.
// Errors:  E0107 for an output that is no scalar: no one could hold all parts of it.
//          They stick in g.
// Cost:    O(count * calls); a call for each part but the first of each gradient.
void RepeatForMicroBatches(const Graph& one, int64_t count,
                           std::vector<Value>& gradients, GraphBuilder& g);

}  // namespace tatami
