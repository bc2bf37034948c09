#include "compiler/passes/narrow_storage.h"

#include "compiler/pipeline.h"
#include "compiler/training_step.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "ops/activation.h"
#include "ops/arithmetic.h"
#include "ops/batch_norm.h"
#include "ops/loss.h"
#include "ops/matmul.h"

namespace tatami {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TensorType F32(Dims dims) { return {DType::kF32, std::move(dims)}; }

// relu(x w1 + b) w2 beside f32 targets.
struct Perceptron {
  GraphBuilder g{"perceptron"};
  std::vector<Value> kept;  // w1, b, w2, loss
};
void BuildPerceptron(Perceptron& p) {
  GraphBuilder& g = p.g;
  const Value x = g.BatchInput("x", F32({2, 3}));
  const Value target = g.BatchInput("target", F32({2, 5}));
  const Value w1 = g.State("w1", F32({3, 4}), {}, true);
  const Value b = g.State("b", F32({4}), {}, true);
  const Value w2 = g.State("w2", F32({4, 5}), {}, true);
  const Value y = Matmul(g, Relu(g, Add(g, Matmul(g, x, w1), b)), w2);
  p.kept = {w1, b, w2, MseLoss(g, y, target)};
  g.Output("loss", p.kept.back());
  g.Output("y", y);
}

// The whole rule on one page: the first product begins it, what depends on inputs is
// followed, weights follow, the meeting with the f32 target ends it.
TEST(NarrowStorage, GoesFromTheFirstProductToTheLoss) {
  Perceptron p;
  BuildPerceptron(p);
  NarrowStorage(p.g, absl::MakeSpan(p.kept));
  EXPECT_EQ(p.g.type(p.kept[0]), F32({3, 4}));
  EXPECT_EQ(p.g.type(p.kept[3]), F32({}));
  const auto graph = p.g.Finish();
  ASSERT_TRUE(graph.ok()) << graph.status();
  EXPECT_EQ(
      graph->ToString(),
      "input %x:f32[2,3]\n"
      "input %target:f32[2,5]\n"
      "state %w1:f32[3,4]\n"
      "state %b:f32[4]\n"
      "state %w2:f32[4,5]\n"
      "%x.cast:bf16[2,3] = cast(%x) {dtype='bf16'}\n"
      "%w1.cast:bf16[3,4] = cast(%w1) {dtype='bf16'}\n"
      "%matmul:bf16[2,4] = matmul(%x.cast, %w1.cast) {transpose_a=0 transpose_b=0}\n"
      "%b.cast:bf16[4] = cast(%b) {dtype='bf16'}\n"
      "%add:bf16[2,4] = add(%matmul, %b.cast)\n"
      "%relu:bf16[2,4] = relu(%add)\n"
      "%w2.cast:bf16[4,5] = cast(%w2) {dtype='bf16'}\n"
      "%matmul_1:bf16[2,5] = matmul(%relu, %w2.cast) {transpose_a=0 transpose_b=0}\n"
      "%matmul_1.cast:f32[2,5] = cast(%matmul_1) {dtype='f32'}\n"
      "%sub:f32[2,5] = sub(%matmul_1.cast, %target)\n"
      "%reduce_sum_squares:f32[] = reduce_sum_squares(%sub) {dims=[0,1] keep=[]}\n"
      "%affine:f32[] = affine(%reduce_sum_squares) {scale=0.10000000000000001 "
      "shift=0}\n"
      "output loss = %affine\n"
      "output y = %matmul_1.cast\n");
}

// Sums of products go straight from their accumulators to f32, whatever they sum: no
// gradient by a weight is ever rounded to bf16, nor is a prediction.
TEST(NarrowStorage, GradientsByWeightsAreMadeInF32) {
  Perceptron p;
  BuildPerceptron(p);
  const Value loss = p.kept.back();
  p.kept.pop_back();
  AddTrainingStep(p.g, loss, p.kept, {.name = "sgd"}, 1, Precision::kBF16);
  absl::StatusOr<Graph> graph = p.g.Finish();
  ASSERT_TRUE(graph.ok()) << graph.status();
  graph = RunPipeline(*std::move(graph));
  ASSERT_TRUE(graph.ok()) << graph.status();
  EXPECT_THAT(
      graph->ToString(),
      AllOf(HasSubstr("%matmul_1.cast:f32[2,5] = matmul(%relu, %w2.cast) "),
            HasSubstr("%d_matmul_1.matmul:bf16[2,4] = matmul(%d_matmul_1.cast.cast, "
                      "%w2.cast) "),
            HasSubstr("%d_w2.cast.cast:f32[4,5] = matmul(%relu, "
                      "%d_matmul_1.cast.cast) "),
            HasSubstr("%d_b.cast.cast:f32[4] = reduce_sum(%d_relu.relu_grad) "),
            HasSubstr("%d_w1.cast.cast:f32[3,4] = matmul(%x.cast, "
                      "%d_relu.relu_grad) ")));
}

// Statistics, gamma and beta stay f32 beside a bf16 activation, and so does a loss that
// is one op: what it reads is widened for it.
TEST(NarrowStorage, StatisticsAndLossesKeepF32) {
  GraphBuilder g("norm");
  const Value x = g.BatchInput("x", F32({4, 3}));
  const Value labels = g.BatchInput("labels", {DType::kI32, {4}});
  const Value w = g.State("w", F32({3, 2}), {}, true);
  const Value gamma = g.State("gamma", F32({2}), {}, true);
  const Value beta = g.State("beta", F32({2}), {}, true);
  const Value y = BatchNorm(g, Matmul(g, x, w), gamma, beta, 1e-5).y;
  g.Output("loss", SoftmaxCrossEntropyLoss(g, y, labels, {}));
  NarrowStorage(g);
  const auto graph = g.Finish();
  ASSERT_TRUE(graph.ok()) << graph.status();
  EXPECT_THAT(graph->ToString(),
              AllOf(HasSubstr("%channel_mean:f32[2] = channel_mean(%matmul)"),
                    HasSubstr("%channel_variance:f32[2] = channel_variance(%matmul, "
                              "%channel_mean)"),
                    HasSubstr("%batch_norm:bf16[4,2] = batch_norm(%matmul, "
                              "%channel_mean, %channel_variance, %gamma, %beta) "),
                    HasSubstr("%cross_entropy:f32[4] = cross_entropy(%batch_norm.cast, "
                              "%labels) ")));
}

// What depends on inputs decides: where that is f32, all is.
TEST(NarrowStorage, NothingIsNarrowedWithoutAProduct) {
  GraphBuilder g("sum");
  const Value x = g.BatchInput("x", F32({4, 3}));
  const Value b = g.State("b", F32({3}), {}, true);
  g.Output("loss", MeanAll(g, Relu(g, Add(g, x, b))));
  NarrowStorage(g);
  const auto graph = g.Finish();
  ASSERT_TRUE(graph.ok()) << graph.status();
  EXPECT_THAT(graph->ToString(), Not(HasSubstr("bf16")));
}

}  // namespace
}  // namespace tatami
