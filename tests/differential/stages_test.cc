// A step whose calls are spread over pipeline stages does what the step on one node
// does: to the bit where every sum is exact, else within the bound of its own rounding;
// whatever call is where.
#include <gtest/gtest.h>

#include "compiler/compile.h"
#include "compiler/stage_order.h"
#include "core/embedding.h"
#include "core/error.h"
#include "core/random.h"
#include "tests/differential/chain_graph.h"
#include "tests/differential/micro_batch_net.h"
#include "tests/differential/rounding_model.h"
#include "tests/support/expect_fit.h"
#include "tests/support/run_graph.h"

namespace tatami {
namespace {

using testing::ChainGraph;
using testing::ExactNetValues;
using testing::ExactValues;
using testing::MicroBatchNet;
using testing::RandomPlan;
using testing::RealNetValues;
using testing::RunOnMesh;
using testing::SetRate;

// Random cuts, every call on a random stage.
Plan RandomStages(const Graph& graph, const StageGrid& grid, uint64_t seed) {
  Plan plan = RandomPlan(graph, grid.stage_mesh(), seed);
  plan.mesh = grid.mesh;
  plan.stages = grid.stages;
  for (auto& [name, call] : plan.calls) {
    call.stage =
        static_cast<int>(RandomBits(seed, StreamOf(name), 2) % grid.stages.nodes());
  }
  return plan;
}

class Stages : public ::testing::TestWithParam<StageGrid> {};

TEST_P(Stages, AnyCallOnAnyStageGivesTheBitsOfOneNode) {
  const auto graph = ChainGraph();
  ASSERT_TRUE(graph.ok()) << graph.status();
  const auto values = ExactValues(*graph);
  const auto want = RunOnMesh(*graph, {.mesh = {1, 1}}, values, {});
  ASSERT_TRUE(want.ok()) << want.status();
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const Plan plan = RandomStages(*graph, GetParam(), seed);
    const auto got = RunOnMesh(*graph, plan, values, {});
    ASSERT_TRUE(got.ok()) << got.status() << "\n" << plan.ToString(*graph);
    ASSERT_EQ(testing::FindDifference(*got, *want), "") << plan.ToString(*graph);
    ASSERT_EQ(got->link_bytes, CountLinkBytes(got->program)) << plan.ToString(*graph);
  }
}

TEST_P(Stages, QuickRanksAndThreadsDoNotChangeABit) {
  const auto graph = ChainGraph();
  ASSERT_TRUE(graph.ok()) << graph.status();
  auto values = testing::DrawValues(*graph, 3, 1000, 4096.0, 2);
  SetRate(values);
  const Plan plan = RandomStages(*graph, GetParam(), 5);
  const auto want = RunOnMesh(*graph, plan, values, {.steps = 3});
  ASSERT_TRUE(want.ok()) << want.status();
  for (const int ranks : {2, 3}) {
    if (ranks > GetParam().mesh.nodes()) continue;
    const auto got =
        RunOnMesh(*graph, plan, values,
                  {.ranks = ranks,
                   .threads = 2,
                   .steps = 3,
                   .transport = {.seed = 11, .delay_max = absl::Milliseconds(1)}});
    ASSERT_TRUE(got.ok()) << got.status();
    ASSERT_EQ(testing::FindDifference(*got, *want), "") << ranks << " ranks";
    EXPECT_EQ(got->link_bytes, want->link_bytes);
  }
}

TEST_P(Stages, StayWithinTheRoundingBound) {
  const auto graph = ChainGraph();
  ASSERT_TRUE(graph.ok()) << graph.status();
  auto values = testing::DrawValues(*graph, 3, 512, 1024.0, 2);
  SetRate(values);
  const auto model = testing::ModelRounding(
      *graph, values, {.steps = 2, .nodes = GetParam().stage_mesh().nodes()});
  ASSERT_TRUE(model.ok()) << model.status();
  double worst = 0;
  for (uint64_t seed = 0; seed < 5; ++seed) {
    const Plan plan = RandomStages(*graph, GetParam(), seed);
    const auto got = RunOnMesh(*graph, plan, values, {.steps = 2});
    ASSERT_TRUE(got.ok()) << got.status();
    EXPECT_EQ(testing::FindExcess(*got, *model, &worst), "") << plan.ToString(*graph);
  }
  EXPECT_GT(worst, 0) << "says nothing";
}

INSTANTIATE_TEST_SUITE_P(
    Meshes, Stages,
    ::testing::Values(StageGrid{{2, 1}, {2, 1}}, StageGrid{{1, 4}, {1, 2}},
                      StageGrid{{4, 2}, {2, 1}}, StageGrid{{4, 4}, {2, 2}},
                      StageGrid{{6, 6}, {3, 2}}, StageGrid{{2, 9}, {1, 3}}),
    [](const auto& info) {
      return "Mesh" + info.param.mesh.ToString() + "Stages" +
             info.param.stages.ToString();
    });

// Calls that are made again where late readers need them, on whatever stage these are;
// the calls as they were built, and in the order of 1F1B.
TEST_P(Stages, SecondRunsOnAnyStageGiveTheBitsOfOneNode) {
  const auto graph = MicroBatchNet(4);
  ASSERT_TRUE(graph.ok()) << graph.status();
  const auto values = ExactNetValues(*graph);
  const auto want = RunOnMesh(*graph, {.mesh = {1, 1}}, values, {});
  ASSERT_TRUE(want.ok()) << want.status();
  size_t again = 0;
  for (uint64_t seed = 0; seed < 4; ++seed) {
    Plan plan = RandomStages(*graph, GetParam(), seed);
    for (auto& [name, call] : plan.calls) {
      call.recompute = RandomBits(seed, StreamOf(name), 3) % 2 == 0;
    }
    for (const Graph& order : {*graph, OrderForStages(*graph, plan)}) {
      const auto got = RunOnMesh(order, plan, values, {.ranks = 2});
      ASSERT_TRUE(got.ok()) << got.status() << "\n" << plan.ToString(*graph);
      ASSERT_EQ(testing::FindDifference(*got, *want), "") << plan.ToString(*graph);
      ASSERT_EQ(got->link_bytes, CountLinkBytes(got->program));
      again += got->program.calls.size() - graph->calls.size();
    }
  }
  EXPECT_GT(again, 0u) << "no call was made again";
}

// What `tatami compile --stages` makes: calls cut into stages, in the order of 1F1B,
// planned with all of the memory and with little.
TEST_P(Stages, PlannedStepsGiveTheBitsOfOneNode) {
  const auto whole = MicroBatchNet(1);
  ASSERT_TRUE(whole.ok()) << whole.status();
  const auto values = ExactNetValues(*whole);
  const auto want = RunOnMesh(*whole, {.mesh = {1, 1}}, values, {});
  ASSERT_TRUE(want.ok()) << want.status();
  MachineSpec machine = *LoadMachine("d1_die");
  for (const int64_t micro_batches : {1, 4}) {
    const auto graph = MicroBatchNet(micro_batches);
    ASSERT_TRUE(graph.ok()) << graph.status();
    machine.sram_bytes = LoadMachine("d1_die")->sram_bytes;
    // Less and less memory, until nothing fits.
    for (int i = 0; i < 4; ++i) {
      const auto c = Compile(*graph, machine,
                             {.mesh = GetParam().mesh, .stages = GetParam().stages});
      if (!c.ok()) {
        ASSERT_EQ(GetErrorCode(c.status()), ErrorCode::kDoesNotFit) << c.status();
        ASSERT_GT(i, 0) << c.status();
        break;
      }
      const auto got = testing::RunProgram(c->program, values, {.ranks = 2});
      ASSERT_TRUE(got.ok()) << got.status();
      ASSERT_EQ(testing::FindDifference(*got, *want), "")
          << micro_batches << " micro-batches, try " << i;
      testing::ExpectEachClassTakesWhatThePlanSays(c->program, c->graph, "net");
      machine.sram_bytes =
          machine.code_bytes_reserved +
          (c->program.peak_bytes() - machine.code_bytes_reserved) * 4 / 5;
    }
  }
}

TEST_P(Stages, PlannedStepsStayWithinTheRoundingBound) {
  const auto graph = MicroBatchNet(4);
  ASSERT_TRUE(graph.ok()) << graph.status();
  const auto values = RealNetValues(*graph);
  const auto model = testing::ModelRounding(
      *graph, values, {.steps = 2, .nodes = GetParam().stage_mesh().nodes()});
  ASSERT_TRUE(model.ok()) << model.status();
  const auto c = Compile(*graph, *LoadMachine("d1_die"),
                         {.mesh = GetParam().mesh, .stages = GetParam().stages});
  ASSERT_TRUE(c.ok()) << c.status();
  double worst = 0;
  const auto got = testing::RunProgram(c->program, values, {.ranks = 2, .steps = 2});
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(testing::FindExcess(*got, *model, &worst), "");
  EXPECT_GT(worst, 0) << "says nothing";
}

// The mesh is cut into stages, whatever it is laid on.
TEST(StagedMesh, LiesOnADamagedGridAsOnAWholeOne) {
  const auto graph = ChainGraph();
  ASSERT_TRUE(graph.ok()) << graph.status();
  const auto live = ParseLiveMesh("5x6 minus (1,2),(3,0)", 100, "map");
  ASSERT_TRUE(live.ok()) << live.status();
  const auto values = ExactValues(*graph);
  const Plan plan = RandomStages(*graph, {{4, 4}, {2, 2}}, 3);
  const auto want = RunOnMesh(*graph, plan, values, {});
  const auto program = testing::LowerOnMesh(*graph, plan, &*live);
  ASSERT_TRUE(want.ok() && program.ok()) << want.status() << program.status();
  const auto got = testing::RunProgram(*program, values, {.ranks = 2});
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(testing::FindDifference(*got, *want), "");
  EXPECT_TRUE(got->link_bytes == CountLinkBytes(*program));
}

}  // namespace
}  // namespace tatami
