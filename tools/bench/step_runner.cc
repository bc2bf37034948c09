#include "tools/bench/step_runner.h"

#include <cstring>

#include "absl/strings/str_cat.h"
#include "core/random.h"
#include "core/status_macros.h"

namespace tatami {
namespace {

constexpr double kHiddenShare = 0.75;  // as the models are trained

// Element i of input `name` at a step.
float RandomElement(const StepSetup& setup, absl::string_view name, DType dtype,
                    int64_t step, int64_t i) {
  if (name == "learning_rate") return static_cast<float>(setup.learning_rate);
  if (name == "step") return static_cast<float>(step + 1);
  const double u =
      RandomUniform(setup.seed, StreamOf(absl::StrCat(name, "@", step)), i);
  if (name == "mask") return u < kHiddenShare ? 1.f : 0.f;
  if (dtype == DType::kI32) {
    return static_cast<float>(
        static_cast<int64_t>(u * static_cast<double>(setup.preset.classes)));
  }
  return static_cast<float>(u - 0.5);
}

}  // namespace

absl::StatusOr<Compiled> CompileStep(const StepSetup& setup) {
  GraphBuilder g(setup.preset.name);
  const BuiltModel model =
      BuildModel(g, setup.preset, setup.batch / setup.micro_batches, Mode::kTrain);
  AddTrainingStep(g, model.loss, model.parameters, setup.optimizer, setup.micro_batches,
                  setup.precision);
  TATAMI_ASSIGN_OR_RETURN(Graph graph, g.Finish());
  return Compile(
      std::move(graph), setup.machine,
      {.mesh = setup.mesh,
       .stages = setup.stages,
       .live = setup.live,
       .pinned_plan = setup.pinned_plan});
}

absl::StatusOr<std::unique_ptr<StepRunner>> StepRunner::Create(
    const StepSetup& setup, std::unique_ptr<Transport> transport) {
  auto runner = std::unique_ptr<StepRunner>(new StepRunner());
  runner->setup_ = setup;
  TATAMI_ASSIGN_OR_RETURN(runner->compiled_, CompileStep(setup));
  runner->transport_ = std::move(transport);
  const auto program = std::make_shared<const Program>(runner->compiled_.program);
  TATAMI_ASSIGN_OR_RETURN(
      runner->emulator_,
      Emulator::Create(program, *runner->transport_, setup.emulator));
  for (const ProgramState& state : program->states) {
    TATAMI_RETURN_IF_ERROR(runner->emulator_->WriteState(
        state.name,
        InitialState(state, program->buffers[state.buffer].type, setup.seed)));
  }
  return runner;
}

FeedBytes StepRunner::RandomFeeds(int64_t step) const {
  const Program& program = emulator_->program();
  FeedBytes feeds;
  for (const ProgramFeed& feed : program.feeds) {
    if (feeds.contains(feed.input)) continue;  // another part or placement of it
    const TensorType type = program.FedType(feed);
    std::vector<float> values(type.num_elements());
    for (size_t i = 0; i < values.size(); ++i) {
      values[i] =
          RandomElement(setup_, feed.input, type.dtype, step, static_cast<int64_t>(i));
    }
    std::vector<std::byte> bytes(type.bytes());
    StoreFromFloat(type.dtype, values.data(), static_cast<int64_t>(values.size()),
                   bytes.data());
    feeds[feed.input] = std::move(bytes);
  }
  return feeds;
}

absl::Status StepRunner::Feed(const FeedBytes& feeds) {
  for (const auto& [name, bytes] : feeds) {
    TATAMI_RETURN_IF_ERROR(emulator_->Feed(name, bytes));
  }
  return absl::OkStatus();
}

absl::StatusOr<float> StepRunner::Loss() {
  TATAMI_ASSIGN_OR_RETURN(const std::vector<std::byte> bytes, emulator_->Fetch("loss"));
  float loss = 0;
  std::memcpy(&loss, bytes.data(), sizeof loss);
  return loss;
}

absl::StatusOr<RepeatedBatch> RepeatedBatch::Create(
    const StepSetup& setup, std::unique_ptr<Transport> transport) {
  RepeatedBatch batch;
  TATAMI_ASSIGN_OR_RETURN(batch.runner_,
                          StepRunner::Create(setup, std::move(transport)));
  batch.feeds_ = batch.runner_->RandomFeeds(0);
  TATAMI_RETURN_IF_ERROR(batch.Step());
  return batch;
}

absl::Status RepeatedBatch::Step() {
  // What an optimizer's corrections go by.
  const auto number = static_cast<float>(++steps_);
  if (const auto it = feeds_.find("step"); it != feeds_.end()) {
    std::memcpy(it->second.data(), &number, sizeof number);
  }
  TATAMI_RETURN_IF_ERROR(runner_->Feed(feeds_));
  return runner_->Step();
}

}  // namespace tatami
