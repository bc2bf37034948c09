// What E0301 says of a Program that does not fit.
#pragma once

#include "absl/status/status.h"
#include "core/graph.h"
#include "core/program.h"

namespace tatami {

// E0301 with an SramOverflow payload: the worst node, its fullest tick, what is alive
// then by kind, and the smallest set of tensors that cannot be there together, with
// where each comes from in the model and when it lives. `graph` is what `program` was
// lowered from. REQUIRES: storages, lifetimes and node classes are assigned.
absl::Status DoesNotFit(const Program& program, const Graph& graph);

}  // namespace tatami
