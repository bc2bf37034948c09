// Graphs, plans and values for the tests of the compiler.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "compiler/passes/narrow_storage.h"
#include "core/graph.h"
#include "core/plan.h"
#include "core/program.h"

namespace tatami {

// x[2,7,6,3] -> conv + bias -> activation -> its square -> average pool -> matmul ->
// squared error. Smooth unless the activation is relu.
struct ConvNet {
  Value loss;
  std::vector<Value> parameters;  // conv.weight, conv.bias, fc.weight
};
enum class TestActivation { kSilu, kRelu };
ConvNet BuildConvNet(GraphBuilder& g, TestActivation activation);

// The net with its backward pass and one SGD step with momentum; outputs loss and y.
Graph ConvNetTrainingStep();

// `layers` equal layers of matmul and relu, mean square, backward, AdamW; weights w0,
// w1,
// ...; the batch of 8 samples a micro-batch.
Graph ChainTrainingStep(int layers, int64_t micro_batches);

// A training step with AdamW and a clipped norm: residual blocks at falling resolution
// on pictures of 16 to 64 pixels a side, at least `forward_calls` calls before the
// losses at each resolution, about five times as many in all.
Graph DrawTrainingStep(uint64_t seed, size_t forward_calls,
                       Precision precision = Precision::kF32);

// Normal numbers for every input and state, by value id, drawn by name: two graphs with
// the same names get the same numbers.
std::map<int, std::vector<double>> DrawF64(const Graph& graph, uint64_t seed);

// A plan that cuts each call over each mesh axis in some legal way, or not.
Plan DrawPlan(const Graph& graph, const Mesh& mesh, uint64_t seed);

// DrawPlan on the mesh of one stage, every call on a random stage.
Plan DrawStagedPlan(const Graph& graph, const StageGrid& grid, uint64_t seed);

// The training step, lowered with DrawPlan, or with DrawStagedPlan.
Program LoweredTrainingStep(const Mesh& mesh, uint64_t seed);
Program LoweredStagedStep(const StageGrid& grid, uint64_t seed);

}  // namespace tatami
