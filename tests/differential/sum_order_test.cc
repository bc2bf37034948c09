// Sums along a line of nodes have the bits that core/line_sum.h promises, on any number
// of ranks.
#include <gtest/gtest.h>

#include <cstring>

#include "core/line_sum.h"
#include "ops/matmul.h"
#include "tests/support/run_graph.h"

namespace tatami {
namespace {

using testing::Bytes;

constexpr int64_t kTerms = 7;

// [m, 7] times [7, 1]: one product a node, so each term is rounded once.
absl::StatusOr<Graph> DotGraph(int64_t m) {
  GraphBuilder g("dot");
  const Value a = g.Input("a", {DType::kF32, {m, kTerms}});
  const Value b = g.Input("b", {DType::kF32, {kTerms, 1}});
  g.Output("c", Matmul(g, a, b, {}));
  return g.Finish();
}

std::vector<float> Floats(const Bytes& bytes) { return testing::AsFloats(bytes); }

// ((t0 + t1) + ... + t_root) + ((t6 + t5) + ... + t_root+1).
float InOrder(const std::vector<float>& terms, int64_t root) {
  float near = terms[0];
  for (int64_t t = 1; t <= root; ++t) near += terms[t];
  if (root + 1 == kTerms) return near;
  float far = terms[kTerms - 1];
  for (int64_t t = kTerms - 2; t > root; --t) far += terms[t];
  return near + far;
}

class SumOrder : public ::testing::TestWithParam<int> {};  // ranks

// Element m of c is taken by all nodes, or by node m alone: its root is the middle, or
// that node.
TEST_P(SumOrder, IsThatOfTheLine) {
  for (const bool scattered : {false, true}) {
    const auto graph = DotGraph(kTerms);
    ASSERT_TRUE(graph.ok()) << graph.status();
    Plan plan{.mesh = {1, kTerms}};
    CallPlan& call = plan.calls[graph->calls[0].name];
    call.cuts["k"] = {WholeAxis(plan.mesh, MeshAxis::kX)};
    call.result.emplace();
    if (scattered) (*call.result)["m"] = {WholeAxis(plan.mesh, MeshAxis::kX)};
    int order_matters = 0;
    for (uint64_t seed = 0; seed < 20; ++seed) {
      const auto values = testing::DrawValues(*graph, seed, 100000, 1234.5, 2);
      const auto got = testing::RunOnMesh(*graph, plan, values, {.ranks = GetParam()});
      ASSERT_TRUE(got.ok()) << got.status();
      const std::vector<float> a = Floats(values.at("a")), b = Floats(values.at("b")),
                               c = Floats(got->outputs.at("c"));
      for (int64_t m = 0; m < kTerms; ++m) {
        std::vector<float> terms;
        for (int64_t k = 0; k < kTerms; ++k) terms.push_back(a[m * kTerms + k] * b[k]);
        EXPECT_EQ(c[m], InOrder(terms, scattered ? m : kTerms / 2)) << m;
        order_matters += c[m] != InOrder(terms, kTerms - 1);
      }
    }
    EXPECT_GT(order_matters, 20);
  }
}

INSTANTIATE_TEST_SUITE_P(Ranks, SumOrder, ::testing::Values(1, 2, 3));

}  // namespace
}  // namespace tatami
