// The flags that every command that takes a model has, and what they mean.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "compiler/compile.h"
#include "compiler/training_step.h"
#include "core/live_mesh.h"
#include "core/machine.h"
#include "models/model.h"

namespace tatami {

// --batch max: the largest that fits.
constexpr int64_t kBatchMax = -1;

// As given; empty or 0 means the preset's.
struct ModelFlags {
  std::string model = "drivenet-small";
  std::string machine, mesh, stages = "1x1", dead, plan_file;
  std::string precision = "f32";
  int64_t batch = 0;
  int64_t micro_batches = 1;
};
void AddModelFlags(CLI::App& command, ModelFlags& flags);

// The flags with the preset's values filled in.
struct ModelChoice {
  ModelPreset preset;
  MachineSpec machine;
  Mesh mesh;
  // Rows and columns of pipeline stages that the mesh is cut into. Evaluation, which
  // has one micro-batch and would only wait, takes the mesh as one.
  Mesh stages{1, 1};
  std::optional<LiveMesh> live;  // what is left of the machine; none: all
  int64_t batch = 1;             // or kBatchMax, until LargestBatch has found it
  // Into how many equal parts, run one after the other, a training step cuts its batch.
  // Evaluation, which needs no more at once, takes one such part as its batch.
  int64_t micro_batches = 1;
  int64_t evaluation_batch() const { return batch / micro_batches; }
  Precision precision = Precision::kF32;  // of training and of evaluation
  std::string pinned_plan;                // text
  bool explained = false;                 // Compiled::choices is wanted
};
// Errors: E0101, E0102, E0103, E0105, E0108, E0401 for a plan file that is not there.
absl::StatusOr<ModelChoice> ResolveModelFlags(const ModelFlags& flags);

// `what` is how the message calls what was given. Errors: E0101.
absl::StatusOr<Precision> ParsePrecision(absl::string_view what,
                                         absl::string_view name);

// E0101 with the nearest numbers that divide, unless the micro-batches are equal parts
// of the batch.
absl::Status CheckMicroBatches(const ModelChoice& choice);
// The largest mesh that the choice's machine, or what is left of it, hosts.
Mesh LargestMesh(const ModelChoice& choice);
// E0105 when it does not host the choice's mesh, or the stages do not divide that.
absl::Status CheckMesh(const ModelChoice& choice);

// Builds and compiles the training step, or the evaluation, of the choice.
absl::StatusOr<Compiled> CompileTraining(const ModelChoice& choice,
                                         const OptimizerOptions& optimizer);
absl::StatusOr<Compiled> CompileEvaluation(const ModelChoice& choice);

// How many stages there are, how long each works, and what share of a step each would
// wait if all took as long, in lines; "" for one stage.
std::string StagesText(const Compiled& compiled, int64_t micro_batches);
// Where the mesh of a damaged machine lies and what that does to its links, in lines;
// "" where nothing is dead.
std::string SiteText(const Compiled& compiled);

}  // namespace tatami
