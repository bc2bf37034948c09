// Whole models through two training steps on every mesh, by random plans and by the
// search's own, within the bound that rounding_model.h derives from the number of
// operations.
#include <cmath>
#include <cstring>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "compiler/lower/recompute.h"
#include "compiler/pipeline.h"
#include "compiler/plan/search.h"
#include "compiler/training_step.h"
#include "core/machine.h"
#include "core/random.h"
#include "gtest/gtest.h"
#include "models/model.h"
#include "ops/all_ops.h"
#include "ops/conv.h"
#include "runtime/emulator/emulator.h"
#include "tests/differential/rounding_model.h"
#include "tests/support/run_graph.h"

namespace tatami {
namespace {

using testing::Bytes;

constexpr int kSteps = 2;
constexpr int64_t kBatch = 2;

struct ModelCase {
  std::string preset;
  int64_t height = 0, width = 0;  // 0: as the preset says
  Precision precision = Precision::kF32;

  std::string Name() const {
    return absl::StrCat(absl::StartsWith(preset, "resnet") ? "resnet" : "drivenet",
                        precision == Precision::kBF16 ? "InBF16" : "");
  }
};

void PrintTo(const ModelCase& c, std::ostream* out) { *out << c.Name(); }

// The training graph as `tatami train` compiles it, with plain SGD and momentum:
// AdamW's first step is the sign of the gradient, which no bound can follow through 0.
absl::StatusOr<Graph> TrainingGraph(const ModelCase& model) {
  absl::StatusOr<ModelPreset> preset = FindModel(model.preset);
  if (!preset.ok()) return preset.status();
  if (model.height > 0) preset->height = model.height, preset->width = model.width;
  GraphBuilder g(preset->name);
  const BuiltModel built = BuildModel(g, *preset, kBatch, Mode::kTrain);
  AddTrainingStep(g, built.loss, built.parameters,
                  {.name = "sgd", .weight_decay = 0.01, .clip_norm = 1}, 1,
                  model.precision);
  absl::StatusOr<Graph> graph = g.Finish();
  return graph.ok() ? RunPipeline(*std::move(graph)) : graph;
}

// Pixels in [-0.5, 0.5], a mask of zeros and ones, labels, the model's own first
// weights.
std::map<std::string, Bytes> DrawBatch(const Graph& graph) {
  auto values = testing::DrawValues(graph, /*seed=*/3, /*range=*/512, 1024.0,
                                    /*labels=*/10);
  for (const GraphValue& v : graph.values) {
    if (v.kind == ValueKind::kState) {
      const ProgramState state{.name = v.name, .init = v.init};
      values[v.name] = InitialState(state, v.type, /*seed=*/1);
    }
  }
  const auto set = [&](const std::string& name, float x) {
    const auto it = values.find(name);
    if (it != values.end()) std::memcpy(it->second.data(), &x, sizeof x);
  };
  set("learning_rate", 0.05f);
  set("step", 1);
  if (const auto mask = values.find("mask"); mask != values.end()) {
    std::vector<float> x = testing::AsFloats(mask->second);
    for (float& m : x) m = m < 0.2f ? 1 : 0;
    std::memcpy(mask->second.data(), x.data(), mask->second.size());
  }
  return values;
}

class ModelOnMesh : public ::testing::TestWithParam<ModelCase> {
 protected:
  void SetUp() override {
    auto graph = TrainingGraph(GetParam());
    ASSERT_TRUE(graph.ok()) << graph.status();
    graph_ = *std::move(graph);
    values_ = DrawBatch(graph_);
    // Made once for all tests of a model.
    static auto* const known = new std::map<std::string, testing::RoundingModel>();
    const auto it = known->find(GetParam().Name());
    if (it != known->end()) {
      model_ = &it->second;
      return;
    }
    auto model =
        testing::ModelRounding(graph_, values_, {.steps = kSteps, .nodes = 16});
    ASSERT_TRUE(model.ok()) << model.status();
    model_ = &known->emplace(GetParam().Name(), *std::move(model)).first->second;
  }

  std::vector<int64_t> Capacity(int64_t bytes) const {
    return std::vector<int64_t>(graph_.calls.size(), bytes);
  }

  Graph graph_;
  std::map<std::string, Bytes> values_;
  const testing::RoundingModel* model_ = nullptr;
};

TEST_P(ModelOnMesh, TwoStepsStayWithinTheRoundingBound) {
  const auto machine = LoadMachine("d1_die");
  ASSERT_TRUE(machine.ok()) << machine.status();
  double worst = 0;
  for (const Mesh mesh :
       {Mesh{1, 1}, Mesh{1, 4}, Mesh{4, 1}, Mesh{2, 3}, Mesh{4, 4}, Mesh{3, 5}}) {
    std::map<std::string, Plan> plans;
    PlanSearch planner(graph_, *machine, {.mesh = mesh});
    const SearchResult roomy = planner.Run(Capacity(machine->sram_bytes));
    plans["searched"] = roomy.plan;
    // A search of seconds, whose plans differ in calls that run again.
    if (GetParam().precision == Precision::kF32) {
      plans["searched for half the memory"] =
          planner.Run(Capacity(*absl::c_max_element(roomy.bytes) / 2)).plan;
    }
    for (const uint64_t seed : {1, 2}) {
      if (mesh == Mesh{1, 1}) break;
      plans[absl::StrCat("random ", seed)] = testing::RandomPlan(graph_, mesh, seed);
    }
    for (const auto& [name, plan] : plans) {
      const std::string what = absl::StrCat(mesh.ToString(), ", ", name, " plan");
      const auto got = testing::RunOnMesh(graph_, plan, values_, {.steps = kSteps});
      ASSERT_TRUE(got.ok()) << what << ": " << got.status();
      EXPECT_EQ(testing::FindExcess(*got, *model_, &worst), "") << what;
      EXPECT_EQ(got->link_bytes, CountLinkBytes(got->program)) << what;
    }
  }
  const double loss = model_->truth.outputs.at("loss")[0];
  std::cout << "loss " << loss << " +- " << model_->output_bounds.at("loss")
            << "; largest error is " << worst << " of its bound\n";
}

// The rule of the op of this name, with a window narrower by one row at its low side.
IndexRule NarrowRule(const OpCall& call) {
  IndexRule rule = (*FindOp(*call.op->name)->rule)(call);
  ++rule.inputs[0][call.in[0].rank() - 3].map.lo;
  return rule;
}

// The bound is narrow enough to see one row of one halo missing, in any convolution, in
// bf16 as in f32.
TEST_P(ModelOnMesh, AHaloTooNarrowByOneExceedsTheBound) {
  constexpr Mesh kMesh = {4, 1};
  int damaged = 0;
  for (size_t c = 0; c < graph_.calls.size(); ++c) {
    const OpCall call = graph_.CallOf(static_cast<int>(c));
    if (*call.op->name != *ConvOp().name) continue;
    const IndexRule rule = (*call.op->rule)(call);
    const OperandDim& rows = rule.inputs[0][call.in[0].rank() - 3];
    if (rows.map.lo >= 0) continue;  // reads no row above its own
    OpDef narrow = *call.op;
    narrow.rule = NarrowRule;
    Graph graph = graph_;
    graph.calls[c].op = &narrow;
    Plan plan{.mesh = kMesh};
    plan.calls[graph.calls[c].name].cuts = {
        {rule.factors[rows.factor].name, {WholeAxis(kMesh, MeshAxis::kY)}}};
    const auto got = testing::RunOnMesh(graph, plan, values_, {.steps = kSteps});
    ASSERT_TRUE(got.ok()) << got.status();
    EXPECT_NE(testing::FindExcess(*got, *model_, nullptr), "") << graph.calls[c].name;
    ++damaged;
  }
  EXPECT_GE(damaged, 5);
}

// Calls run again give the same bits, with less memory.
TEST_P(ModelOnMesh, SecondRunsChangeNoBit) {
  const Mesh mesh = {2, 2};
  for (uint64_t seed = 0; seed < 3; ++seed) {
    Plan plan = testing::RandomPlan(graph_, mesh, seed);
    const auto once = testing::RunOnMesh(graph_, plan, values_, {.steps = kSteps});
    ASSERT_TRUE(once.ok()) << once.status();
    const std::vector<Pause> pauses = FindPauses(graph_);
    int again = 0;
    for (size_t c = 0; c < graph_.calls.size(); ++c) {
      const std::string& name = graph_.calls[c].name;
      // All that may, then two random halves.
      const bool chosen = seed == 0 || RandomBits(seed, StreamOf(name), 0) % 2 == 0;
      plan.calls[name].recompute = chosen;
      again += chosen && pauses[c].worthwhile();
    }
    const auto twice = testing::RunOnMesh(graph_, plan, values_, {.steps = kSteps});
    ASSERT_TRUE(twice.ok()) << twice.status();
    EXPECT_EQ(testing::FindDifference(*twice, *once), "") << "seed " << seed;
    EXPECT_EQ(twice->program.calls.size(), once->program.calls.size() + again);
    EXPECT_GT(again, 5) << "seed " << seed;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Tiny, ModelOnMesh,
    ::testing::Values(ModelCase{"drivenet-tiny"}, ModelCase{"resnet-tiny", 16, 16},
                      ModelCase{"drivenet-tiny", 0, 0, Precision::kBF16},
                      ModelCase{"resnet-tiny", 16, 16, Precision::kBF16}),
    [](const auto& info) { return info.param.Name(); });

}  // namespace
}  // namespace tatami
