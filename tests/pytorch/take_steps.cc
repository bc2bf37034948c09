// Takes training steps on random data and writes all that PyTorch needs to repeat them:
//   take_steps CASE STEPS OUT_DIR
// OUT_DIR/step-00000000 and OUT_DIR/step-0000000N are checkpoints before and after;
// OUT_DIR/data/step-0000000k has the inputs of step k and the loss that it reported.
// A CASE that ends with -bf16 is the one without, in bf16, with two samples and on one
// node: all roundings to bf16 then are those of stored results, none of terms of a cut
// sum.
#include <algorithm>
#include <iostream>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "core/error.h"
#include "core/random.h"
#include "core/status_macros.h"
#include "runtime/checkpoint/checkpoint.h"
#include "tools/bench/step_runner.h"

namespace tatami {
namespace {

// A large momentum and decay, so that leaving one out could not go unnoticed.
absl::StatusOr<StepSetup> SetupOf(absl::string_view name) {
  StepSetup setup{.optimizer = {.name = "sgd", .weight_decay = 0.01, .momentum = 0.9},
                  .seed = 5,
                  .emulator = {.threads = 2}};
  std::string model, machine;
  const bool narrow = absl::ConsumeSuffix(&name, "-bf16");
  if (name == "resnet18") {
    model = "resnet18", machine = "host";
    setup.mesh = {1, 2}, setup.batch = 2, setup.learning_rate = 0.002;
  } else if (name == "resnet-tiny") {
    model = "resnet-tiny", machine = "d1_die";
    setup.mesh = {4, 4}, setup.batch = 8, setup.micro_batches = 4;
    setup.learning_rate = 0.005;
  } else if (name == "drivenet-tiny") {
    model = "drivenet-tiny", machine = "d1_die";
    setup.mesh = {4, 4}, setup.batch = 2, setup.learning_rate = 0.005;
  } else {
    return MakeError(ErrorCode::kUnknownModel, absl::StrCat("no case ", name));
  }
  if (narrow) {
    setup.precision = Precision::kBF16;
    machine = "host", setup.mesh = {1, 1};
    setup.batch = 2, setup.micro_batches = std::min<int64_t>(2, setup.micro_batches);
  }
  TATAMI_ASSIGN_OR_RETURN(setup.preset, FindModel(model));
  TATAMI_ASSIGN_OR_RETURN(setup.machine, LoadMachine(machine));
  // A quarter of the usual side: what is compared does not depend on it, the time does.
  if (name == "resnet18") setup.preset.height = setup.preset.width = 64;
  return setup;
}

// Moves the inputs of relu away from its kink: every beta becomes +3 or -3 deviations,
// so that a channel is mostly on or mostly off. Where an input is within rounding error
// of zero, the two programs may take different slopes, both right; with betas of zero
// that happens about once in five steps of resnet18, and one position of eight in the
// last stage then moves a channel's gradient by a fifth. The density of a normal input
// at the kink is 90 times lower at 3 deviations than at 0.
absl::Status LeaveKinks(StepRunner& runner) {
  const Program& program = runner.emulator().program();
  for (const ProgramState& state : program.states) {
    if (!absl::EndsWith(state.name, ".beta")) continue;
    std::vector<float> beta(program.buffers[state.buffer].type.num_elements());
    for (size_t i = 0; i < beta.size(); ++i) {
      const uint64_t bits = RandomBits(runner.setup().seed, StreamOf(state.name), i);
      beta[i] = bits % 2 == 0 ? 3.f : -3.f;
    }
    TATAMI_RETURN_IF_ERROR(runner.emulator().WriteState(
        state.name, {reinterpret_cast<const std::byte*>(beta.data()),
                     beta.size() * sizeof(float)}));
  }
  return absl::OkStatus();
}

absl::Status SaveStates(Storage& storage, StepRunner& runner, const std::string& dir,
                        int64_t step) {
  Checkpoint checkpoint{.step = step, .model = runner.setup().preset.name};
  const Program& program = runner.emulator().program();
  for (const ProgramState& state : program.states) {
    TATAMI_ASSIGN_OR_RETURN(std::vector<std::byte> bytes,
                            runner.emulator().ReadState(state.name));
    checkpoint.tensors.push_back(
        {state.name, program.buffers[state.buffer].type, std::move(bytes)});
  }
  return SaveCheckpoint(storage, dir, checkpoint);
}

absl::Status SaveData(Storage& storage, StepRunner& runner, const std::string& dir,
                      int64_t step, int64_t steps, const FeedBytes& feeds) {
  Checkpoint checkpoint{.step = step, .model = runner.setup().preset.name};
  const Program& program = runner.emulator().program();
  for (const ProgramFeed& feed : program.feeds) {
    const auto taken = [&](const NamedTensor& t) { return t.name == feed.input; };
    if (std::any_of(checkpoint.tensors.begin(), checkpoint.tensors.end(), taken)) {
      continue;
    }
    checkpoint.tensors.push_back(
        {feed.input, program.FedType(feed), feeds.at(feed.input)});
  }
  TATAMI_ASSIGN_OR_RETURN(std::vector<std::byte> loss, runner.emulator().Fetch("loss"));
  checkpoint.tensors.push_back({"loss", {DType::kF32, {}}, std::move(loss)});
  return SaveCheckpoint(storage, dir + "/data", checkpoint, {.keep = steps});
}

absl::Status Run(const std::string& name, int64_t steps, const std::string& dir) {
  TATAMI_ASSIGN_OR_RETURN(const StepSetup setup, SetupOf(name));
  TATAMI_ASSIGN_OR_RETURN(const auto runner, StepRunner::Create(setup));
  TATAMI_RETURN_IF_ERROR(LeaveKinks(*runner));
  PosixStorage storage;
  TATAMI_RETURN_IF_ERROR(storage.MakeDirectory(dir + "/data"));
  TATAMI_RETURN_IF_ERROR(SaveStates(storage, *runner, dir, 0));
  for (int64_t step = 0; step < steps; ++step) {
    const FeedBytes feeds = runner->RandomFeeds(step);
    TATAMI_RETURN_IF_ERROR(runner->Feed(feeds));
    TATAMI_RETURN_IF_ERROR(runner->Step());
    TATAMI_RETURN_IF_ERROR(SaveData(storage, *runner, dir, step, steps, feeds));
  }
  return SaveStates(storage, *runner, dir, steps);
}

}  // namespace
}  // namespace tatami

int main(int argc, char** argv) {
  int64_t steps = 0;
  if (argc != 4 || !absl::SimpleAtoi(argv[2], &steps)) {
    std::cerr << "take_steps CASE STEPS OUT_DIR\n";
    return 2;
  }
  const absl::Status status = tatami::Run(argv[1], steps, argv[3]);
  if (!status.ok()) std::cerr << "take_steps: " << status << "\n";
  return tatami::ExitCodeOf(status);
}
