#include "core/graph.h"

#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "core/toy_ops.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace tatami {
namespace {

using ::testing::HasSubstr;

TensorType F32(Dims dims) { return {DType::kF32, std::move(dims)}; }

Value Multiply(GraphBuilder& g, Value a, Value b) {
  return g.Call(ToyMatmulOp(), {a, b}, {{"scale", 0.5}});
}

// y = rows(x w), w updated by itself.
absl::StatusOr<Graph> SmallGraph() {
  GraphBuilder g("small");
  const Value x = g.Input("x", F32({4, 6}));
  const Value w =
      g.State("w", F32({6, 8}), {.kind = Init::kNormal, .scale = 0.1}, true);
  Value y;
  {
    const GraphBuilder::Scope scope(g, "head");
    y = g.Call(ToyRowsOp(), {Multiply(g, x, w)});
  }
  g.Output("y", y);
  g.Update(w, g.Call(ToyRowsOp(), {w}));
  return g.Finish();
}

TEST(GraphBuilder, PrintsOneLineACall) {
  const auto graph = SmallGraph();
  ASSERT_TRUE(graph.ok()) << graph.status();
  EXPECT_EQ(graph->ToString(),
            "input %x:f32[4,6]\n"
            "state %w:f32[6,8]\n"
            "%head.toy_matmul:f32[4,8] = toy_matmul(%x, %w) {scale=0.5}\n"
            "%head.toy_rows:f32[4,8] = toy_rows(%head.toy_matmul)\n"
            "%toy_rows:f32[6,8] = toy_rows(%w)\n"
            "update %w = %toy_rows\n"
            "output y = %head.toy_rows\n");
  EXPECT_EQ(graph->FindValue("w"), 1);
  EXPECT_EQ(graph->FindValue("head.w"), -1);
}

TEST(GraphBuilder, NamesStayUnique) {
  GraphBuilder g("names");
  const Value x = g.Input("x", F32({2, 2}));
  for (int i = 0; i < 3; ++i) g.Call(ToyRowsOp(), {x});
  // The second loop takes a name that a third unnamed call would have got.
  g.Input("toy_rows_3", F32({1}));
  g.Call(ToyRowsOp(), {x});
  const auto graph = g.Finish();
  ASSERT_TRUE(graph.ok()) << graph.status();
  EXPECT_THAT(graph->ToString(), HasSubstr("%toy_rows_2:"));
}

TEST(GraphBuilder, ACallComesFromTheLineOfItsInnermostScope) {
  GraphBuilder g("net");
  const Value x = g.Input("x", F32({4, 8})), w = g.Input("w", F32({8, 8}));
  const auto source = [&] {
    g.Call(ToyMatmulOp(), {x, w});
    return g.graph().calls.back().source;
  };
  EXPECT_EQ(source(), "");
  {
    const GraphBuilder::Scope outer(g, "outer");
    const std::string here = absl::StrCat("core/graph_test.cc:", __LINE__ - 1);
    EXPECT_EQ(source(), here);
    {
      const GraphBuilder::Scope inner(g, "inner", "models/net.cc:7");
      EXPECT_EQ(source(), "models/net.cc:7");
    }
    EXPECT_EQ(source(), here);
  }
  EXPECT_EQ(source(), "");
}

TEST(GraphBuilder, TheFirstErrorSticks) {
  GraphBuilder g("wrong");
  const Value x = g.Input("x", F32({4, 6}));
  const Value bad = Multiply(g, x, x);
  EXPECT_FALSE(bad.valid());
  EXPECT_FALSE(g.ok());
  g.Call(ToyRowsOp(), {bad});
  g.Fail(absl::InternalError("a later error"));
  g.Update(bad, x);
  g.Output("bad", bad);
  const auto graph = g.Finish();
  EXPECT_EQ(GetErrorCode(graph.status()), ErrorCode::kBadGraph);
  EXPECT_EQ(graph.status().message(),
            "E0107: toy_matmul needs A[m,k] and B[k,n] (in toy_matmul)");
}

TEST(GraphBuilder, AnInputThatWasNeverMadeIsRefusedByName) {
  GraphBuilder g("wrong");
  const GraphBuilder::Scope scope(g, "head");
  g.Call(ToyRowsOp(), {Value{}});
  const auto graph = g.Finish();
  EXPECT_EQ(graph.status().message(),
            "E0107: head.toy_rows: an input of toy_rows was never made");
}

TEST(GraphBuilder, AnOutputMadeTwiceOrNeverIsRefused) {
  GraphBuilder twice("wrong");
  const Value x = twice.Input("x", F32({2}));
  twice.Output("y", x);
  twice.Output("y", x);
  EXPECT_THAT(std::string(twice.Finish().status().message()), HasSubstr("output 'y'"));
  GraphBuilder never("wrong");
  never.Update(never.State("w", F32({2}), {}, true), Value{});
  EXPECT_THAT(std::string(never.Finish().status().message()),
              HasSubstr("a value never made"));
}

TEST(GraphBuilder, GoesOnWithAFinishedGraph) {
  auto graph = SmallGraph();
  ASSERT_TRUE(graph.ok());
  GraphBuilder g(*graph);
  const Value more = g.Call(ToyRowsOp(), {{graph->FindValue("x")}});
  g.Output("more", more);
  const auto longer = g.Finish();
  ASSERT_TRUE(longer.ok()) << longer.status();
  EXPECT_EQ(longer->calls.size(), graph->calls.size() + 1);
  EXPECT_EQ(longer->calls.back().name, "toy_rows_1");
}

// Each fault is put into a valid graph; VerifyGraph must name it.
TEST(VerifyGraph, NamesTheFault) {
  const auto fault = [](auto damage) {
    Graph graph = *SmallGraph();
    damage(graph);
    return std::string(VerifyGraph(graph).message());
  };
  EXPECT_EQ(fault([](Graph&) {}), "");
  EXPECT_THAT(fault([](Graph& g) { g.values[1].name = "x"; }),
              HasSubstr("two values 'x'"));
  EXPECT_THAT(fault([](Graph& g) { std::swap(g.calls[0], g.calls[1]); }),
              HasSubstr("reads head.toy_matmul before it is made"));
  EXPECT_THAT(fault([](Graph& g) { g.calls[1].out = g.calls[0].out; }),
              HasSubstr("makes a value made before"));
  EXPECT_THAT(fault([](Graph& g) { g.calls[0].out = 0; }),
              HasSubstr("makes a value made before"));
  EXPECT_THAT(fault([](Graph& g) {
                g.values[g.calls[0].out].type = F32({4, 9});
              }),
              HasSubstr("makes f32[4,8], the graph says f32[4,9]"));
  EXPECT_THAT(fault([](Graph& g) { g.calls[0].in.pop_back(); }),
              HasSubstr("toy_matmul needs A[m,k] and B[k,n]"));
  EXPECT_THAT(fault([](Graph& g) { g.updates[0].second = g.calls[0].out; }),
              HasSubstr("update of w changes its type"));
  EXPECT_THAT(fault([](Graph& g) { g.updates.push_back(g.updates[0]); }),
              HasSubstr("two updates of w"));
  EXPECT_THAT(fault([](Graph& g) { g.updates[0].first = 0; }),
              HasSubstr("update of x, which is no state"));
  EXPECT_THAT(fault([](Graph& g) { g.calls[1].name = g.calls[0].name; }),
              HasSubstr("two calls 'head.toy_matmul'"));
}

}  // namespace
}  // namespace tatami
