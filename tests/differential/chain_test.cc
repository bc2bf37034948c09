// The same graph on one node and on a mesh, cut every way: equal bits on small whole
// numbers, where every sum is exact whatever its order.
#include <gtest/gtest.h>

#include "absl/algorithm/container.h"
#include "compiler/plan/search.h"
#include "core/machine.h"
#include "tests/differential/chain_graph.h"
#include "tests/support/run_graph.h"

namespace tatami {
namespace {

using testing::Bytes;
using testing::ChainGraph;
using testing::ExactValues;
using testing::RunOnMesh;
using testing::SetRate;

class ChainOnMesh : public ::testing::TestWithParam<Mesh> {
 protected:
  void ExpectBitsOfOneNode(const Graph& graph, const Plan& plan,
                           const testing::RunResult& want,
                           const std::map<std::string, Bytes>& values) {
    const auto got = RunOnMesh(graph, plan, values, {});
    ASSERT_TRUE(got.ok()) << got.status() << "\n" << plan.ToString(graph);
    ASSERT_EQ(testing::FindDifference(*got, want), "") << plan.ToString(graph);
    ASSERT_EQ(got->link_bytes, CountLinkBytes(got->program)) << plan.ToString(graph);
  }
};

TEST_P(ChainOnMesh, EveryCutGivesTheBitsOfOneNode) {
  const auto graph = ChainGraph();
  ASSERT_TRUE(graph.ok()) << graph.status();
  const auto values = ExactValues(*graph);
  const auto want = RunOnMesh(*graph, {.mesh = {1, 1}}, values, {});
  ASSERT_TRUE(want.ok()) << want.status();
  for (uint64_t seed = 0; seed < 40 && !HasFatalFailure(); ++seed) {
    const Plan plan = testing::RandomPlan(*graph, GetParam(), seed);
    ExpectBitsOfOneNode(*graph, plan, *want, values);
  }
}

// What the search chooses with much memory and with little: cuts, results, second runs.
TEST_P(ChainOnMesh, QuickSearchedPlansGiveTheBitsOfOneNode) {
  const auto graph = ChainGraph();
  ASSERT_TRUE(graph.ok()) << graph.status();
  const auto machine = LoadMachine("d1_die");
  ASSERT_TRUE(machine.ok()) << machine.status();
  const auto values = ExactValues(*graph);
  const auto want = RunOnMesh(*graph, {.mesh = {1, 1}}, values, {});
  ASSERT_TRUE(want.ok()) << want.status();
  PlanSearch planner(*graph, *machine, {.mesh = GetParam()});
  std::vector<int64_t> capacity(graph->calls.size(), machine->sram_bytes);
  for (int i = 0; i < 3; ++i) {
    const SearchResult found = planner.Run(capacity);
    ExpectBitsOfOneNode(*graph, found.plan, *want, values);
    const int64_t most = *absl::c_max_element(found.bytes);
    capacity.assign(capacity.size(), most * 2 / 3);
  }
}

TEST_P(ChainOnMesh, QuickRanksThreadsAndDelaysDoNotChangeABit) {
  const auto graph = ChainGraph();
  ASSERT_TRUE(graph.ok()) << graph.status();
  auto values = testing::DrawValues(*graph, 3, 1000, 4096.0, 2);
  SetRate(values);
  const Plan plan = testing::RandomPlan(*graph, GetParam(), 5);
  const auto want = RunOnMesh(*graph, plan, values, {.steps = 3});
  ASSERT_TRUE(want.ok()) << want.status();
  for (const int ranks : {1, 2, 3}) {
    if (ranks > GetParam().nodes()) continue;
    for (const int threads : {1, 2}) {
      const auto got =
          RunOnMesh(*graph, plan, values,
                    {.ranks = ranks,
                     .threads = threads,
                     .steps = 3,
                     .transport = {.seed = 11, .delay_max = absl::Milliseconds(1)}});
      ASSERT_TRUE(got.ok()) << got.status();
      ASSERT_EQ(testing::FindDifference(*got, *want), "")
          << ranks << " ranks, " << threads << " threads";
      EXPECT_EQ(got->link_bytes, want->link_bytes);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Meshes, ChainOnMesh,
                         ::testing::Values(Mesh{1, 1}, Mesh{1, 4}, Mesh{4, 1},
                                           Mesh{2, 3}, Mesh{4, 4}, Mesh{3, 5}),
                         [](const auto& info) {
                           return "Mesh" + info.param.ToString();
                         });

}  // namespace
}  // namespace tatami
