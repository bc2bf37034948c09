// A step whose calls are spread over pipeline stages does what the step on one node
// does: to the bit where every sum is exact, else within the bound of its own rounding;
// whatever call is where.
#include <gtest/gtest.h>

#include "core/embedding.h"
#include "core/random.h"
#include "tests/differential/chain_graph.h"
#include "tests/differential/rounding_model.h"
#include "tests/support/run_graph.h"

namespace tatami {
namespace {

using testing::ChainGraph;
using testing::ExactValues;
using testing::RandomPlan;
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
