// Programs on damaged grids: the bits are those of a whole mesh, and bytes go where
// nodes and links are alive.
#include <gtest/gtest.h>

#include <deque>

#include "absl/strings/str_cat.h"
#include "compiler/compile.h"
#include "compiler/training_step.h"
#include "core/embedding.h"
#include "core/machine.h"
#include "models/model.h"
#include "tests/differential/chain_graph.h"
#include "tests/support/run_graph.h"

namespace tatami {
namespace {

using testing::Bytes;
using testing::RunResult;

// Hops over live links from a node to each other one, by a walk of our own.
std::vector<int64_t> HopsFrom(const LiveMesh& live, NodeCoord from) {
  std::vector<int64_t> hops(live.grid().nodes(), -1);
  std::deque<NodeCoord> queue = {from};
  hops[NodeIndex(from, live.grid())] = 0;
  for (; !queue.empty(); queue.pop_front()) {
    for (const NodeCoord next : live.Neighbours(queue.front())) {
      int64_t& h = hops[NodeIndex(next, live.grid())];
      if (h >= 0) continue;
      h = hops[NodeIndex(queue.front(), live.grid())] + 1;
      queue.push_back(next);
    }
  }
  return hops;
}

// Bytes that end at each node less those that begin there, from the bytes over links.
std::vector<int64_t> NetBytes(const LinkBytes& links, const Mesh& mesh) {
  std::vector<int64_t> net(mesh.nodes(), 0);
  for (int64_t i = 0; i < mesh.nodes(); ++i) {
    for (const LinkDirection d : kLinkDirections) {
      const int64_t bytes = links.at(NodeAt(i, mesh), d);
      if (bytes == 0) continue;
      net[i] -= bytes;
      net[NodeIndex(Step(NodeAt(i, mesh), d), mesh)] += bytes;
    }
  }
  return net;
}

// What the links of the grid carried in one step of `run`: counted as Program says, on
// live links only, over shortest paths, from and to the sites of the mesh's nodes.
void ExpectLinksSound(const RunResult& run) {
  const Program& p = run.program;
  ASSERT_EQ(run.link_bytes, CountLinkBytes(p));
  if (!p.site) return;
  const LiveMesh& live = p.site->live;
  for (int64_t i = 0; i < live.grid().nodes(); ++i) {
    const NodeCoord node = NodeAt(i, live.grid());
    for (const LinkDirection d : kLinkDirections) {
      if (run.link_bytes.at(node, d) == 0) continue;
      ASSERT_TRUE(live.IsLive(node) && live.HasLink(node, d))
          << run.link_bytes.at(node, d) << " bytes leave (" << node.row << ","
          << node.col << ") in direction " << d << " of " << live.ToString();
    }
  }
  Program whole = p;
  whole.site.reset();
  const LinkBytes logical = CountLinkBytes(whole);
  int64_t want_total = 0;
  for (int64_t i = 0; i < p.mesh.nodes(); ++i) {
    const NodeCoord node = NodeAt(i, p.mesh);
    const std::vector<int64_t> hops = HopsFrom(live, p.site->At(node));
    for (const LinkDirection d : kLinkDirections) {
      if (logical.at(node, d) == 0) continue;
      want_total +=
          logical.at(node, d) * hops[NodeIndex(p.site->At(Step(node, d)), live.grid())];
    }
  }
  EXPECT_EQ(run.link_bytes.total(), want_total);
  std::vector<int64_t> net = NetBytes(run.link_bytes, live.grid());
  const std::vector<int64_t> want_net = NetBytes(logical, p.mesh);
  for (int64_t i = 0; i < p.mesh.nodes(); ++i) {
    int64_t& at_site = net[NodeIndex(p.site->embedding.physical[i], live.grid())];
    EXPECT_EQ(at_site, want_net[i]) << "node " << i;
    at_site = 0;
  }
  EXPECT_EQ(net, std::vector<int64_t>(net.size(), 0)) << "bytes end at a spare node";
}

struct MapCase {
  std::string name;
  Mesh grid;
  std::string dead;  // a list; empty: `drawn` nodes are
  int64_t drawn = 0;
  Mesh mesh = {0, 0};  // rows 0: the largest that the map hosts
};

void PrintTo(const MapCase& c, std::ostream* out) { *out << c.name; }

constexpr Mesh kDie = {18, 20};

// All of a column but, where it is not at an edge, one node that joins the halves.
std::string Column(int64_t col, int64_t rows, int64_t alive) {
  std::string out;
  for (int64_t r = 0; r < rows; ++r) {
    if (r == alive) continue;
    absl::StrAppend(&out, out.empty() ? "" : ",", "(", r, ",", col, ")");
  }
  return out;
}

LiveMesh LiveOf(const MapCase& c) {
  absl::StatusOr<LiveMesh> live = c.dead.empty() ? RandomDeadNodes(c.grid, c.drawn, 3)
                                                 : ParseDeadList(c.grid, c.dead);
  EXPECT_TRUE(live.ok()) << live.status();
  return *std::move(live);
}

class ChainOnDeadMesh : public ::testing::TestWithParam<MapCase> {};

TEST_P(ChainOnDeadMesh, RandomPlansGiveTheBitsOfOneNodeOverLiveLinks) {
  const LiveMesh live = LiveOf(GetParam());
  const Mesh mesh =
      GetParam().mesh.rows > 0 ? GetParam().mesh : LargestLogicalMesh(live);
  const auto graph = testing::ChainGraph();
  ASSERT_TRUE(graph.ok()) << graph.status();
  const auto values = testing::ExactValues(*graph);
  const auto want = testing::RunOnMesh(*graph, {.mesh = {1, 1}}, values, {});
  ASSERT_TRUE(want.ok()) << want.status();
  const uint64_t plans = mesh.nodes() > 30 ? 3 : 12;
  int64_t moved = 0;
  for (uint64_t seed = 0; seed < plans && !HasFatalFailure(); ++seed) {
    const Plan plan = testing::RandomPlan(*graph, mesh, seed);
    const auto program = testing::LowerOnMesh(*graph, plan, &live);
    ASSERT_TRUE(program.ok()) << program.status();
    ASSERT_EQ(program->site.has_value(), !live.IsWhole());
    const auto got = testing::RunProgram(*program, values, {.threads = 2});
    ASSERT_TRUE(got.ok()) << got.status() << "\n" << plan.ToString(*graph);
    ASSERT_EQ(testing::FindDifference(*got, *want), "") << plan.ToString(*graph);
    ExpectLinksSound(*got);
    moved += got->link_bytes.total();
  }
  EXPECT_GT(moved, 0);
}

INSTANTIATE_TEST_SUITE_P(
    Maps, ChainOnDeadMesh,
    ::testing::Values(
        MapCase{"SmallWhole", {5, 6}}, MapCase{"SmallOneDead", {5, 6}, "(2,3)"},
        MapCase{"SmallOneDead4x4", {5, 6}, "(2,3)", 0, {4, 4}},
        MapCase{"SmallCorner", {5, 6}, "(0,0)", 0, {4, 5}},
        MapCase{"SmallSixDead", {5, 6}, "", 6},
        MapCase{"SmallEdgeColumn", {5, 6}, Column(5, 5, -1)},
        MapCase{"SmallColumnButANode", {5, 6}, Column(2, 5, 4)},
        MapCase{"SmallDeadLink", {5, 6}, "(1,1)-(1,2)"},
        MapCase{"SmallNodesAndLinks4x4",
                {5, 6},
                "(0,2),(3,3),(1,1)-(1,2),(4,4)-(4,5)",
                0,
                {4, 4}},
        MapCase{"DieOneDead", kDie, "(3,7)"}, MapCase{"DieCorner", kDie, "(0,0)"},
        MapCase{"DieSixDead", kDie, "", 6}, MapCase{"DieEighteenDead", kDie, "", 18},
        MapCase{"DieEdgeColumn", kDie, Column(19, 18, -1)},
        MapCase{"DieColumnButANode", kDie, Column(5, 18, 9)},
        MapCase{"DieDeadLink", kDie, "(9,9)-(9,10)"}),
    [](const auto& info) { return info.param.name; });

// Two training steps of drivenet-tiny under one plan, on the whole mesh and on what is
// left of the machine.
void ExpectTheBitsOfTheWholeMesh(MachineSpec machine, const LiveMesh& live,
                                 const Mesh& mesh) {
  const absl::StatusOr<ModelPreset> preset = FindModel("drivenet-tiny");
  ASSERT_TRUE(preset.ok()) << preset.status();
  GraphBuilder g(preset->name);
  const BuiltModel model = BuildModel(g, *preset, 2, Mode::kTrain);
  AddTrainingStep(g, model.loss, model.parameters, {.name = "sgd"});
  const auto graph = g.Finish();
  ASSERT_TRUE(graph.ok()) << graph.status();
  const auto damaged = Compile(*graph, machine, {.mesh = mesh, .live = live});
  ASSERT_TRUE(damaged.ok()) << damaged.status();
  ASSERT_EQ(damaged->plan.MeshText(),
            absl::StrCat(mesh.ToString(), " on ", live.ToString()));
  // The plan is the same but for its first line, which says where.
  Plan plan = damaged->plan;
  plan.map.clear();
  const auto whole = Compile(
      *graph, machine, {.mesh = mesh, .pinned_plan = plan.ToString(damaged->graph)});
  ASSERT_TRUE(whole.ok()) << whole.status();
  EXPECT_EQ(whole->program.site, std::nullopt);
  EXPECT_NE(whole->program.Hash(), damaged->program.Hash());
  EXPECT_GE(damaged->step_ns, whole->step_ns);
  const auto values = testing::DrawValues(damaged->graph, 1, 8, 64.0, 2);
  const auto want = testing::RunProgram(whole->program, values, {.steps = 2});
  ASSERT_TRUE(want.ok()) << want.status();
  const auto got =
      testing::RunProgram(damaged->program, values, {.ranks = 2, .steps = 2});
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(testing::FindDifference(*got, *want), "") << live.ToString();
  ExpectLinksSound(*got);
}

TEST(ModelOnDeadMesh, HasTheBitsOfTheWholeMesh) {
  MachineSpec machine = *LoadMachine("d1_die");
  machine.die_nodes = {5, 6};
  for (const char* dead :
       {"(2,3)", "(0,0)", "(1,1)-(1,2)", "(0,2),(3,3),(4,4)-(4,5)"}) {
    ExpectTheBitsOfTheWholeMesh(machine, *ParseDeadList({5, 6}, dead), {4, 4});
  }
}

TEST(ModelOnDeadMesh, HasTheBitsOfTheWholeMeshOnADieWithEighteenDeadNodes) {
  const LiveMesh live = *RandomDeadNodes(kDie, 18, 3);
  ExpectTheBitsOfTheWholeMesh(*LoadMachine("d1_die"), live, LargestLogicalMesh(live));
}

}  // namespace
}  // namespace tatami
