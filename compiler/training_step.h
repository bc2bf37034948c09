// Makes a training step out of a forward graph: backward, clipping and optimizer.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "compiler/passes/narrow_storage.h"
#include "core/graph.h"

namespace tatami {

struct OptimizerOptions {
  std::string name = "adamw";  // "adamw" or "sgd"
  double weight_decay = 0.01;
  double momentum = 0.9;  // sgd
  double clip_norm = 0;   // 0: gradients are not clipped
};

// Appends the gradients of `loss` and one update of every parameter. Makes the inputs
// learning_rate f32 [] and step f32 [] (1 at the first step) and, when clipping, the
// output grad_norm f32 []. Errors stick in g; E0101 for an unknown optimizer.
//
// In Precision::kBF16 the forward pass is narrowed first (NarrowStorage) and
// differentiated as it then is; gradients, their sums over micro-batches and the update
// are f32.
//
// With `micro_batches` above 1, g holds the forward pass of one of so many equal parts
// of the step's batch; it and its backward pass are repeated for each
// (compiler/micro_batches.h), and the update goes by the mean of their gradients.
// In both cases values of before are then no longer g's.
void AddTrainingStep(GraphBuilder& g, Value loss, const std::vector<Value>& parameters,
                     const OptimizerOptions& options, int64_t micro_batches = 1,
                     Precision precision = Precision::kF32);

}  // namespace tatami
