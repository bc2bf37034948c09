// The passes from graph to graph, as one list.
#pragma once

#include "absl/status/statusor.h"
#include "core/graph.h"

namespace tatami {

// Runs every pass of kPipeline in order and verifies the graph after each.
absl::StatusOr<Graph> RunPipeline(Graph graph);

}  // namespace tatami
