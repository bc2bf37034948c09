// Why a plan cuts the calls of a graph as it does, in words and figures, 80 columns
// wide. Times are modelled.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "compiler/compile.h"

namespace tatami {

// Every call: its cut, its share of the time, what is brought for it, and the next best
// cuts with what speaks against each. REQUIRES: compiled with CompileOptions::choices.
std::string ExplainPlan(const Compiled& compiled);

// One call: as above, its rule in words, and every cut that the search considered.
// E0101 with the nearest name when the graph has no such call.
absl::StatusOr<std::string> ExplainCall(const Compiled& compiled,
                                        absl::string_view call);

}  // namespace tatami
