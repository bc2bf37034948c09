// A model: a graph builder with a name, presets and sizes. Models know ops, nothing of
// the compiler or the runtime.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/graph.h"

namespace tatami {

// What the graph is for: training uses the statistics of the batch, evaluation the
// running ones.
enum class Mode { kTrain, kEvaluate };

// How a model's clips look and what trains it when the user says nothing.
struct ModelPreset {
  std::string name;     // "drivenet-small"
  std::string summary;  // one line for `tatami models`
  std::string task;     // "reconstruction", "steering" or "classification"
  int64_t frames = 1, height = 0, width = 0;
  int64_t batch = 1;
  int64_t classes = 0;        // of a classification
  std::string machine, mesh;  // defaults of `tatami train`
  int64_t steps = 0;
  double learning_rate = 0, weight_decay = 0;
};

// Handles into the graph under construction.
struct BuiltModel {
  Value loss;                     // f32 [], in kTrain
  std::vector<Value> parameters;  // states an optimizer updates
};

// All presets, sorted by name.
const std::vector<ModelPreset>& AllModels();
// E0102 with the nearest name.
absl::StatusOr<ModelPreset> FindModel(absl::string_view name);

// Appends the forward pass (and the loss) of `preset` for `batch` samples to g. Inputs,
// states and outputs are named as each family's header says; what only a measurement
// reads is no output in kTrain, where it would be kept to the end of each step. The
// first error sticks in g.
BuiltModel BuildModel(GraphBuilder& g, const ModelPreset& preset, int64_t batch,
                      Mode mode);

}  // namespace tatami
