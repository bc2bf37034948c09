#include "compiler/passes/differentiate.h"

#include "compiler/test_graphs.h"
#include "core/error.h"
#include "core/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "ops/activation.h"
#include "ops/interpret.h"
#include "ops/reduce.h"

namespace tatami {
namespace {

using ::testing::HasSubstr;

double LossAt(const Graph& graph, int loss,
              const std::map<int, std::vector<double>>& values) {
  const auto all = InterpretF64(graph, values);
  EXPECT_TRUE(all.ok()) << all.status();
  return (*all)[loss][0];
}

TEST(Differentiate, GradientsAreTheSlopesOfTheLoss) {
  GraphBuilder g("net");
  const ConvNet net = BuildConvNet(g, TestActivation::kSilu);
  const std::vector<Value> gradients = Differentiate(g, net.loss, net.parameters);
  const auto graph = g.Finish();
  ASSERT_TRUE(graph.ok()) << graph.status();
  const auto values = DrawF64(*graph, 3);
  const auto all = InterpretF64(*graph, values);
  ASSERT_TRUE(all.ok()) << all.status();
  for (size_t p = 0; p < net.parameters.size(); ++p) {
    const int id = net.parameters[p].id;
    const std::vector<double>& gradient = (*all)[gradients[p].id];
    for (uint64_t direction = 0; direction < 3; ++direction) {
      // A central difference is off by h^2/6 |f'''| + 2^-53 |f| / h; with h = 1e-5
      // that is 2e-11 |f'''| + 1e-11 |f|, far below the tolerance for a loss and
      // slopes of order 1 to 1000, as here.
      const double h = 1e-5;
      auto ahead = values, behind = values;
      double slope = 0;
      for (size_t i = 0; i < gradient.size(); ++i) {
        const double d = RandomNormal(direction, id, i);
        ahead[id][i] += h * d;
        behind[id][i] -= h * d;
        slope += gradient[i] * d;
      }
      const double difference =
          (LossAt(*graph, net.loss.id, ahead) - LossAt(*graph, net.loss.id, behind)) /
          (2 * h);
      EXPECT_NEAR(slope, difference, 1e-6 * (1 + std::abs(difference)))
          << graph->values[id].name << " direction " << direction;
      EXPECT_GT(std::abs(slope), 1e-3) << "says nothing";
    }
  }
}

TEST(Differentiate, KeepsEveryExistingCallAsItIs) {
  GraphBuilder g("net");
  const ConvNet net = BuildConvNet(g, TestActivation::kRelu);
  const Graph before = g.graph();
  Differentiate(g, net.loss, net.parameters);
  const auto graph = g.Finish();
  ASSERT_TRUE(graph.ok()) << graph.status();
  ASSERT_GT(graph->calls.size(), before.calls.size());
  Graph kept = *graph;
  kept.calls.resize(before.calls.size());
  kept.values.resize(before.values.size());
  EXPECT_EQ(kept.ToString(), before.ToString());
}

TEST(Differentiate, AParameterThatDoesNotReachTheLossIsRefusedByName) {
  GraphBuilder g("net");
  ConvNet net = BuildConvNet(g, TestActivation::kRelu);
  net.parameters.push_back(g.State("idle", {DType::kF32, {3}}, {}, true));
  Differentiate(g, net.loss, net.parameters);
  const auto graph = g.Finish();
  EXPECT_EQ(GetErrorCode(graph.status()), ErrorCode::kBadGraph);
  EXPECT_EQ(graph.status().message(),
            "E0107: the loss does not depend on parameter 'idle'");
}

TEST(Differentiate, WritesTheBackwardCallsInReverse) {
  GraphBuilder g("small");
  const Value w = g.State("w", {DType::kF32, {3}}, {}, true);
  const Value loss = ReduceSum(g, Sigmoid(g, w), {0});
  const std::vector<Value> d = Differentiate(g, loss, {w});
  g.Output("dw", d[0]);
  const auto graph = g.Finish();
  ASSERT_TRUE(graph.ok()) << graph.status();
  const std::string text = graph->ToString();
  EXPECT_LT(text.find("%fill"), text.find("%d_reduce_sum.spread"));
  EXPECT_LT(text.find("%d_reduce_sum.spread"), text.find("%d_sigmoid.sigmoid_grad"));
  EXPECT_THAT(text, HasSubstr("output dw = %d_sigmoid.sigmoid_grad"));
}

}  // namespace
}  // namespace tatami
