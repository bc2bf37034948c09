// Lets calls apply the pointwise call that follows them.
#pragma once

#include "core/graph.h"

namespace tatami {

// Before:  a valid graph.
// After:   no call is left that its only producer offers to absorb (OpDef::absorb),
// where
//          nothing else reads the value between them.
// Keeps:   every value that is read, up to the rounding of the fused kernel; the names
// of the
//          values that stay.
// Cost:    O(calls).
absl::Status FusePointwise(Graph& graph);

}  // namespace tatami
