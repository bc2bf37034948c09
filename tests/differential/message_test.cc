// What several nodes of a rank need of another rank's node crosses to the rank once.
#include <gtest/gtest.h>

#include <atomic>

#include "ops/arithmetic.h"
#include "ops/matmul.h"
#include "tests/support/run_graph.h"

namespace tatami {
namespace {

using testing::Bytes;

// Adds up what a step's patterns send.
class CountingTransport : public Transport {
 public:
  CountingTransport(std::unique_ptr<Transport> inner, std::atomic<int64_t>& bytes)
      : inner_(std::move(inner)), bytes_(bytes) {}
  int rank() const override { return inner_->rank(); }
  int size() const override { return inner_->size(); }
  absl::StatusOr<int> AddPattern(std::vector<Part> sends,
                                 std::vector<Part> receives) override {
    for (const Part& part : sends) bytes_ += static_cast<int64_t>(part.buffer.size());
    return inner_->AddPattern(std::move(sends), std::move(receives));
  }
  absl::Status Start(int pattern) override { return inner_->Start(pattern); }
  absl::Status Wait(int pattern, absl::Duration deadline) override {
    return inner_->Wait(pattern, deadline);
  }
  absl::StatusOr<std::vector<Bytes>> GatherToRoot(
      absl::Span<const std::byte> mine) override {
    return inner_->GatherToRoot(mine);
  }
  absl::Status BroadcastFromRoot(Bytes& bytes) override {
    return inner_->BroadcastFromRoot(bytes);
  }

 private:
  std::unique_ptr<Transport> inner_;
  std::atomic<int64_t>& bytes_;
};

constexpr Mesh kRow = {1, 4};  // two nodes a rank
const AxisList& AlongRow() {
  static const AxisList kAxes = {WholeAxis(kRow, MeshAxis::kX)};
  return kAxes;
}

// Bytes sent by both ranks in a step whose result is that of one node.
int64_t BytesOf(const Graph& graph, const Plan& plan) {
  const auto values = testing::DrawValues(graph, 3, 5, 1, 2);
  const auto want = testing::RunOnMesh(graph, {.mesh = {1, 1}}, values, {});
  EXPECT_TRUE(want.ok()) << want.status();
  std::atomic<int64_t> bytes = 0;
  const auto count = [&bytes](std::unique_ptr<Transport> inner) {
    return std::make_unique<CountingTransport>(std::move(inner), bytes);
  };
  const auto got =
      testing::RunOnMesh(graph, plan, values, {.ranks = 2, .wrap_transport = count});
  EXPECT_TRUE(got.ok()) << got.status();
  if (got.ok() && want.ok()) {
    EXPECT_EQ(testing::FindDifference(*got, *want), "");
  }
  return bytes;
}

// Every node needs all 16 elements: the rank has half, and gets the other half once.
TEST(Messages, OfAGatherHoldEachPartOnce) {
  GraphBuilder g("gather");
  const Value x = g.Input("x", {DType::kF32, {16}});
  g.Output("y", Affine(g, Affine(g, x, 2, 0), 1, 1));
  const auto graph = g.Finish();
  ASSERT_TRUE(graph.ok()) << graph.status();
  Plan plan{.mesh = kRow};
  plan.calls[graph->calls[0].name].cuts["d0"] = AlongRow();
  plan.calls[graph->calls[1].name];
  EXPECT_EQ(BytesOf(*graph, plan), 2 * 8 * 4);
}

// Both nodes of a rank combine both terms of the other: two terms of 5 elements each
// way.
TEST(Messages, OfASumHoldEachTermOnce) {
  GraphBuilder g("sum");
  const Value a = g.Input("a", {DType::kF32, {5, 4}});
  const Value b = g.Input("b", {DType::kF32, {4, 1}});
  g.Output("c", Matmul(g, a, b, {}));
  const auto graph = g.Finish();
  ASSERT_TRUE(graph.ok()) << graph.status();
  Plan plan{.mesh = kRow};
  CallPlan& call = plan.calls[graph->calls[0].name];
  call.cuts["k"] = AlongRow();
  call.result.emplace();
  EXPECT_EQ(BytesOf(*graph, plan), 2 * 2 * 5 * 4);
}

}  // namespace
}  // namespace tatami
