#include "tests/differential/chain_graph.h"

#include <cstring>

#include "compiler/passes/differentiate.h"
#include "ops/activation.h"
#include "ops/arithmetic.h"
#include "ops/conv.h"
#include "ops/matmul.h"
#include "ops/optimizer.h"
#include "ops/pool.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace tatami::testing {

absl::StatusOr<Graph> ChainGraph() {
  GraphBuilder g("chain");
  const Value x = g.Input("x", {DType::kF32, {2, 9, 10, 3}});
  const Value target = g.Input("target", {DType::kF32, {2, 5}});
  const Value rate = g.Input("rate", {DType::kF32, {}});
  const Value w = g.State("conv.weight", {DType::kF32, {4, 3, 3, 3}}, {}, true);
  const Value v = g.State("fc.weight", {DType::kF32, {5, 4 * 4 * 5}}, {}, true);
  const WindowOptions same{
      .stride = {1, 1}, .dilation = {1, 1}, .pad_lo = {1, 1}, .pad_hi = {1, 1}};
  Value y = Relu(g, Conv(g, x, w, {.window = same}));
  y = MaxPool(g, y, {.kernel = {2, 2}, .window = {.stride = {2, 2}}});
  y = Matmul(g, Reshape(g, y, {2, 4 * 5 * 4}), v, {.transpose_b = 1});
  const Value loss = ReduceSumSquares(g, Sub(g, y, target), {0, 1}, {});
  const std::vector<Value> d = Differentiate(g, loss, {w, v});
  g.Output("loss", loss);
  g.Output("y", y);
  AddSgd(g, {w, v}, d, rate, {});
  return g.Finish();
}

void SetRate(std::map<std::string, Bytes>& values) {
  const float rate = 0x1p-10f;
  std::memcpy(values.at("rate").data(), &rate, sizeof rate);
}

std::map<std::string, Bytes> ExactValues(const Graph& graph) {
  auto values = DrawValues(graph, 7, 1, 1, 2);
  SetRate(values);
  return values;
}

}  // namespace tatami::testing
