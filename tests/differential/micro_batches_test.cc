// A training step whose batch is taken in micro-batches does what the step of the whole
// batch does: to the bit where every sum is exact, else within the bound of its own
// rounding. Without batch norm, that is, whose statistics are of a part; with it,
// tests/pytorch compares.
#include <cmath>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "compiler/pipeline.h"
#include "compiler/training_step.h"
#include "gtest/gtest.h"
#include "ops/activation.h"
#include "ops/arithmetic.h"
#include "ops/conv.h"
#include "ops/dropout.h"
#include "ops/loss.h"
#include "ops/matmul.h"
#include "ops/pool.h"
#include "ops/reduce.h"
#include "ops/reshape.h"
#include "tests/differential/rounding_model.h"
#include "tests/support/run_graph.h"

namespace tatami {
namespace {

using testing::Bytes;

constexpr int64_t kBatch = 8;
constexpr Mesh kMesh = {2, 3};

// conv, relu, max pool, dropout, matmul, mean squared error over all samples, one SGD
// step; `seen` adds up the samples of all steps, `weight_share` is fed whole.
absl::StatusOr<Graph> Net(int64_t micro_batches) {
  const int64_t n = kBatch / micro_batches;
  GraphBuilder g("net");
  const Value x = g.BatchInput("x", {DType::kF32, {n, 9, 10, 3}});
  const Value target = g.BatchInput("target", {DType::kF32, {n, 4}});
  const Value mask_step = g.Input("mask_step", {DType::kF32, {}});
  const Value share = g.Input("weight_share", {DType::kF32, {4}});
  const Value w = g.State("conv.weight", {DType::kF32, {4, 3, 3, 3}}, {}, true);
  const Value v = g.State("fc.weight", {DType::kF32, {4, 4 * 4 * 5}}, {}, true);
  const Value seen = g.State("seen", {DType::kF32, {3}}, {}, false);
  g.Update(seen, Add(g, seen, ReduceSum(g, x, {0, 1, 2}, {})));
  const WindowOptions same{
      .stride = {1, 1}, .dilation = {1, 1}, .pad_lo = {1, 1}, .pad_hi = {1, 1}};
  Value y = Relu(g, Conv(g, x, w, {.window = same}));
  y = MaxPool(g, y, {.kernel = {2, 2}, .window = {.stride = {2, 2}}});
  y = Dropout(g, y, mask_step, {.probability = 0.5, .seed = 3, .stream = 11});
  y = Matmul(g, Reshape(g, y, {n, 4 * 5 * 4}), v, {.transpose_b = 1});
  const Value loss = MeanAll(g, Square(g, Mul(g, Sub(g, y, target), share)));
  g.Output("loss", loss);
  AddTrainingStep(g, loss, {w, v}, {.name = "sgd", .weight_decay = 0, .momentum = 0.5},
                  micro_batches);
  absl::StatusOr<Graph> graph = g.Finish();
  return graph.ok() ? RunPipeline(*std::move(graph)) : graph;
}

void SetScalar(std::map<std::string, Bytes>& values, const std::string& name, float x) {
  std::memcpy(values.at(name).data(), &x, sizeof x);
}

// Small whole numbers; the batch has a power of two of targets: all sums are exact.
std::map<std::string, Bytes> ExactValues(const Graph& graph) {
  auto values = testing::DrawValues(graph, 7, 1, 1, 2);
  SetScalar(values, "learning_rate", 0x1p-6f);
  SetScalar(values, "mask_step", 5);
  return values;
}

TEST(MicroBatches, GiveTheBitsOfTheWholeBatchWhereSumsAreExact) {
  const auto whole = Net(1);
  ASSERT_TRUE(whole.ok()) << whole.status();
  const auto values = ExactValues(*whole);
  const auto want = testing::RunOnMesh(*whole, {.mesh = {1, 1}}, values, {});
  ASSERT_TRUE(want.ok()) << want.status();
  EXPECT_NE(want->states.at("fc.weight"), values.at("fc.weight"));
  EXPECT_NE(want->states.at("seen"), values.at("seen"));
  for (const int64_t micro_batches : {1, 2, 4, 8}) {
    const auto graph = Net(micro_batches);
    ASSERT_TRUE(graph.ok()) << graph.status();
    ASSERT_EQ(ExactValues(*graph), values);  // the host feeds the same
    for (uint64_t seed = 0; seed < 4; ++seed) {
      const Plan plan =
          seed == 0 ? Plan{.mesh = {1, 1}} : testing::RandomPlan(*graph, kMesh, seed);
      const auto got = testing::RunOnMesh(*graph, plan, values, {.threads = 2});
      ASSERT_TRUE(got.ok()) << got.status();
      EXPECT_EQ(testing::FindDifference(*got, *want), "")
          << micro_batches << " micro-batches, plan " << seed;
      EXPECT_EQ(got->link_bytes, CountLinkBytes(got->program));
    }
  }
}

std::map<std::string, Bytes> RealValues(const Graph& graph) {
  auto values = testing::DrawValues(graph, 3, 512, 1024.0, 2);
  SetScalar(values, "learning_rate", 0.05f);
  SetScalar(values, "mask_step", 5);
  return values;
}

double LargestDifference(const std::vector<double>& a, const std::vector<double>& b) {
  double most = 0, scale = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    most = std::max(most, std::abs(a[i] - b[i]));
    scale = std::max(scale, std::abs(b[i]));
  }
  return scale > 0 ? most / scale : most;
}

// In f64 the micro-batches' step is the whole batch's, up to the order of sums; in f32
// on a mesh it is as near to that as rounding lets it be.
TEST(MicroBatches, StayWithinTheRoundingBound) {
  const auto whole = Net(1);
  ASSERT_TRUE(whole.ok()) << whole.status();
  const auto values = RealValues(*whole);
  const auto truth =
      testing::ModelRounding(*whole, values, {.steps = 2, .nodes = kMesh.nodes()});
  ASSERT_TRUE(truth.ok()) << truth.status();
  for (const int64_t micro_batches : {2, 4}) {
    const auto graph = Net(micro_batches);
    ASSERT_TRUE(graph.ok()) << graph.status();
    const auto model =
        testing::ModelRounding(*graph, values, {.steps = 2, .nodes = kMesh.nodes()});
    ASSERT_TRUE(model.ok()) << model.status();
    for (const auto& [name, want] : truth->truth.states) {
      EXPECT_LT(LargestDifference(model->truth.states.at(name), want), 1e-13) << name;
    }
    EXPECT_LT(LargestDifference(model->truth.outputs.at("loss"),
                                truth->truth.outputs.at("loss")),
              1e-13);
    double worst = 0;
    for (const uint64_t seed : {1, 2, 3}) {
      const auto got = testing::RunOnMesh(
          *graph, testing::RandomPlan(*graph, kMesh, seed), values, {.steps = 2});
      ASSERT_TRUE(got.ok()) << got.status();
      EXPECT_EQ(testing::FindExcess(*got, *model, &worst), "") << micro_batches;
    }
    std::cout << micro_batches << " micro-batches: largest error is " << worst
              << " of its bound\n";
  }
}

TEST(MicroBatches, QuickRanksAndThreadsDoNotChangeABit) {
  const auto graph = Net(4);
  ASSERT_TRUE(graph.ok()) << graph.status();
  const auto values = RealValues(*graph);
  const Plan plan = testing::RandomPlan(*graph, kMesh, 1);
  const auto want = testing::RunOnMesh(*graph, plan, values, {.steps = 2});
  ASSERT_TRUE(want.ok()) << want.status();
  for (const int ranks : {1, 2, 3, 6}) {
    for (const int threads : {1, 2}) {
      const auto got = testing::RunOnMesh(
          *graph, plan, values, {.ranks = ranks, .threads = threads, .steps = 2});
      ASSERT_TRUE(got.ok()) << got.status();
      EXPECT_EQ(testing::FindDifference(*got, *want), "") << ranks << " x " << threads;
    }
  }
}

}  // namespace
}  // namespace tatami
