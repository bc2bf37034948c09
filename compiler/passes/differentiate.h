// Reverse-mode differentiation: appends the backward calls to a graph under
// construction.
#pragma once

#include <vector>

#include "core/graph.h"

namespace tatami {

// Appends calls that compute weight * d(loss)/d(p) for each p of `parameters`.
//
// Before:  `loss` is a scalar f32 made in g.
// After:   the returned values, one per parameter; an error sticks in g when a
// parameter does
//          not reach the loss. An op without gradient ends the flow through it:
//          comparisons, and statistics whose effect another op's gradient already
//          accounts for.
//          Existing calls have their place in the forward pass, new ones the place of
//          what they differentiate.
// Keeps:   every existing call.
// Cost:    one gradient per call between the parameters and the loss.
std::vector<Value> Differentiate(GraphBuilder& g, Value loss,
                                 const std::vector<Value>& parameters,
                                 double weight = 1);

}  // namespace tatami
