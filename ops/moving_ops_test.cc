// What the conformance suite cannot see of the ops that move elements: which rules they
// derive, what they do with bad indices, and what they say to bad operands.
#include <cmath>
#include <limits>
#include <vector>

#include "gtest/gtest.h"
#include "ops/concat.h"
#include "ops/gather.h"
#include "ops/pad.h"
#include "ops/reshape.h"
#include "ops/slice.h"
#include "ops/transpose.h"

namespace tatami {
namespace {

TensorType F32(Dims dims) { return {DType::kF32, std::move(dims)}; }

std::string RuleOf(const GraphBuilder& g) {
  const Graph& graph = g.graph();
  const OpCall call = graph.CallOf(static_cast<int>(graph.calls.size()) - 1);
  return (*call.op->rule)(call).ToString();
}

std::string ReshapeRuleOf(Dims from, Dims to) {
  GraphBuilder g("reshape");
  Reshape(g, g.Input("x", F32(std::move(from))), std::move(to));
  return RuleOf(g);
}

TEST(Reshape, CutsTheLeadingDimOfEveryGroup) {
  EXPECT_EQ(ReshapeRuleOf({6, 5}, {6, 1, 1, 5}), "d0 d3 -> d0 d1 d2 d3");
  EXPECT_EQ(ReshapeRuleOf({2, 4, 3, 5}, {2, 12, 5}),
            "d0 d1{1/3 0..0} _ d2 -> d0 d1 d2");
  EXPECT_EQ(ReshapeRuleOf({2, 12, 5}, {2, 4, 3, 5}),
            "d0 d1{3/1 0..2} d3 -> d0 d1 d2! d3");
  EXPECT_EQ(ReshapeRuleOf({4, 9}, {6, 6}), "d0{6/9 0..5} _ -> d0 d1!");
}

TEST(Concat, APartReadsNothingOfOperandsThatLieElsewhere) {
  GraphBuilder g("concat");
  Concat(g, {g.Input("a", F32({3, 2})), g.Input("b", F32({3, 4}))}, -1);
  const OpCall call = g.graph().CallOf(0);
  const IndexRule rule = (*call.op->rule)(call);
  const Box factors{{0, 3}, {3, 5}};
  EXPECT_EQ(NumElements(OperandBox(rule.inputs[0], factors, {3, 2})), 0);
  EXPECT_EQ(ToString(OperandBox(rule.inputs[1], factors, {3, 4})), "[0,3)x[1,3)");
}

// Runs the first kernel and the reference of the last call on whole operands.
template <typename T>
std::vector<std::vector<T>> RunBoth(const GraphBuilder& g,
                                    std::vector<const std::byte*> in) {
  auto call = std::make_shared<OpCall>(
      g.graph().CallOf(static_cast<int>(g.graph().calls.size()) - 1));
  const IndexRule rule = (*call->op->rule)(*call);
  const LocalCall at = MakeLocalCall(call, rule, rule.WholeFactors());
  std::vector<std::vector<T>> results;
  KernelCache cache;
  for (const auto& kernel : {*ChooseKernel(at, cache), ReferenceKernel()}) {
    std::vector<T> out(call->out.num_elements(), T{77});
    kernel->Run(at, in, reinterpret_cast<std::byte*>(out.data()));
    results.push_back(std::move(out));
  }
  return results;
}

template <typename T>
const std::byte* Bytes(const std::vector<T>& v) {
  return reinterpret_cast<const std::byte*>(v.data());
}

constexpr int32_t kHuge = std::numeric_limits<int32_t>::max();

TEST(Gather, AnIndexOutsideTheTableMakesNaNAndReadsNothing) {
  GraphBuilder g("gather");
  Gather(g, g.Input("t", F32({2, 2})), g.Input("i", {DType::kI32, {4}}));
  const std::vector<float> table = {1, 2, 3, 4};
  const std::vector<int32_t> index = {1, -1, 2, kHuge};
  for (const auto& out : RunBoth<float>(g, {Bytes(table), Bytes(index)})) {
    EXPECT_EQ(out[0], 3);
    EXPECT_EQ(out[1], 4);
    for (size_t e = 2; e < 8; ++e) EXPECT_TRUE(std::isnan(out[e])) << e;
  }
}

TEST(Gather, AnIndexOutsideAnIntegerTableMakesZero) {
  GraphBuilder g("gather");
  Gather(g, g.Input("t", {DType::kI32, {2}}), g.Input("i", {DType::kI32, {3}}));
  const std::vector<int32_t> table = {5, 6}, index = {1, 2, 0};
  for (const auto& out : RunBoth<int32_t>(g, {Bytes(table), Bytes(index)})) {
    EXPECT_EQ(out, (std::vector<int32_t>{6, 0, 5}));
  }
}

TEST(GatherGrad, AnIndexOutsideTheTableAddsNowhere) {
  GraphBuilder g("gather_grad");
  GatherGrad(g, g.Input("i", {DType::kI32, {4}}), g.Input("d", F32({4})), 3);
  const std::vector<int32_t> index = {2, -1, 2, kHuge};
  const std::vector<float> d = {1, 2, 4, 8};
  for (const auto& out : RunBoth<float>(g, {Bytes(index), Bytes(d)})) {
    EXPECT_EQ(out, (std::vector<float>{0, 0, 5}));
  }
}

template <typename Build>
std::string ErrorOf(Build build) {
  GraphBuilder g("bad");
  build(g, g.Input("x", F32({2, 6})));
  return std::string(g.Finish().status().message());
}

TEST(MovingOps, RefuseBadOperandsWithTheNumbers) {
  EXPECT_EQ(ErrorOf([](auto& g, Value x) {
              Reshape(g, x, {5, 2});
            }),
            "E0107: reshape keeps the number of elements; got f32[2,6] with 12 into "
            "f32[5,2] with 10 (in reshape)");
  EXPECT_EQ(ErrorOf([](auto& g, Value x) {
              Reshape(g, x, {-1, 12});
            }),
            "E0107: reshape needs dims above 0; got f32[-1,12] (in reshape)");
  EXPECT_EQ(
      ErrorOf([](auto& g, Value x) {
        Transpose(g, x, {1, 1});
      }),
      "E0107: transpose needs one operand and each of its dims once; got f32[2,6] "
      "and perm [1,1] (in transpose)");
  EXPECT_EQ(ErrorOf([](auto& g, Value x) {
              Slice(g, x, {0, 4}, {2, 3});
            }),
            "E0107: slice needs indices inside dim 1; got f32[2,6], begin [0,4], size "
            "[2,3], step [1,1] (in slice)");
  EXPECT_EQ(
      ErrorOf([](auto& g, Value x) {
        Pad(g, x, {0, -1}, {0, 0}, 0);
      }),
      "E0107: pad needs borders of 0 or more: use slice to crop; got f32[2,6], lo "
      "[0,-1], hi [0,0], step [1,1] (in pad)");
  EXPECT_EQ(
      ErrorOf([](auto& g, Value x) {
        Concat(g, {x, x}, 2);
      }),
      "E0107: concat along dim 2 needs operands that have this dim; got f32[2,6], "
      "f32[2,6] (in concat)");
  EXPECT_EQ(ErrorOf([](auto& g, Value x) { Gather(g, x, x); }),
            "E0107: gather needs a table [V, D..] and an i32 index; got f32[2,6] and "
            "f32[2,6] (in gather)");
}

}  // namespace
}  // namespace tatami
