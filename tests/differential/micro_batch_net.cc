#include "tests/differential/micro_batch_net.h"

#include <cstring>

#include "compiler/pipeline.h"
#include "compiler/training_step.h"
#include "ops/activation.h"
#include "ops/arithmetic.h"
#include "ops/conv.h"
#include "ops/dropout.h"
#include "ops/loss.h"
#include "ops/matmul.h"
#include "ops/pool.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace tatami::testing {
namespace {

constexpr int64_t kBatch = 8;

void SetScalar(std::map<std::string, Bytes>& values, const std::string& name, float x) {
  std::memcpy(values.at(name).data(), &x, sizeof x);
}

}  // namespace

absl::StatusOr<Graph> MicroBatchNet(int64_t micro_batches) {
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

std::map<std::string, Bytes> ExactNetValues(const Graph& graph) {
  auto values = DrawValues(graph, 7, 1, 1, 2);
  SetScalar(values, "learning_rate", 0x1p-6f);
  SetScalar(values, "mask_step", 5);
  return values;
}

std::map<std::string, Bytes> RealNetValues(const Graph& graph) {
  auto values = DrawValues(graph, 3, 512, 1024.0, 2);
  SetScalar(values, "learning_rate", 0.05f);
  SetScalar(values, "mask_step", 5);
  return values;
}

}  // namespace tatami::testing
