#include "core/plan.h"

#include <random>

#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "core/toy_ops.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace tatami {
namespace {

using ::testing::HasSubstr;

// x[12,8] w[8,10], then by element with whole rows.
Graph TwoCalls() {
  GraphBuilder g("two");
  const Value x = g.Input("x", {DType::kF32, {12, 8}});
  const Value w = g.State("w", {DType::kF32, {8, 10}}, {}, true);
  g.Output("y", g.Call(ToyRowsOp(), {g.Call(ToyMatmulOp(), {x, w}, {{"scale", 1.0}})}));
  return *g.Finish();
}

std::string ParseFault(absl::string_view text) {
  const auto plan = ParsePlan(text, TwoCalls());
  if (plan.ok()) return "";
  EXPECT_EQ(GetErrorCode(plan.status()), ErrorCode::kBadPlan) << text;
  return std::string(plan.status().message());
}

TEST(Plan, TextIsReadBack) {
  const Graph graph = TwoCalls();
  const std::string text =
      "mesh 4x6\n"
      "toy_matmul: k=x:(2)3 m=y,x:(1)2\n"
      "toy_rows: d1=x\n";
  const auto plan = ParsePlan(text, graph);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->ToString(graph), text);
}

TEST(Plan, StagesAreReadBack) {
  const Graph graph = TwoCalls();
  const std::string text =
      "mesh 4x6 stages 2x3 on 5x7 minus (0,0)\n"
      "toy_matmul: k=x m=y -> m=y,x recompute stage 5\n"
      "toy_rows: any stage 0\n";
  const auto plan = ParsePlan(text, graph);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->ToString(graph), text);
  EXPECT_EQ(plan->stages, (Mesh{2, 3}));
  EXPECT_EQ(plan->calls.at("toy_matmul").stage, 5);
  // Axes are those of one stage: 2x2 nodes.
  EXPECT_EQ(plan->calls.at("toy_matmul").cuts.at("k")[0].size, 2);
  EXPECT_EQ(ParsePlan("mesh 4x6 stages 1x1\n", graph)->MeshText(), "4x6");
}

// Parts of the map may come in any order; what is dead is the map.
TEST(Plan, TheMapItWasMadeForIsReadBack) {
  const Graph graph = TwoCalls();
  const auto plan = ParsePlan(
      "mesh 4x4 on 5x6 minus (1,2)-(1,1),(0,0)  # as of Monday\ntoy_rows: d1=x\n",
      graph);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->map, "5x6 minus (0,0),(1,1)-(1,2)");
  EXPECT_EQ(plan->MeshText(), "4x4 on 5x6 minus (0,0),(1,1)-(1,2)");
  const std::string text = plan->ToString(graph);
  EXPECT_EQ(text,
            "mesh 4x4 on 5x6 minus (0,0),(1,1)-(1,2)\ntoy_matmul:\ntoy_rows: d1=x\n");
  EXPECT_EQ(ParsePlan(text, graph)->ToString(graph), text);
  EXPECT_EQ(ParsePlan("mesh 4x4 on 5x6\n", graph)->map, "");
  EXPECT_EQ(
      ParsePlan("mesh 4x4 on 5x6 minus (5,0)\n", graph).status().message(),
      "E0108: line 1 of the plan: (5,0) lies outside the 5x6 grid: rows are 0 to "
      "4, columns 0 to 5. Correct it, or name the machine or grid that it belongs "
      "to.");
}

// Every factor gets random digits of the mesh; what is printed is what is read.
TEST(Plan, RandomPlansSurviveTheirText) {
  const Graph graph = TwoCalls();
  const Mesh mesh{4, 6};
  const AxisRef digits[] = {{MeshAxis::kY, 1, 2},
                            {MeshAxis::kY, 2, 2},
                            {MeshAxis::kX, 1, 2},
                            {MeshAxis::kX, 2, 3}};
  std::mt19937_64 bits(3);
  for (int i = 0; i < 300; ++i) {
    Plan plan{.mesh = mesh};
    for (const GraphCall& call : graph.calls) {
      const bool matmul = call.op == &ToyMatmulOp();
      for (const AxisRef& digit : digits) {
        const uint64_t use = bits() % 4;
        if (matmul && use < 3) {
          const std::string factor(1, "mkn"[use]);
          AxisList& list = plan.calls[call.name].cuts[factor];
          list.push_back(digit);
          if (factor == "k" && Parts(list) > 8) list.pop_back();
          if (list.empty()) plan.calls[call.name].cuts.erase(factor);
        } else if (!matmul && use == 0) {
          plan.calls[call.name].cuts["d1"].push_back(digit);
        }
      }
    }
    const std::string text = plan.ToString(graph);
    const auto read = ParsePlan(text, graph);
    ASSERT_TRUE(read.ok()) << read.status() << "\n" << text;
    ASSERT_EQ(read->ToString(graph), text);
    for (const auto& [name, call] : plan.calls) {
      ASSERT_EQ(read->calls.at(name), call) << text;
    }
  }
}

TEST(Plan, CommentsBlankLinesAndMissingCallsAreFine) {
  const Graph graph = TwoCalls();
  const auto plan =
      ParsePlan("# pinned\n\nmesh 2x2  # small\n toy_rows : d1=y \n", graph);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->calls.size(), 1u);
  EXPECT_EQ(plan->ToString(graph), "mesh 2x2\ntoy_matmul:\ntoy_rows: d1=y\n");
}

TEST(Plan, RefusesWithTheLineAndTheReason) {
  EXPECT_THAT(ParseFault("mesh 4x6 stages 2x1\ntoy_rows: stage 2\n"),
              HasSubstr("line 2 of the plan, call toy_rows"));
  EXPECT_THAT(ParseFault("mesh 4x6 stages 2x1\ntoy_rows: stage 2\n"),
              HasSubstr("stage '2' is not one of the 2 of the plan"));
  EXPECT_THAT(ParseFault("mesh 4x6\ntoy_rows: stage\n"),
              HasSubstr("'stage' without its number"));
  EXPECT_THAT(ParseFault("mesh 4x6\ntoy_rows: stage 0 stage 0\n"),
              HasSubstr("a second stage"));
  EXPECT_EQ(GetErrorCode(ParsePlan("mesh 4x6 stages 3x1\n", TwoCalls()).status()),
            ErrorCode::kMeshTooLarge);
  EXPECT_EQ(ParseFault("mesh 2x2\ntoy_matmul: m=y\n"), "");
  EXPECT_THAT(ParseFault("toy_matmul: m=y\n"), HasSubstr("line 1 of the plan"));
  EXPECT_THAT(ParseFault("mesh 2x2\n\ntoy_matmull: m=y\n"),
              ::testing::AllOf(HasSubstr("line 3"), HasSubstr("toy_matmul'")));
  EXPECT_THAT(ParseFault("mesh 2x2\ntoy_matmul: q=y\n"), HasSubstr("no factor 'q'"));
  EXPECT_THAT(ParseFault("mesh 2x2\ntoy_matmul: m=y n=y\n"),
              HasSubstr("cuts two factors of one call"));
  EXPECT_THAT(ParseFault("mesh 4x2\ntoy_matmul: m=y:(1)2 n=y\n"),
              HasSubstr("cuts two factors of one call"));
  EXPECT_EQ(ParseFault("mesh 4x2\ntoy_matmul: m=y:(1)2 n=y:(2)2\n"), "");
  EXPECT_THAT(ParseFault("mesh 2x2\ntoy_rows: d0=y\n"), HasSubstr("may not be cut"));
  EXPECT_THAT(ParseFault("mesh 9x1\ntoy_matmul: k=y\n"),
              HasSubstr("has 8 elements, too few for 9 parts"));
  EXPECT_THAT(ParseFault("mesh 2x2\ntoy_matmul: m=z\n"), HasSubstr("is not known"));
  // Digits whose product wraps to 0.
  EXPECT_THAT(ParseFault("mesh 2x2\ntoy_matmul: m=y:(4294967296)4294967296\n"),
              HasSubstr("is not a sub-axis of 2 nodes"));
  EXPECT_THAT(ParseFault("mesh 4x4\ntoy_matmul: m=y\nmesh 2x2\n"),
              HasSubstr("line 3 of the plan: a second mesh"));
  EXPECT_THAT(ParseFault("mesh 2x2\ntoy_matmul: m=y\ntoy_matmul: m=x\n"),
              HasSubstr("line 3 of the plan: call toy_matmul was cut before"));
  EXPECT_THAT(ParseFault("mesh 2x2\ntoy_matmul: m=y m=x\n"),
              HasSubstr("factor 'm' is cut twice"));
  EXPECT_THAT(ParseFault("mesh 2x2\ntoy_matmul: m=y any\n"),
              HasSubstr("'any' leaves the cuts to the search"));
  EXPECT_THAT(ParseFault("mesh 2x2\ntoy_matmul: m=y -> m=y\n"),
              HasSubstr("no reduction of the rule"));
  EXPECT_THAT(ParseFault("mesh 2x2\ntoy_matmul: k=y -> k=y\n"),
              HasSubstr("'k' after '->' is no factor of the output"));
  EXPECT_THAT(ParseFault("mesh 2x2\ntoy_matmul: k=y -> m=y -> m=x\n"),
              HasSubstr("a second '->'"));
  EXPECT_THAT(ParseFault("mesh 2x2\ntoy_matmul: keep recompute\n"),
              HasSubstr("'recompute' after"));
  EXPECT_THAT(ParseFault("mesh 2x2\ntoy_*s: d0=y\n"), HasSubstr("may not be cut"));
  EXPECT_THAT(ParseFault("mesh 2x2\ntoy_*sx: any\n"), HasSubstr("no call 'toy_*sx'"));
}

TEST(Plan, PatternsFillInWhatNoLineNames) {
  const Graph graph = TwoCalls();
  const auto plan = ParsePlan(
      "mesh 4x2\n*: any keep\ntoy_matmul: k=y m=x -> m=x n=y recompute\n", graph);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->ToString(graph),
            "mesh 4x2\n"
            "toy_matmul: k=y m=x -> m=x n=y recompute\n"
            "toy_rows: any keep\n");
  const CallPlan& rows = plan->calls.at("toy_rows");
  EXPECT_TRUE(rows.open);
  EXPECT_EQ(rows.recompute, false);
}

}  // namespace
}  // namespace tatami
