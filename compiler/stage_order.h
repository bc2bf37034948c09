// The order in which the calls of a step pass through pipeline stages.
//
// Micro-batches flow through the stages one behind the other, forward and backward by
// turns (1F1B): of S stages, stage s begins with S - s forward passes and then makes a
// backward pass for each further one, so that it keeps the activations of at most S - s
// micro-batches, however many a step has. With all times equal, pass after pass:
//   stage 0   F0 F1 F2 B0 .. F3 B1 .. B2 .. B3       (S = 3; .. is a wait)
// A step of M micro-batches takes M + S - 1 times as long as one in a stage, forward
// and backward, of which a stage waits S - 1: the bubble.
//
// Source: Narayanan et al., PipeDream: Generalized Pipeline Parallelism for DNN
// Training (2019), section 3.2; with one update a step, as in Memory-Efficient
// Pipeline-Parallel DNN Training (2021), section 3.3.
#pragma once

#include "core/graph.h"
#include "core/plan.h"

namespace tatami {

// The share of a step in which a stage has nothing to do, with all times equal.
double BubbleShare(int64_t stages, int64_t micro_batches);

// Before:  `graph` is valid; `plan` gives stages to its calls, none meaning the first.
// After:   the calls of each stage stand in the order in which it makes them; what
//          belongs to no micro-batch comes last.
// Keeps:   the calls, and that each stands after those it reads, even where a forward
//          pass goes back to a stage that it has left.
// Cost:    O(calls log calls).
Graph OrderForStages(const Graph& graph, const Plan& plan);

}  // namespace tatami
