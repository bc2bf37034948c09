// The simulator times what the emulator moves: bytes over every link are those that the
// emulator counts hop by hop, and blocks of the mesh that are looked at once stand for
// every node.
#include <gtest/gtest.h>

#include <numeric>

#include "compiler/compile.h"
#include "compiler/test_graphs.h"
#include "compiler/training_step.h"
#include "core/live_mesh.h"
#include "models/model.h"
#include "runtime/emulator/emulator.h"
#include "runtime/simulator/simulate.h"
#include "runtime/transport_in_process.h"

namespace tatami {
namespace {

// A step of the preset with one sample. Nodes get as much SRAM as it takes: what moves
// does not depend on whether a real node would hold it.
absl::StatusOr<Program> StepOf(const std::string& name, const Mesh& mesh) {
  const auto preset = FindModel(name);
  if (!preset.ok()) return preset.status();
  GraphBuilder g(preset->name);
  const BuiltModel model = BuildModel(g, *preset, 1, Mode::kTrain);
  AddTrainingStep(g, model.loss, model.parameters, {.name = "adamw"});
  auto graph = g.Finish();
  if (!graph.ok()) return graph.status();
  const auto machine = LoadMachine("d1_die", {{"sram_bytes", 1 << 30}});
  if (!machine.ok()) return machine.status();
  auto compiled = Compile(*std::move(graph), *machine, {.mesh = mesh});
  if (!compiled.ok()) return compiled.status();
  return std::move(compiled->program);
}

int64_t Total(const StepLoads& loads) {
  int64_t total = 0;
  for (const SuperstepLoads& s : loads.supersteps) {
    total = std::accumulate(s.exchange.total.begin(), s.exchange.total.end(), total);
  }
  return total;
}

void ExpectEqual(const StepLoads& alike, const StepLoads& flat,
                 const std::string& what) {
  ASSERT_EQ(alike.supersteps.size(), flat.supersteps.size()) << what;
  for (size_t s = 0; s < alike.supersteps.size(); ++s) {
    const PhaseLoads &a = alike.supersteps[s].exchange,
                     &f = flat.supersteps[s].exchange;
    EXPECT_EQ(a.busiest, f.busiest) << what << " superstep " << s;
    EXPECT_EQ(a.total, f.total) << what << " superstep " << s;
    EXPECT_EQ(a.port_bytes, f.port_bytes) << what << " superstep " << s;
    EXPECT_EQ(a.added, f.added) << what << " superstep " << s;
    EXPECT_EQ(a.copied_bytes, f.copied_bytes) << what << " superstep " << s;
    EXPECT_EQ(a.chain, f.chain) << what << " superstep " << s;
    EXPECT_EQ(a.way.links, f.way.links) << what << " superstep " << s;
  }
}

class Agreement : public ::testing::TestWithParam<std::tuple<std::string, Mesh>> {};

TEST_P(Agreement, EveryLinkOfTheEmulator) {
  const auto& [name, mesh] = GetParam();
  const auto program = StepOf(name, mesh);
  ASSERT_TRUE(program.ok()) << program.status();
  const auto transport = MakeSingleTransport();
  const auto emulator = Emulator::Create(std::make_shared<Program>(*program),
                                         *transport, {.count_links = true});
  ASSERT_TRUE(emulator.ok()) << emulator.status();
  EXPECT_EQ((*emulator)->link_bytes(), CountLinkBytes(*program));
  const auto machine = LoadMachine("d1_die");
  ASSERT_TRUE(machine.ok()) << machine.status();
  const StepLoads alike = LoadsOfStep(*program, *machine, NodeClasses::kAlike);
  const StepLoads flat = LoadsOfStep(*program, *machine, NodeClasses::kFlat);
  ExpectEqual(alike, flat, name);
  EXPECT_EQ(Total(flat), (*emulator)->link_bytes().total());
  EXPECT_EQ(TimeOfStep(*program, alike, *machine).step_ns,
            TimeOfStep(*program, flat, *machine).step_ns);
}

std::vector<std::string> ZooNames() {
  std::vector<std::string> names;
  for (const ModelPreset& preset : AllModels()) names.push_back(preset.name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(Zoo, Agreement,
                         ::testing::Combine(::testing::ValuesIn(ZooNames()),
                                            ::testing::Values(Mesh{4, 4},
                                                              Mesh{6, 10})));

// Random plans cut every way there is, over meshes that end within dies and tiles.
TEST(AlikeBlocks, StandForEveryNodeOfRandomPlans) {
  for (uint64_t seed = 0; seed < 60; ++seed) {
    const Mesh mesh = seed % 3 == 0   ? Mesh{6, 4}
                      : seed % 3 == 1 ? Mesh{4, 12}
                                      : Mesh{9, 6};
    const Program program = LoweredTrainingStep(mesh, seed);
    // Dies of 3 x 4 nodes, tiles of 2 x 1 dies: edges of every kind in every place.
    const auto machine = LoadMachine("dojo_tray", {{"die_logical_nodes.rows", 3},
                                                   {"die_logical_nodes.cols", 4},
                                                   {"tile_dies.rows", 2},
                                                   {"tile_dies.cols", 1}});
    ASSERT_TRUE(machine.ok()) << machine.status();
    const StepLoads alike = LoadsOfStep(program, *machine, NodeClasses::kAlike);
    const StepLoads flat = LoadsOfStep(program, *machine, NodeClasses::kFlat);
    ExpectEqual(alike, flat, "seed " + std::to_string(seed));
    EXPECT_EQ(Total(flat), CountLinkBytes(program).total()) << "seed " << seed;
  }
}

// On a damaged grid, what crosses the grid's links is timed.
TEST(Agreement, DeadNodesCostTime) {
  const auto machine = LoadMachine("d1_die");
  ASSERT_TRUE(machine.ok()) << machine.status();
  Program program = LoweredTrainingStep({6, 8}, 3);
  const StepLoads whole = LoadsOfStep(program, *machine);
  const double whole_ns = TimeOfStep(program, whole, *machine).step_ns;
  for (uint64_t seed = 0; seed < 10; ++seed) {
    const auto live = RandomDeadNodes({18, 20}, 6, seed);
    ASSERT_TRUE(live.ok()) << live.status();
    auto site = LayMesh(*live, program.mesh);
    ASSERT_TRUE(site.ok()) << site.status();
    program.site = *std::move(site);
    const StepLoads loads = LoadsOfStep(program, *machine);
    EXPECT_EQ(Total(loads), CountLinkBytes(program).total()) << "seed " << seed;
    EXPECT_GE(TimeOfStep(program, loads, *machine).step_ns, whole_ns)
        << "seed " << seed;
  }
}

}  // namespace
}  // namespace tatami
