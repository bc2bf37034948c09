// A small training step of which every sum can be exact.
#pragma once

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "core/graph.h"
#include "tests/support/run_graph.h"

namespace tatami::testing {

// conv, relu, max pool, matmul, squared error, backward, one SGD step.
absl::StatusOr<Graph> ChainGraph();

// Puts the learning rate, a power of two, among the inputs.
void SetRate(std::map<std::string, Bytes>& values);

// Small values: products and sums stay below 2^24, so f32 is exact.
std::map<std::string, Bytes> ExactValues(const Graph& graph);

}  // namespace tatami::testing
