// The list of all ops: what tests run over and what a Program's op names resolve to.
#pragma once

#include "absl/types/span.h"
#include "core/op_def.h"

namespace tatami {

absl::Span<const OpDef* const> AllOps();

// The op of this name, or null.
const OpDef* FindOp(absl::string_view name);

}  // namespace tatami
