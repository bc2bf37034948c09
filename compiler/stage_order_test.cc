#include "compiler/stage_order.h"

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "compiler/compile.h"
#include "compiler/lower/lower.h"
#include "compiler/lower/memory.h"
#include "compiler/plan/stage_cut.h"
#include "compiler/test_graphs.h"
#include "compiler/verify.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace tatami {
namespace {

using ::testing::ElementsAre;

// Six equal layers in four stages of one node, in order of 1F1B and as they came.
struct Staged {
  Plan plan;
  Graph as_built, ordered;
};
Staged FourStages(int64_t micro_batches) {
  Staged out;
  out.as_built = ChainTrainingStep(8, micro_batches);
  out.plan = *AssignStages(out.as_built, CostModel(*LoadMachine("d1_die"), {1, 1}),
                           {.free_bytes = 1 << 20}, {.mesh = {2, 2}, .stages = {2, 2}});
  out.ordered = OrderForStages(out.as_built, out.plan);
  return out;
}

// "F0 F1 B0" of a stage: its passes in the order in which its calls stand.
std::vector<std::string> PassesOf(const Graph& graph, const Plan& plan, int stage) {
  std::vector<std::string> passes;
  for (const GraphCall& call : graph.calls) {
    if (plan.calls.at(call.name).stage != stage || call.place < 0) continue;
    std::string pass = absl::StrCat(call.backward ? "B" : "F", call.micro_batch);
    if (passes.empty() || passes.back() != pass) passes.push_back(std::move(pass));
  }
  return passes;
}

TEST(OrderForStages, IsOneForwardOneBackward) {
  const Staged s = FourStages(6);
  EXPECT_TRUE(VerifyGraph(s.ordered).ok()) << VerifyGraph(s.ordered);
  EXPECT_THAT(PassesOf(s.ordered, s.plan, 0),
              ElementsAre("F0", "F1", "F2", "F3", "B0", "F4", "B1", "F5", "B2", "B3",
                          "B4", "B5"));
  EXPECT_THAT(PassesOf(s.ordered, s.plan, 2),
              ElementsAre("F0", "F1", "B0", "F2", "B1", "F3", "B2", "F4", "B3", "F5",
                          "B4", "B5"));
  EXPECT_THAT(PassesOf(s.ordered, s.plan, 3),
              ElementsAre("F0", "B0", "F1", "B1", "F2", "B2", "F3", "B3", "F4", "B4",
                          "F5", "B5"));
}

TEST(OrderForStages, KeepsCallsAndWhatTheyRead) {
  const Graph graph = ChainTrainingStep(8, 3);
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const Plan plan = DrawStagedPlan(graph, {{4, 6}, {2, 3}}, seed);
    const Graph ordered = OrderForStages(graph, plan);
    EXPECT_TRUE(VerifyGraph(ordered).ok()) << VerifyGraph(ordered);
    std::map<std::string, std::vector<int>> reads;
    for (const GraphCall& call : graph.calls) reads[call.name] = call.in;
    ASSERT_EQ(ordered.calls.size(), reads.size());
    for (const GraphCall& call : ordered.calls) EXPECT_EQ(call.in, reads[call.name]);
  }
}

// By stage: the most micro-batches of which a tensor made in the forward pass is alive
// at once; and the bytes of the fullest node.
struct Kept {
  std::vector<size_t> micro_batches;
  int64_t peak_bytes = 0;
};
Kept KeptBy(const Graph& graph, const Plan& plan) {
  const auto program = Lower(graph, plan, {.machine = "test", .sram_bytes = 1 << 26});
  EXPECT_TRUE(program.ok()) << program.status();
  std::map<std::string, const GraphCall*> calls;
  for (const GraphCall& call : graph.calls) calls[call.name] = &call;
  const Ticks ticks = TicksOf(*program);
  std::vector<std::vector<std::set<int>>> alive(
      program->stage_grid().count(), std::vector<std::set<int>>(ticks.count));
  for (const Superstep& superstep : program->supersteps) {
    for (const ComputeOp& c : superstep.computes) {
      const GraphCall& call = *calls.at(program->calls[c.call].name);
      const ProgramBuffer& out = program->buffers[c.out];
      // The loss, a number, is kept to be added to the next.
      if (call.backward || call.place < 0 || out.type.dims.empty()) continue;
      for (int t = ticks.buffer[c.out].first; t <= ticks.buffer[c.out].second; ++t) {
        alive[out.stage][t].insert(call.micro_batch);
      }
    }
  }
  Kept kept{.peak_bytes = program->peak_bytes()};
  for (const auto& of_stage : alive) {
    size_t most = 0;
    for (const std::set<int>& batches : of_stage) most = std::max(most, batches.size());
    kept.micro_batches.push_back(most);
  }
  return kept;
}

// Stage s of S keeps at most S - s micro-batches, where all forward passes before all
// backward passes would keep every one.
TEST(OrderForStages, BoundsTheMicroBatchesThatAStageKeeps) {
  const Staged s = FourStages(6);
  const Kept one_by_one = KeptBy(s.ordered, s.plan);
  EXPECT_THAT(one_by_one.micro_batches, ElementsAre(4, 3, 2, 1));
  // The same calls, forward passes first.
  Graph forward_first = s.ordered;
  std::stable_partition(forward_first.calls.begin(), forward_first.calls.end(),
                        [](const GraphCall& c) { return c.place >= 0 && !c.backward; });
  for (size_t c = 0; c < forward_first.calls.size(); ++c) {
    forward_first.values[forward_first.calls[c].out].producer = static_cast<int>(c);
  }
  ASSERT_TRUE(VerifyGraph(forward_first).ok());
  const Kept all = KeptBy(forward_first, s.plan);
  EXPECT_THAT(all.micro_batches, ElementsAre(6, 6, 6, 6));
  EXPECT_LT(one_by_one.peak_bytes, all.peak_bytes);
}

// Where nodes are too many to tell apart, those of a stage share a layout, which has
// room for what lies on this stage alone.
TEST(Lower, ManyNodesHaveALayoutForEachStage) {
  const Graph graph = ChainTrainingStep(8, 3);
  Plan plan =
      *AssignStages(graph, CostModel(*LoadMachine("d1_die"), {18, 18}),
                    {.free_bytes = 1 << 20}, {.mesh = {36, 36}, .stages = {2, 2}});
  for (auto& [name, call] : plan.calls) call.open = false;
  const auto program = Lower(OrderForStages(graph, plan), plan,
                             {.machine = "test", .sram_bytes = 1 << 26});
  ASSERT_TRUE(program.ok()) << program.status();
  EXPECT_TRUE(VerifyProgram(*program).ok()) << VerifyProgram(*program);
  ASSERT_EQ(program->classes.size(), 4u);
  int elsewhere = 0;
  for (const NodeClass& c : program->classes) {
    EXPECT_EQ(c.nodes, 18 * 18);
    const int stage = program->stage_grid().StageOf(c.example);
    for (const ProgramBuffer& b : program->buffers) {
      if (b.stage == stage) {
        EXPECT_GE(c.storage_bytes[b.storage], b.type.bytes()) << b.name;  // not cut
      } else {
        EXPECT_EQ(c.storage_bytes[b.storage], 0) << b.name;
        ++elsewhere;
      }
    }
  }
  EXPECT_GT(elsewhere, 100);
}

// The time of one micro-batch's passes on each stage, of the slowest micro-batch, and
// of what is done once a step.
struct StageTimes {
  std::vector<double> forward, backward, once;
};
StageTimes TimesOf(const Compiled& c) {
  const std::vector<double> none(c.stage_ns.size(), 0.0);
  std::map<std::pair<int, int>, std::pair<double, double>> passes;  // by stage, part
  StageTimes out{none, none, none};
  for (size_t i = 0; i < c.graph.calls.size(); ++i) {
    const GraphCall& call = c.graph.calls[i];
    const int stage = *c.plan.calls.at(call.name).stage;
    double ns = 0;
    for (const PlanChoice& choice : c.choices[i]) {
      if (choice.chosen) ns = choice.compute_ns + choice.combine_ns + choice.brought_ns;
    }
    if (call.place < 0 && call.micro_batch < 0) {
      out.once[stage] += ns;
      continue;
    }
    auto& [forward, backward] = passes[{stage, call.micro_batch}];
    // What adds up over micro-batches counts to both, for it may be in either.
    if (!call.backward) forward += ns;
    if (call.backward || call.place < 0) backward += ns;
  }
  for (const auto& [key, ns] : passes) {
    out.forward[key.first] = std::max(out.forward[key.first], ns.first);
    out.backward[key.first] = std::max(out.backward[key.first], ns.second);
  }
  return out;
}

// Stages work at once. Until the first micro-batch has come to stage s and after the
// last has left it, it waits for those before it; and no turn takes longer than the
// slowest forward and the slowest backward pass, of which a step has M + S - 1.
TEST(Compile, TheStepOfStagesIsThatOfTheirTurns) {
  MachineSpec machine = *LoadMachine("d1_die");
  machine.hop_ns = 0;
  machine.link_bytes_per_s = 1e18;  // arithmetic alone
  for (const int64_t micro_batches : {1, 2, 8, 32}) {
    const auto c = Compile(ChainTrainingStep(8, micro_batches), machine,
                           {.mesh = {1, 4}, .stages = {1, 4}, .choices = true});
    ASSERT_TRUE(c.ok()) << c.status();
    const StageTimes times = TimesOf(*c);
    const auto most = [](const std::vector<double>& ns) {
      return *std::max_element(ns.begin(), ns.end());
    };
    const double turn = most(times.forward) + most(times.backward);
    EXPECT_LE(c->step_ns, static_cast<double>(micro_batches + 3) * turn +
                              most(times.once) + 1e-6 * turn)
        << micro_batches;
    EXPECT_GT(c->step_ns, most(c->stage_ns) + 2 * turn) << micro_batches;
    EXPECT_LE(c->bound_ns, c->step_ns);
    double all = 0;
    for (const double ns : c->stage_ns) all += ns;
    EXPECT_LE(c->bound_ns, all / 4 * (1 + 1e-12));
  }
}

}  // namespace
}  // namespace tatami
