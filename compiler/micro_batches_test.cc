#include "compiler/micro_batches.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "compiler/training_step.h"
#include "core/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "ops/arithmetic.h"
#include "ops/dropout.h"
#include "ops/reduce.h"

namespace tatami {
namespace {

// loss = sum(x * w), so d(loss)/dw is x; `seen` counts the samples' values.
struct SmallPass {
  GraphBuilder g{"small"};
  std::vector<Value> gradients;
};
void BuildSmallPass(SmallPass& pass) {
  GraphBuilder& g = pass.g;
  const Value x = g.BatchInput("x", {DType::kF32, {1}});
  const Value w = g.State("w", {DType::kF32, {1}}, {}, true);
  const Value seen = g.State("seen", {DType::kF32, {1}}, {}, false);
  g.Update(seen, Add(g, seen, x));
  pass.gradients = {Mul(g, x, w)};
}

TEST(MicroBatches, RunOneAfterTheOtherOnSharedStates) {
  SmallPass pass;
  BuildSmallPass(pass);
  GraphBuilder g("small");
  std::vector<Value> d = pass.gradients;
  RepeatForMicroBatches(*pass.g.Finish(), 2, d, g);
  ASSERT_EQ(d.size(), 1u);
  g.Update({g.graph().FindValue("w")}, d[0]);
  const auto graph = g.Finish();
  ASSERT_TRUE(graph.ok()) << graph.status();
  EXPECT_EQ(graph->ToString(),
            "state %w:f32[1]\n"
            "state %seen:f32[1]\n"
            "input %mb0.x:f32[1] part 0 of 2 of x\n"
            "input %mb1.x:f32[1] part 1 of 2 of x\n"
            "%mb0.add:f32[1] = add(%seen, %mb0.x)\n"
            "%mb0.mul:f32[1] = mul(%mb0.x, %w)\n"
            "%mb1.add:f32[1] = add(%mb0.add, %mb1.x)\n"
            "%mb1.mul:f32[1] = mul(%mb1.x, %w)\n"
            "%mb1.total.mul.add:f32[1] = add(%mb0.mul, %mb1.mul)\n"
            "update %seen = %mb1.add\n"
            "update %w = %mb1.total.mul.add\n");
  for (const GraphCall& call : graph->calls) {
    EXPECT_EQ(call.micro_batch, absl::StartsWith(call.name, "mb0.") ? 0 : 1)
        << call.name;
  }
}

// A gradient is added to the total right behind the call that makes it: then the part's
// own may go.
TEST(MicroBatches, OneAccumulatorOfEachGradientLives) {
  GraphBuilder g("net");
  Value x = g.BatchInput("x", {DType::kF32, {2, 3}});
  std::vector<Value> weights;
  for (int layer = 0; layer < 3; ++layer) {
    weights.push_back(
        g.State(absl::StrCat("w", layer), {DType::kF32, {2, 3}}, {}, true));
    x = Mul(g, x, weights.back());
  }
  const Value loss = ReduceSum(g, x, {0, 1}, {});
  g.Output("loss", loss);
  AddTrainingStep(g, loss, weights, {.name = "sgd"}, 4);
  const auto graph = g.Finish();
  ASSERT_TRUE(graph.ok()) << graph.status();
  int totals = 0;
  for (size_t c = 1; c < graph->calls.size(); ++c) {
    const GraphCall& call = graph->calls[c];
    if (!absl::StrContains(call.name, ".total.d_")) continue;
    ++totals;
    EXPECT_EQ(call.in[1], graph->calls[c - 1].out) << call.name;
    EXPECT_EQ(call.micro_batch, graph->calls[c - 1].micro_batch) << call.name;
  }
  EXPECT_EQ(totals, 3 * 3);
  // Calls of the parts in ascending order, then those of the step.
  int last = 0;
  for (const GraphCall& call : graph->calls) {
    const int index = call.micro_batch < 0 ? 4 : call.micro_batch;
    EXPECT_GE(index, last) << call.name;
    last = index;
  }
  EXPECT_EQ(last, 4);
}

TEST(MicroBatches, AnOutputThatIsNoScalarIsRefused) {
  SmallPass pass;
  BuildSmallPass(pass);
  pass.g.Output("logits", pass.gradients[0]);
  GraphBuilder g("small");
  RepeatForMicroBatches(*pass.g.Finish(), 2, pass.gradients, g);
  const absl::Status status = g.Finish().status();
  EXPECT_EQ(status.message(),
            "E0107: output 'logits' of small is f32[1]. With micro-batches a training "
            "step has scalar outputs only: their means.");
}

// What depends on no sample is the same for each part, also where it is random.
TEST(MicroBatches, OnlyWhatDependsOnSamplesDrawsAsOfItsPart) {
  GraphBuilder one("masks");
  const Value x = one.BatchInput("x", {DType::kF32, {5}});
  const Value w = one.State("w", {DType::kF32, {5}}, {}, true);
  const Value step = one.Input("mask_step", {DType::kF32, {}});
  const Value dropped = Dropout(one, x, step, {});
  std::vector<Value> d = {Mul(one, dropped, Dropout(one, w, step, {.stream = 1}))};
  GraphBuilder g("masks");
  RepeatForMicroBatches(*one.Finish(), 3, d, g);
  g.Update({g.graph().FindValue("w")}, d[0]);
  const auto graph = g.Finish();
  ASSERT_TRUE(graph.ok()) << graph.status();
  std::vector<int64_t> first;
  for (const GraphCall& call : graph->calls) {
    if (call.attrs.Has("first")) first.push_back(call.attrs.Int("first"));
  }
  EXPECT_THAT(first, ::testing::ElementsAre(0, 0, 5, 0, 10, 0));
}

}  // namespace
}  // namespace tatami
