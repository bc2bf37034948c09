// Removes calls that nothing reads.
#pragma once

#include "core/graph.h"

namespace tatami {

// Before:  a valid graph.
// After:   every call reaches an output or the update of a state.
// Keeps:   every value that is read, bit for bit; names; the order of calls.
// Cost:    O(calls).
absl::Status RemoveDeadCalls(Graph& graph);

}  // namespace tatami
