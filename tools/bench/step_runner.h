// Training steps on random data, in this process: what benchmarks time and what the
// comparison with PyTorch steps through. No files, no ingest; one rank, unless it is
// given the transport of several.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "compiler/compile.h"
#include "compiler/training_step.h"
#include "core/live_mesh.h"
#include "core/machine.h"
#include "models/model.h"
#include "runtime/emulator/emulator.h"
#include "runtime/transport.h"

namespace tatami {

struct StepSetup {
  ModelPreset preset;
  MachineSpec machine;
  Mesh mesh;
  Mesh stages{1, 1};             // rows and columns of them, which divide the mesh
  std::optional<LiveMesh> live;  // what is left of the machine; none: all
  std::string pinned_plan;       // text; the search fills in the rest
  int64_t batch = 1;
  int64_t micro_batches = 1;  // which divide the batch
  Precision precision = Precision::kF32;
  OptimizerOptions optimizer;
  double learning_rate = 0.01;
  uint64_t seed = 1;
  EmulatorOptions emulator;
};

// Builds and compiles the training step. Errors: those of Compile.
absl::StatusOr<Compiled> CompileStep(const StepSetup& setup);

using FeedBytes = std::map<std::string, std::vector<std::byte>>;

class StepRunner {
 public:
  // Builds, compiles and prepares the training step and writes its initial states.
  // Errors: those of Compile and Emulator::Create.
  static absl::StatusOr<std::unique_ptr<StepRunner>> Create(
      const StepSetup& setup,
      std::unique_ptr<Transport> transport = MakeSingleTransport());

  // Every input of step `step` (from 0): pixels uniform in [-0.5, 0.5), a mask that
  // hides three of four, labels uniform over the classes, the learning rate and the
  // step number. A function of (seed, name, step) alone.
  FeedBytes RandomFeeds(int64_t step) const;
  absl::Status Feed(const FeedBytes& feeds);
  absl::Status Step() { return emulator_->Step(); }
  // The output `loss` of the last step.
  absl::StatusOr<float> Loss();

  Emulator& emulator() { return *emulator_; }
  Transport& transport() { return *transport_; }
  const StepSetup& setup() const { return setup_; }

 private:
  StepRunner() = default;

  StepSetup setup_;
  Compiled compiled_;
  std::unique_ptr<Transport> transport_;
  std::unique_ptr<Emulator> emulator_;
};

// Steps on one batch, over and over, as a peer steps on tensors that stay.
class RepeatedBatch {
 public:
  // With one untimed step behind it. Collective.
  static absl::StatusOr<RepeatedBatch> Create(
      const StepSetup& setup,
      std::unique_ptr<Transport> transport = MakeSingleTransport());
  absl::Status Step();
  StepRunner& runner() { return *runner_; }

 private:
  std::unique_ptr<StepRunner> runner_;
  FeedBytes feeds_;
  int64_t steps_ = 0;
};

}  // namespace tatami
