// The oracle: runs a graph call by call with the references, in double precision and on
// whole tensors. What compilers and emulators compute is compared with this.
#pragma once

#include <map>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/graph.h"

namespace tatami {

// The output of one call on whole, dense, row-major operands. Storage types are
// ignored: nothing is rounded; integers are whole doubles. REQUIRES: in[i].size() ==
// call.in[i].num_elements().
std::vector<double> ReferenceF64(const OpCall& call,
                                 absl::Span<const std::vector<double>> in);

// Every value of the graph, by value id. `inputs_and_states` gives each kInput and
// kState value by id; updates are not applied: read values[graph.updates[i].second].
// Errors: E0107 naming a value that is not given or has another number of elements.
absl::StatusOr<std::vector<std::vector<double>>> InterpretF64(
    const Graph& graph, const std::map<int, std::vector<double>>& inputs_and_states);

}  // namespace tatami
