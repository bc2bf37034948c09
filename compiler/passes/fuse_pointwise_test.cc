#include "compiler/passes/fuse_pointwise.h"

#include "compiler/test_graphs.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "ops/activation.h"
#include "ops/conv.h"
#include "ops/interpret.h"

namespace tatami {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// x and w of a 1x1 convolution.
struct Operands {
  Value x, w;
};
Operands AddOperands(GraphBuilder& g) {
  return {g.Input("x", {DType::kF32, {1, 4, 4, 2}}),
          g.State("w", {DType::kF32, {3, 2, 1, 1}}, {}, true)};
}

TEST(FusePointwise, AConvolutionTakesOverTheReluBehindIt) {
  GraphBuilder g("conv_relu");
  const auto [x, w] = AddOperands(g);
  g.Output("y", Relu(g, Conv(g, x, w)));
  Graph graph = *g.Finish();
  ASSERT_THAT(graph.ToString(), HasSubstr("%relu:f32[1,4,4,3] = relu(%conv)"));
  ASSERT_TRUE(FusePointwise(graph).ok());
  EXPECT_EQ(graph.ToString(),
            "input %x:f32[1,4,4,2]\n"
            "state %w:f32[3,2,1,1]\n"
            "%relu:f32[1,4,4,3] = conv(%x, %w) {activation='relu' dilation=[1,1] "
            "groups=1 pad_hi=[0,0] pad_lo=[0,0] stride=[1,1]}\n"
            "output y = %relu\n");
  EXPECT_TRUE(VerifyGraph(graph).ok());
}

TEST(FusePointwise, LeavesAValueThatOthersRead) {
  GraphBuilder g("read_twice");
  const auto [x, w] = AddOperands(g);
  const Value y = Conv(g, x, w);
  g.Output("linear", y);
  g.Output("y", Relu(g, y));
  Graph graph = *g.Finish();
  const std::string before = graph.ToString();
  ASSERT_TRUE(FusePointwise(graph).ok());
  EXPECT_EQ(graph.ToString(), before);
}

TEST(FusePointwise, LeavesWhatTheProducerDoesNotOffer) {
  GraphBuilder g("tanh");
  const auto [x, w] = AddOperands(g);
  g.Output("y", Tanh(g, Conv(g, x, w)));
  g.Output("z", Relu(g, Relu(g, x)));
  Graph graph = *g.Finish();
  const std::string before = graph.ToString();
  ASSERT_TRUE(FusePointwise(graph).ok());
  EXPECT_EQ(graph.ToString(), before);
}

// The references add the same numbers in the same order, so nothing is rounded
// otherwise: equal bits.
TEST(FusePointwise, KeepsEveryValueOfATrainingStep) {
  const Graph before = ConvNetTrainingStep();
  Graph after = before;
  ASSERT_TRUE(FusePointwise(after).ok());
  EXPECT_THAT(after.ToString(), HasSubstr("activation='relu'"));
  EXPECT_THAT(after.ToString(), Not(HasSubstr("= relu(")));
  const auto want = InterpretF64(before, DrawF64(before, 2));
  const auto got = InterpretF64(after, DrawF64(after, 2));
  ASSERT_TRUE(want.ok() && got.ok()) << want.status() << got.status();
  for (const auto& [name, value] : before.outputs) {
    EXPECT_EQ((*got)[after.outputs.at(name)], (*want)[value]) << name;
  }
  for (size_t u = 0; u < before.updates.size(); ++u) {
    EXPECT_EQ((*got)[after.updates[u].second], (*want)[before.updates[u].second])
        << before.values[before.updates[u].first].name;
  }
}

}  // namespace
}  // namespace tatami
