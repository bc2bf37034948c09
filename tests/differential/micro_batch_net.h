// A training step whose batch of 8 may be taken in micro-batches, with a bit of all
// that these must get right.
#pragma once

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "core/graph.h"
#include "tests/support/run_graph.h"

namespace tatami::testing {

// conv, relu, max pool, dropout, matmul, mean squared error over all samples, one SGD
// step; `seen` adds up the samples of all steps, `weight_share` is fed whole. Has been
// through the passes.
absl::StatusOr<Graph> MicroBatchNet(int64_t micro_batches);

// Small whole numbers; the batch has a power of two of targets: all sums are exact.
std::map<std::string, Bytes> ExactNetValues(const Graph& graph);
// Fractions, whose sums are rounded.
std::map<std::string, Bytes> RealNetValues(const Graph& graph);

}  // namespace tatami::testing
