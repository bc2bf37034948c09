// Training in bf16 on meshes: what the models become, exact numbers, ranks.
#include <algorithm>
#include <cstring>
#include <string>

#include "compiler/pipeline.h"
#include "compiler/training_step.h"
#include "gtest/gtest.h"
#include "models/model.h"
#include "ops/activation.h"
#include "ops/arithmetic.h"
#include "ops/conv.h"
#include "ops/matmul.h"
#include "ops/pool.h"
#include "ops/reduce.h"
#include "ops/reshape.h"
#include "tests/support/run_graph.h"

namespace tatami {
namespace {

class Zoo : public ::testing::TestWithParam<std::string> {};

TEST_P(Zoo, ProductsAreBF16AndAllThatIsKeptIsF32) {
  const auto preset = FindModel(GetParam());
  ASSERT_TRUE(preset.ok()) << preset.status();
  GraphBuilder g(preset->name);
  const BuiltModel model = BuildModel(g, *preset, 2, Mode::kTrain);
  AddTrainingStep(g, model.loss, model.parameters, {.name = "adamw", .clip_norm = 1}, 2,
                  Precision::kBF16);
  absl::StatusOr<Graph> graph = g.Finish();
  ASSERT_TRUE(graph.ok()) << graph.status();
  graph = RunPipeline(*std::move(graph));
  ASSERT_TRUE(graph.ok()) << graph.status();
  int products = 0, widened = 0;
  for (size_t c = 0; c < graph->calls.size(); ++c) {
    const OpCall call = graph->CallOf(static_cast<int>(c));
    const Box whole = (*call.op->rule)(call).WholeFactors();
    if ((*call.op->cost)(call, whole).matrix_flops == 0) continue;
    ++products;
    widened += call.out.dtype == DType::kF32;
    for (const TensorType& in : call.in) {
      EXPECT_EQ(in.dtype, DType::kBF16) << graph->calls[c].name;
    }
  }
  EXPECT_GT(products, 20);
  // Of each product one of three: the gradient by its weight. And a prediction.
  EXPECT_GE(widened, products / 3);
  for (const GraphValue& v : graph->values) {
    if (v.kind == ValueKind::kComputed || v.type.dtype == DType::kI32) continue;
    EXPECT_EQ(v.type.dtype, DType::kF32) << v.name;
  }
  for (const auto& [name, value] : graph->outputs) {
    EXPECT_EQ(graph->values[value].type.dtype, DType::kF32) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Models, Zoo,
                         ::testing::Values("drivenet-tiny", "drivenet-steering",
                                           "resnet-tiny", "resnet50"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

// A convolution, a relu, a pool and a product whose numbers are whole. With inputs and
// weights of -1, 0 and 1 and targets of 85 times that, what is stored in bf16 is at
// most 256 in magnitude, which bf16 holds: activations sum 19 such terms, their
// gradients three. Gradients by weights exceed 256.
absl::StatusOr<Graph> WholeNumbers(Precision precision) {
  GraphBuilder g("whole");
  const Value x = g.BatchInput("x", {DType::kF32, {2, 5, 6, 2}});
  const Value target = g.BatchInput("target", {DType::kF32, {2, 3}});
  const Value w = g.State("conv.weight", {DType::kF32, {3, 2, 3, 3}}, {}, true);
  const Value b = g.State("conv.bias", {DType::kF32, {3}}, {}, true);
  const Value v = g.State("fc.weight", {DType::kF32, {3, 2 * 3 * 3}}, {}, true);
  const WindowOptions same{
      .stride = {1, 1}, .dilation = {1, 1}, .pad_lo = {1, 1}, .pad_hi = {1, 1}};
  Value y = Relu(g, ConvBias(g, x, w, b, {.window = same}));
  y = MaxPool(g, y, {.kernel = {2, 2}, .window = {.stride = {2, 2}}});
  y = Matmul(g, Reshape(g, y, {2, 2 * 3 * 3}), v, {.transpose_b = 1});
  const Value loss = ReduceSum(g, Mul(g, y, target), {0, 1}, {});
  g.Output("loss", loss);
  g.Output("y", y);
  AddTrainingStep(g, loss, {w, b, v}, {.name = "sgd", .weight_decay = 0, .momentum = 0},
                  1, precision);
  absl::StatusOr<Graph> graph = g.Finish();
  return graph.ok() ? RunPipeline(*std::move(graph)) : graph;
}

TEST(Precision, WholeNumbersHaveTheBitsOfF32) {
  const auto f32 = WholeNumbers(Precision::kF32), bf16 = WholeNumbers(Precision::kBF16);
  ASSERT_TRUE(f32.ok() && bf16.ok()) << f32.status() << bf16.status();
  auto values = testing::DrawValues(*f32, 7, 1, 1, 2);
  const float rate = 1;
  std::memcpy(values.at("learning_rate").data(), &rate, sizeof rate);
  std::vector<float> target = testing::AsFloats(values.at("target"));
  for (float& t : target) t *= 85;
  std::memcpy(values.at("target").data(), target.data(), target.size() * sizeof rate);
  const auto want = testing::RunOnMesh(*f32, {.mesh = {1, 1}}, values, {});
  ASSERT_TRUE(want.ok()) << want.status();
  for (const Mesh mesh : {Mesh{1, 1}, Mesh{1, 4}, Mesh{2, 3}, Mesh{3, 2}}) {
    for (uint64_t seed = 0; seed < 10; ++seed) {
      const Plan plan = testing::RandomPlan(*bf16, mesh, seed);
      const auto got = testing::RunOnMesh(*bf16, plan, values, {});
      ASSERT_TRUE(got.ok()) << got.status();
      EXPECT_EQ(testing::FindDifference(*got, *want), "")
          << mesh.ToString() << " seed " << seed;
    }
  }
}

}  // namespace
}  // namespace tatami
