#include "compiler/passes/remove_dead_calls.h"

#include "compiler/test_graphs.h"
#include "gtest/gtest.h"
#include "ops/activation.h"
#include "ops/arithmetic.h"
#include "ops/interpret.h"

namespace tatami {
namespace {

TEST(RemoveDeadCalls, RemovesWhatNothingReads) {
  GraphBuilder g("dead");
  const Value x = g.Input("x", {DType::kF32, {4}});
  const Value w = g.State("w", {DType::kF32, {4}}, {}, true);
  const Value dead = Relu(g, Tanh(g, x));
  Square(g, dead);
  const Value y = Add(g, x, w);
  Neg(g, y);
  g.Output("y", y);
  g.Update(w, Exp(g, w));
  Graph graph = *g.Finish();
  ASSERT_TRUE(RemoveDeadCalls(graph).ok());
  EXPECT_EQ(graph.ToString(),
            "input %x:f32[4]\n"
            "state %w:f32[4]\n"
            "%add:f32[4] = add(%x, %w)\n"
            "%exp:f32[4] = exp(%w)\n"
            "update %w = %exp\n"
            "output y = %add\n");
  EXPECT_TRUE(VerifyGraph(graph).ok());
  for (size_t c = 0; c < graph.calls.size(); ++c) {
    EXPECT_EQ(graph.values[graph.calls[c].out].producer, static_cast<int>(c));
  }
}

TEST(RemoveDeadCalls, ChangesNothingTheSecondTime) {
  Graph graph = ConvNetTrainingStep();
  ASSERT_TRUE(RemoveDeadCalls(graph).ok());
  const std::string once = graph.ToString();
  ASSERT_TRUE(RemoveDeadCalls(graph).ok());
  EXPECT_EQ(graph.ToString(), once);
}

TEST(RemoveDeadCalls, KeepsEveryValueThatIsRead) {
  Graph before = ConvNetTrainingStep();
  Graph after = before;
  ASSERT_TRUE(RemoveDeadCalls(after).ok());
  EXPECT_LT(after.calls.size(), before.calls.size()) << "nothing to remove";
  const auto want = InterpretF64(before, DrawF64(before, 1));
  const auto got = InterpretF64(after, DrawF64(after, 1));
  ASSERT_TRUE(want.ok() && got.ok()) << want.status() << got.status();
  for (const auto& [name, value] : before.outputs) {
    EXPECT_EQ((*got)[after.outputs.at(name)], (*want)[value]) << name;
  }
  ASSERT_EQ(after.updates.size(), before.updates.size());
  for (size_t u = 0; u < before.updates.size(); ++u) {
    EXPECT_EQ(after.values[after.updates[u].first].name,
              before.values[before.updates[u].first].name);
    EXPECT_EQ((*got)[after.updates[u].second], (*want)[before.updates[u].second]);
  }
}

}  // namespace
}  // namespace tatami
