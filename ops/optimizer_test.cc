// Optimizers against PyTorch 1.13 in double: w = [0.5, -1.2, 2.0] after three steps
// with the gradients below. Expected numbers were printed once by torch.optim with the
// constructor given in each test.
#include "ops/optimizer.h"

#include "gtest/gtest.h"
#include "ops/interpret.h"

namespace tatami {
namespace {

using Numbers = std::vector<double>;

const Numbers kGrads[] = {{0.3, -0.1, 1e-3}, {-0.2, 0.4, 2.0}, {0.1, 0.1, -1.0}};

// Adds the optimizer by `add(g, w, grad, learning_rate, step)` and runs three steps.
template <typename Add>
Numbers ThreeSteps(double learning_rate, Add add) {
  GraphBuilder g("optimizer");
  const TensorType type{DType::kF32, {3}}, scalar{DType::kF32, {}};
  const Value w = g.State("net.w", type, {}, true);
  const Value grad = g.Input("grad", type);
  const Value rate = g.Input("rate", scalar), step = g.Input("step", scalar);
  add(g, w, grad, rate, step);
  const Graph graph = *g.Finish();
  std::map<int, Numbers> values;
  for (size_t v = 0; v < graph.values.size(); ++v) {
    if (graph.values[v].kind == ValueKind::kState) values[v] = {0, 0, 0};
  }
  values[w.id] = {0.5, -1.2, 2.0};
  values[rate.id] = {learning_rate};
  for (int i = 0; i < 3; ++i) {
    values[grad.id] = kGrads[i];
    values[step.id] = {i + 1.0};
    const auto all = *InterpretF64(graph, values);
    for (const auto& [state, next] : graph.updates) values[state] = all[next];
  }
  return values[w.id];
}

void ExpectNear(const Numbers& got, const Numbers& want) {
  for (size_t i = 0; i < want.size(); ++i) {
    EXPECT_NEAR(got[i], want[i], 1e-11) << i;  // the numbers have twelve digits
  }
}

Numbers AdamW(double rate, AdamWOptions options) {
  return ThreeSteps(rate, [&](GraphBuilder& g, Value w, Value d, Value lr, Value step) {
    AddAdamW(g, {w}, {d}, lr, step, options);
  });
}
Numbers Sgd(SgdOptions options) {
  return ThreeSteps(0.1, [&](GraphBuilder& g, Value w, Value d, Value lr, Value) {
    AddSgd(g, {w}, {d}, lr, options);
  });
}

TEST(Optimizer, AdamW) {  // AdamW(lr=0.01)
  ExpectNear(AdamW(0.01, {}), {0.485621865503, -1.20094596297, 1.97966946998});
}
TEST(Optimizer, AdamWOtherOptions) {
  // AdamW(lr=0.1, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.1)
  ExpectNear(
      AdamW(0.1, {.beta1 = 0.8, .beta2 = 0.95, .epsilon = 1e-6, .weight_decay = 0.1}),
      {0.353051039923, -1.1856311774, 1.74687542708});
}
TEST(Optimizer, Sgd) {  // SGD(lr=0.1)
  ExpectNear(Sgd({}), {0.48, -1.24, 1.8999});
}
TEST(Optimizer, SgdWithWeightDecay) {  // SGD(lr=0.1, weight_decay=0.05)
  ExpectNear(Sgd({.weight_decay = 0.05}), {0.4727366875, -1.2219896, 1.8710507475});
}
TEST(Optimizer, SgdWithMomentum) {  // SGD(lr=0.1, momentum=0.9, weight_decay=0.05)
  ExpectNear(Sgd({.momentum = 0.9, .weight_decay = 0.05}),
             {0.4332041875, -1.2253736, 1.6648706475});
}
TEST(Optimizer, SgdNesterov) {  // the same with nesterov=True
  ExpectNear(Sgd({.momentum = 0.9, .weight_decay = 0.05, .nesterov = 1}),
             {0.413259477062, -1.2449233964, 1.5714749171});
}

TEST(Optimizer, MomentsAreStatesNamedAfterTheParameter) {
  GraphBuilder g("names");
  const Value w = g.State("net.w", {DType::kBF16, {2}}, {}, true);
  const Value still = g.State("net.still", {DType::kF32, {2}}, {}, true);
  const Value d = g.Input("d", {DType::kBF16, {2}});
  const Value scalar = g.Input("scalar", {DType::kF32, {}});
  AddAdamW(g, {w, still}, {d, Value{}}, scalar, scalar);
  const auto graph = g.Finish();
  ASSERT_TRUE(graph.ok()) << graph.status();
  const int m = graph->FindValue("net.w.adam_m");
  ASSERT_GE(m, 0);
  EXPECT_EQ(graph->values[m].type.ToString(), "f32[2]");
  EXPECT_FALSE(graph->values[m].trainable);
  EXPECT_GE(graph->FindValue("net.w.adam_v"), 0);
  EXPECT_EQ(graph->FindValue("net.still.adam_m"), -1);
  EXPECT_EQ(graph->updates.size(), 3u);
}

TEST(Optimizer, ClipByGlobalNorm) {  // clip_grad_norm_ of [3, 0] and [4] to 2 and to 10
  for (double max_norm : {2.0, 10.0}) {
    GraphBuilder g("clip");
    const Value a = g.Input("a", {DType::kF32, {2}}),
                b = g.Input("b", {DType::kF32, {1}});
    Value norm;
    const auto clipped = ClipByGlobalNorm(g, {a, Value{}, b}, max_norm, &norm);
    const Graph graph = *g.Finish();
    const auto values = *InterpretF64(graph, {{a.id, {3, 0}}, {b.id, {4}}});
    EXPECT_EQ(values[norm.id][0], 5);
    EXPECT_FALSE(clipped[1].valid());
    ExpectNear(values[clipped[0].id],
               max_norm == 2 ? Numbers{1.19999976, 0} : Numbers{3, 0});
    ExpectNear(values[clipped[2].id], max_norm == 2 ? Numbers{1.59999968} : Numbers{4});
  }
}

}  // namespace
}  // namespace tatami
