// What the planner says a program needs is what it takes when it runs: the highest byte
// of SRAM written, and the bytes over every link.
#include <gtest/gtest.h>

#include "compiler/compile.h"
#include "compiler/test_graphs.h"
#include "compiler/training_step.h"
#include "core/error.h"
#include "core/test_draw.h"
#include "models/model.h"
#include "tests/support/expect_fit.h"

namespace tatami {
namespace {

// Sanitizers make everything ten times slower.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr uint64_t kNetworks = 25;
#else
constexpr uint64_t kNetworks = 500;
#endif

struct ZooCase {
  std::string preset, machine;
  Mesh mesh;
  int64_t batch = 0;  // 0: the preset's
  int64_t micro_batches = 1;
  Precision precision = Precision::kF32;
  Mesh stages{1, 1};
};
class Zoo : public ::testing::TestWithParam<ZooCase> {};

TEST_P(Zoo, TakesWhatThePlanSays) {
  const auto preset = FindModel(GetParam().preset);
  const auto machine = LoadMachine(GetParam().machine);
  ASSERT_TRUE(preset.ok() && machine.ok()) << preset.status() << machine.status();
  GraphBuilder g(preset->name);
  const int64_t batch = GetParam().batch > 0 ? GetParam().batch : preset->batch;
  const int64_t parts = GetParam().micro_batches;
  const BuiltModel model = BuildModel(g, *preset, batch / parts, Mode::kTrain);
  AddTrainingStep(g, model.loss, model.parameters, {.name = "adamw"}, parts,
                  GetParam().precision);
  auto graph = g.Finish();
  ASSERT_TRUE(graph.ok()) << graph.status();
  const auto compiled = Compile(*std::move(graph), *machine,
                                {.mesh = GetParam().mesh, .stages = GetParam().stages});
  ASSERT_TRUE(compiled.ok()) << compiled.status();
  testing::ExpectRunTakesWhatThePlanSays(compiled->program, compiled->graph,
                                         GetParam().preset);
}

INSTANTIATE_TEST_SUITE_P(
    Models, Zoo,
    ::testing::Values(
        ZooCase{"drivenet-tiny", "d1_die", {4, 4}},
        ZooCase{"drivenet-small", "d1_die", {8, 8}},
        ZooCase{"drivenet-small", "d1_die", {18, 19}},
        ZooCase{"drivenet-steering", "d1_die", {8, 8}},
        ZooCase{"resnet-tiny", "d1_die", {6, 10}},
        ZooCase{"resnet18", "d1_die", {18, 19}, 4},
        ZooCase{"drivenet-tiny", "d1_die", {4, 4}, 8, 4},
        ZooCase{"drivenet-steering", "d1_die", {8, 8}, 4, 2},
        ZooCase{"resnet-tiny", "d1_die", {6, 10}, 9, 3},
        ZooCase{"drivenet-small", "d1_die", {8, 8}, 4, 2, Precision::kBF16},
        ZooCase{"resnet-tiny", "d1_die", {6, 10}, 8, 1, Precision::kBF16},
        ZooCase{"resnet18", "d1_die", {16, 16}, 4, 1, Precision::kBF16},
        ZooCase{"drivenet-tiny", "d1_die", {4, 4}, 8, 4, Precision::kF32, {2, 2}},
        ZooCase{"drivenet-small", "d1_die", {8, 16}, 4, 4, Precision::kF32, {1, 2}},
        ZooCase{"resnet-tiny", "d1_die", {6, 10}, 9, 3, Precision::kF32, {3, 1}}));

// Random networks and random SRAM: refused at compile time, or run within it.
TEST(Fit, RandomNetworksFitOrAreRefused) {
  MachineSpec machine = *LoadMachine("d1_die");
  uint64_t fit = 0, refused = 0;
  for (uint64_t seed = 0; seed < kNetworks; ++seed) {
    Draw draw{.bits = std::mt19937_64(seed)};
    const Precision precision = seed % 2 == 0 ? Precision::kF32 : Precision::kBF16;
    const Graph graph = DrawTrainingStep(seed, 2 + seed % 3, precision);
    const Mesh mesh{draw(1, 4), draw(1, 4)};
    machine.sram_bytes =
        machine.code_bytes_reserved + (int64_t{1} << draw(16, 21)) + 64 * draw(0, 1000);
    const auto compiled = Compile(graph, machine, {.mesh = mesh});
    if (!compiled.ok()) {
      ASSERT_EQ(GetErrorCode(compiled.status()), ErrorCode::kDoesNotFit)
          << "seed " << seed << ": " << compiled.status();
      ++refused;
      continue;
    }
    ++fit;
    testing::ExpectRunTakesWhatThePlanSays(compiled->program, compiled->graph,
                                           "seed " + std::to_string(seed));
  }
  std::cout << fit << " fit and ran, " << refused << " were refused\n";
  EXPECT_GT(fit, kNetworks / 5);
  EXPECT_GT(refused, kNetworks / 5);
}

}  // namespace
}  // namespace tatami
