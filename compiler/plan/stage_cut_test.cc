#include "compiler/plan/stage_cut.h"

#include <algorithm>
#include <limits>
#include <map>

#include "absl/strings/match.h"
#include "compiler/compile.h"
#include "compiler/pipeline.h"
#include "compiler/test_graphs.h"
#include "compiler/training_step.h"
#include "core/error.h"
#include "gtest/gtest.h"
#include "ops/arithmetic.h"
#include "ops/loss.h"
#include "ops/matmul.h"

namespace tatami {
namespace {

// Links as wide as it takes for time to be arithmetic alone.
MachineSpec ArithmeticAlone() {
  MachineSpec machine = *LoadMachine("d1_die");
  machine.hop_ns = 0;
  machine.link_bytes_per_s = 1e30;
  return machine;
}

std::vector<std::string> ForwardCalls(const Graph& graph) {
  std::vector<std::string> names;
  for (const GraphCall& call : graph.calls) {
    if (call.place >= 0 && !call.backward && call.micro_batch <= 0) {
      names.push_back(call.name);
    }
  }
  return names;
}

double SlowestStage(const Graph& graph, const CostModel& model, const Plan& plan) {
  std::map<int, double> ns;
  for (size_t c = 0; c < graph.calls.size(); ++c) {
    ns[*plan.calls.at(graph.calls[c].name).stage] +=
        model.WholeNs(graph.CallOf(static_cast<int>(c)));
  }
  double most = 0;
  for (const auto& [stage, all] : ns) most = std::max(most, all);
  return most;
}

// Against every cut there is, forced by pins.
TEST(AssignStages, TheSlowestStageIsAsFastAsAnyCutMakesIt) {
  for (uint64_t seed = 0; seed < 6; ++seed) {
    const Graph graph = DrawTrainingStep(seed, 5);
    const CostModel model(ArithmeticAlone(), {1, 1});
    const Plan pinned{.mesh = {1, 3}, .stages = {1, 3}};
    const auto plan =
        AssignStages(graph, model, {.free_bytes = int64_t{1} << 40}, pinned);
    ASSERT_TRUE(plan.ok()) << plan.status();
    const std::vector<std::string> calls = ForwardCalls(graph);
    double best = std::numeric_limits<double>::infinity();
    for (size_t first = 1; first + 1 < calls.size(); ++first) {
      for (size_t second = first + 1; second < calls.size(); ++second) {
        Plan cut = pinned;
        for (size_t c = 0; c < calls.size(); ++c) {
          cut.calls[calls[c]].stage = (c >= first) + (c >= second);
        }
        const auto forced =
            AssignStages(graph, model, {.free_bytes = int64_t{1} << 40}, cut);
        ASSERT_TRUE(forced.ok()) << forced.status();
        best = std::min(best, SlowestStage(graph, model, *forced));
      }
    }
    EXPECT_NEAR(SlowestStage(graph, model, *plan), best, 1e-9 * best) << seed;
  }
}

TEST(AssignStages, BackwardCallsGoWithTheirForwardCallsAndMicroBatchesAlike) {
  const auto graph = RunPipeline(ChainTrainingStep(8, 3));
  ASSERT_TRUE(graph.ok()) << graph.status();
  const auto plan =
      AssignStages(*graph, CostModel(*LoadMachine("d1_die"), {1, 1}),
                   {.free_bytes = 1 << 20}, {.mesh = {1, 4}, .stages = {1, 4}});
  ASSERT_TRUE(plan.ok()) << plan.status();
  std::map<int, int> of_place;
  int backward = 0;
  for (const GraphCall& call : graph->calls) {
    if (call.place < 0 || call.backward) continue;
    const int stage = *plan->calls.at(call.name).stage;
    EXPECT_EQ(of_place.emplace(call.place, stage).first->second, stage) << call.name;
  }
  EXPECT_EQ(of_place.begin()->second, 0);
  EXPECT_EQ(of_place.rbegin()->second, 3);
  for (const GraphCall& call : graph->calls) {
    if (call.place < 0 || !call.backward) continue;
    ++backward;
    // Fusion gives a call the place of the last that it does.
    EXPECT_EQ(of_place.lower_bound(call.place)->second,
              *plan->calls.at(call.name).stage)
        << call.name;
  }
  EXPECT_GT(backward, 20);
}

// The update of a weight is local: it, its gradient and its moments lie on one stage.
TEST(AssignStages, TheOptimizerWorksWhereTheWeightIs) {
  const auto c = Compile(ChainTrainingStep(8, 2), *LoadMachine("d1_die"),
                         {.mesh = {2, 4}, .stages = {1, 4}});
  ASSERT_TRUE(c.ok()) << c.status();
  std::map<std::string, int> stage_of;
  for (const ProgramState& s : c->program.states) {
    stage_of[s.name] = c->program.buffers[s.buffer].stage;
  }
  int moments = 0;
  for (const auto& [name, stage] : stage_of) {
    for (const auto& [weight, its_stage] : stage_of) {
      if (name == weight || !absl::StrContains(name, weight)) continue;
      EXPECT_EQ(stage, its_stage) << name << " of " << weight;
      ++moments;
    }
  }
  EXPECT_GT(moments, 8);
  EXPECT_EQ(stage_of.at("w0"), 0);
  EXPECT_EQ(stage_of.at("w7"), 3);
}

// Where calls may not go, the runs are cut around them.
TEST(AssignStages, RunsAreCutAroundPins) {
  const Graph graph = ChainTrainingStep(4, 1);
  const CostModel model(ArithmeticAlone(), {1, 1});
  Plan pinned{.mesh = {1, 2}, .stages = {1, 2}};
  const auto even =
      AssignStages(graph, model, {.free_bytes = int64_t{1} << 40}, pinned);
  ASSERT_TRUE(even.ok()) << even.status();
  const auto stage_of = [&](const Plan& plan, size_t call) {
    return *plan.calls.at(ForwardCalls(graph)[call]).stage;
  };
  EXPECT_EQ(stage_of(*even, 0), 0);
  EXPECT_EQ(stage_of(*even, ForwardCalls(graph).size() - 1), 1);
  pinned.calls[ForwardCalls(graph)[1]].stage = 1;
  const auto moved =
      AssignStages(graph, model, {.free_bytes = int64_t{1} << 40}, pinned);
  ASSERT_TRUE(moved.ok()) << moved.status();
  EXPECT_EQ(stage_of(*moved, 0), 0);
  EXPECT_EQ(stage_of(*moved, 1), 1);
  EXPECT_EQ(stage_of(*moved, 2), 1);  // what comes after a pin to the last stage
}

// Two layers of a weight each, then all the work. By time alone the layers share a
// stage; their weights, gradients and moments, 48 KiB a layer, may not fit there.
TEST(AssignStages, RunsThatCannotFitComeLast) {
  GraphBuilder g("wide");
  Value x = g.Input("x", {DType::kF32, {2, 64}});
  std::vector<Value> w;
  for (int i = 0; i < 2; ++i) {
    w.push_back(g.State("w", {DType::kF32, {64, 64}}, {}, true));
    x = Matmul(g, x, w.back(), {});
  }
  const Value y = Matmul(g, x, x, {.transpose_a = 1});
  AddTrainingStep(g, MeanAll(g, Square(g, Matmul(g, y, y, {}))), w, {.name = "sgd"});
  const auto graph = g.Finish();
  ASSERT_TRUE(graph.ok()) << graph.status();
  const CostModel model(ArithmeticAlone(), {1, 1});
  const auto stage_of_second = [&](int64_t free_bytes) {
    const auto plan = AssignStages(*graph, model, {.free_bytes = free_bytes},
                                   {.mesh = {1, 2}, .stages = {1, 2}});
    return *plan->calls.at("matmul_1").stage;
  };
  EXPECT_EQ(stage_of_second(100 << 10), 0);
  EXPECT_EQ(stage_of_second(90 << 10), 1);
}

TEST(AssignStages, MoreStagesThanCallsAreRefused) {
  const Graph graph = ChainTrainingStep(2, 1);
  const auto plan =
      AssignStages(graph, CostModel(ArithmeticAlone(), {1, 1}), {.free_bytes = 1 << 20},
                   {.mesh = {4, 8}, .stages = {4, 8}});
  EXPECT_EQ(GetErrorCode(plan.status()), ErrorCode::kBadFlag);
  EXPECT_EQ(
      std::string(plan.status().message()),
      "E0101: --stages 4x8 makes 32 stages, and the forward pass of 'chain' has 6 "
      "calls, too few to give each stage one. Use fewer stages.");
}

TEST(Compile, APinnedStageIsKept) {
  const auto c =
      Compile(ChainTrainingStep(4, 2), *LoadMachine("d1_die"),
              {.mesh = {2, 2},
               .stages = {1, 2},
               .pinned_plan = "mesh 2x2 stages 1x2\n*matmul_1: any stage 1\n"});
  ASSERT_TRUE(c.ok()) << c.status();
  EXPECT_EQ(c->plan.calls.at("mb0.matmul_1").stage, 1);
  EXPECT_EQ(c->plan.calls.at("mb1.matmul_1").stage, 1);
  const auto again = Compile(
      ChainTrainingStep(4, 2), *LoadMachine("d1_die"),
      {.mesh = {2, 2}, .stages = {1, 2}, .pinned_plan = c->plan.ToString(c->graph)});
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->program.ToString(), c->program.ToString());
  const auto other =
      Compile(ChainTrainingStep(4, 2), *LoadMachine("d1_die"),
              {.mesh = {2, 2}, .pinned_plan = c->plan.ToString(c->graph)});
  EXPECT_EQ(
      other.status().message(),
      "E0106: the plan is for mesh 2x2 with stages 1x2 and the run for 2x2 with "
      "stages 1x1. Give --mesh 2x2 --stages 1x2, or save a plan for this mesh with "
      "`tatami compile --save_plan FILE`.");
}

}  // namespace
}  // namespace tatami
