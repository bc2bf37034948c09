#include "compiler/test_graphs.h"

#include "absl/strings/str_cat.h"
#include "compiler/lower/lower.h"
#include "compiler/pipeline.h"
#include "compiler/training_step.h"
#include "core/check.h"
#include "core/random.h"
#include "core/test_draw.h"
#include "ops/activation.h"
#include "ops/arithmetic.h"
#include "ops/conv.h"
#include "ops/loss.h"
#include "ops/matmul.h"
#include "ops/pool.h"
#include "ops/reshape.h"

namespace tatami {

ConvNet BuildConvNet(GraphBuilder& g, TestActivation activation) {
  const Value x = g.Input("x", {DType::kF32, {2, 7, 6, 3}});
  const Value target = g.Input("target", {DType::kF32, {2, 5}});
  const Init init{.kind = Init::kNormal, .scale = 0.3};
  const Value w = g.State("conv.weight", {DType::kF32, {4, 3, 3, 3}}, init, true);
  const Value bias = g.State("conv.bias", {DType::kF32, {4}}, init, true);
  const Value fc = g.State("fc.weight", {DType::kF32, {5, 36}}, init, true);
  const WindowOptions same{
      .stride = {1, 1}, .dilation = {1, 1}, .pad_lo = {1, 1}, .pad_hi = {1, 1}};
  Value y = ConvBias(g, x, w, bias, {.window = same});
  y = activation == TestActivation::kRelu ? Relu(g, y) : Silu(g, y);
  y = Mul(g, y, y);  // read twice: two gradients meet
  y = AveragePool(g, y, {{.kernel = {2, 2}, .window = {.stride = {2, 2}}}});
  y = Matmul(g, Reshape(g, y, {2, 36}), fc, {.transpose_b = 1});
  const Value loss = MseLoss(g, y, target);
  g.Output("y", y);
  g.Output("loss", loss);
  return {loss, {w, bias, fc}};
}

Graph ConvNetTrainingStep() {
  GraphBuilder g("conv_net");
  const ConvNet net = BuildConvNet(g, TestActivation::kRelu);
  AddTrainingStep(g, net.loss, net.parameters, {.name = "sgd", .clip_norm = 1.0});
  absl::StatusOr<Graph> graph = g.Finish();
  TATAMI_CHECK(graph.ok()) << graph.status();
  return *std::move(graph);
}

Graph ChainTrainingStep(int layers, int64_t micro_batches) {
  GraphBuilder g("chain");
  Value x = g.BatchInput("x", {DType::kF32, {8, 64}});
  std::vector<Value> weights;
  for (int i = 0; i < layers; ++i) {
    weights.push_back(g.State(absl::StrCat("w", i), {DType::kF32, {64, 64}},
                              {Init::kNormal, 0.1}, true));
    x = Relu(g, Matmul(g, x, weights.back(), {}));
  }
  const Value loss = MeanAll(g, Square(g, x));
  g.Output("loss", loss);
  AddTrainingStep(g, loss, weights, {.name = "adamw"}, micro_batches);
  absl::StatusOr<Graph> graph = g.Finish();
  TATAMI_CHECK(graph.ok()) << graph.status();
  return *std::move(graph);
}

Graph DrawTrainingStep(uint64_t seed, size_t forward_calls, Precision precision) {
  Draw draw{.bits = std::mt19937_64(seed)};
  GraphBuilder g("trained");
  std::vector<Value> weights;
  const auto conv = [&](Value x, int64_t k) {
    const int64_t c = g.type(x).dim(3), size = draw(0, 1) == 0 ? 1 : 3;
    const int64_t pad = size / 2;
    weights.push_back(g.State("w", {DType::kF32, {k, c, size, size}}, {}, true));
    return Conv(g, x, weights.back(),
                {.window = {.pad_lo = {pad, pad}, .pad_hi = {pad, pad}}});
  };
  const int64_t side = 16 << draw(0, 2);
  Value x = g.Input("x", {DType::kF32, {draw(2, 8), side, side, 3}});
  x = Relu(g, conv(x, 16 << draw(0, 2)));
  std::vector<Value> levels;
  while (g.graph().calls.size() < forward_calls) {
    const Value y = Relu(g, conv(x, g.type(x).dim(3)));
    x = Relu(g, Add(g, conv(y, g.type(x).dim(3)), x));
    if (draw(0, 2) == 0 && levels.size() < 2) {
      levels.push_back(x);
      const WindowOptions halves{.stride = {2, 2}};
      x = conv(AveragePool(g, x, {{.kernel = {2, 2}, .window = halves}}),
               2 * g.type(x).dim(3));
    }
  }
  Value loss = MeanAll(g, Square(g, x));
  for (const Value level : levels) {
    loss = Add(g, loss, MeanAll(g, Square(g, conv(level, 8))));
  }
  g.Output("loss", loss);
  AddTrainingStep(g, loss, weights, {.name = "adamw", .clip_norm = 1}, 1, precision);
  absl::StatusOr<Graph> graph = g.Finish();
  TATAMI_CHECK(graph.ok()) << graph.status();
  absl::StatusOr<Graph> passed = RunPipeline(*std::move(graph));
  TATAMI_CHECK(passed.ok()) << passed.status();
  return *std::move(passed);
}

std::map<int, std::vector<double>> DrawF64(const Graph& graph, uint64_t seed) {
  std::map<int, std::vector<double>> out;
  for (size_t v = 0; v < graph.values.size(); ++v) {
    const GraphValue& value = graph.values[v];
    if (value.kind == ValueKind::kComputed) continue;
    std::vector<double>& x = out[static_cast<int>(v)];
    for (int64_t i = 0; i < value.type.num_elements(); ++i) {
      x.push_back(RandomNormal(seed, StreamOf(value.name), i));
    }
  }
  return out;
}

Plan DrawPlan(const Graph& graph, const Mesh& mesh, uint64_t seed) {
  Plan plan{.mesh = mesh};
  for (size_t c = 0; c < graph.calls.size(); ++c) {
    const OpCall call = graph.CallOf(static_cast<int>(c));
    const IndexRule rule = (*call.op->rule)(call);
    Cuts& cuts = plan.calls[graph.calls[c].name].cuts;
    for (const MeshAxis axis : {MeshAxis::kY, MeshAxis::kX}) {
      const uint64_t bits =
          RandomBits(seed, StreamOf(graph.calls[c].name), static_cast<uint64_t>(axis));
      const uint64_t f = bits % (rule.factors.size() + 1);  // the last: not cut
      if (AxisSize(mesh, axis) == 1 || f == rule.factors.size()) continue;
      const Factor& factor = rule.factors[f];
      AxisList longer = cuts[factor.name];
      longer.push_back(WholeAxis(mesh, axis));
      const bool too_short =
          factor.kind == FactorKind::kReduce && Parts(longer) > factor.size;
      if (factor.kind != FactorKind::kWhole && !too_short) cuts[factor.name] = longer;
      if (cuts[factor.name].empty()) cuts.erase(factor.name);
    }
  }
  return plan;
}

Plan DrawStagedPlan(const Graph& graph, const StageGrid& grid, uint64_t seed) {
  Plan plan = DrawPlan(graph, grid.stage_mesh(), seed);
  plan.mesh = grid.mesh;
  plan.stages = grid.stages;
  for (auto& [name, call] : plan.calls) {
    call.stage =
        static_cast<int>(RandomBits(seed, StreamOf(name), 2) % grid.stages.nodes());
  }
  return plan;
}

Program LoweredTrainingStep(const Mesh& mesh, uint64_t seed) {
  return LoweredStagedStep({mesh, {1, 1}}, seed);
}

Program LoweredStagedStep(const StageGrid& grid, uint64_t seed) {
  const Graph graph = ConvNetTrainingStep();
  absl::StatusOr<Program> program =
      Lower(graph, DrawStagedPlan(graph, grid, seed),
            {.machine = "test", .sram_bytes = 1 << 20, .code_bytes = 4096});
  TATAMI_CHECK(program.ok()) << program.status();
  return *std::move(program);
}

}  // namespace tatami
