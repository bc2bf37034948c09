// A training step whose batch is taken in micro-batches does what the step of the whole
// batch does: to the bit where every sum is exact, else within the bound of its own
// rounding. Without batch norm, that is, whose statistics are of a part; with it,
// tests/pytorch compares.
#include <cmath>

#include "gtest/gtest.h"
#include "tests/differential/micro_batch_net.h"
#include "tests/differential/rounding_model.h"
#include "tests/support/run_graph.h"

namespace tatami {
namespace {

using testing::ExactNetValues;
using testing::MicroBatchNet;
using testing::RealNetValues;

constexpr Mesh kMesh = {2, 3};

TEST(MicroBatches, GiveTheBitsOfTheWholeBatchWhereSumsAreExact) {
  const auto whole = MicroBatchNet(1);
  ASSERT_TRUE(whole.ok()) << whole.status();
  const auto values = ExactNetValues(*whole);
  const auto want = testing::RunOnMesh(*whole, {.mesh = {1, 1}}, values, {});
  ASSERT_TRUE(want.ok()) << want.status();
  EXPECT_NE(want->states.at("fc.weight"), values.at("fc.weight"));
  EXPECT_NE(want->states.at("seen"), values.at("seen"));
  for (const int64_t micro_batches : {1, 2, 4, 8}) {
    const auto graph = MicroBatchNet(micro_batches);
    ASSERT_TRUE(graph.ok()) << graph.status();
    ASSERT_EQ(ExactNetValues(*graph), values);  // the host feeds the same
    for (uint64_t seed = 0; seed < 4; ++seed) {
      const Plan plan =
          seed == 0 ? Plan{.mesh = {1, 1}} : testing::RandomPlan(*graph, kMesh, seed);
      const auto got = testing::RunOnMesh(*graph, plan, values, {.threads = 2});
      ASSERT_TRUE(got.ok()) << got.status();
      EXPECT_EQ(testing::FindDifference(*got, *want), "")
          << micro_batches << " micro-batches, plan " << seed;
      EXPECT_EQ(got->link_bytes, CountLinkBytes(got->program));
    }
  }
}

double LargestDifference(const std::vector<double>& a, const std::vector<double>& b) {
  double most = 0, scale = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    most = std::max(most, std::abs(a[i] - b[i]));
    scale = std::max(scale, std::abs(b[i]));
  }
  return scale > 0 ? most / scale : most;
}

// In f64 the micro-batches' step is the whole batch's, up to the order of sums; in f32
// on a mesh it is as near to that as rounding lets it be.
TEST(MicroBatches, StayWithinTheRoundingBound) {
  const auto whole = MicroBatchNet(1);
  ASSERT_TRUE(whole.ok()) << whole.status();
  const auto values = RealNetValues(*whole);
  const auto truth =
      testing::ModelRounding(*whole, values, {.steps = 2, .nodes = kMesh.nodes()});
  ASSERT_TRUE(truth.ok()) << truth.status();
  for (const int64_t micro_batches : {2, 4}) {
    const auto graph = MicroBatchNet(micro_batches);
    ASSERT_TRUE(graph.ok()) << graph.status();
    const auto model =
        testing::ModelRounding(*graph, values, {.steps = 2, .nodes = kMesh.nodes()});
    ASSERT_TRUE(model.ok()) << model.status();
    for (const auto& [name, want] : truth->truth.states) {
      EXPECT_LT(LargestDifference(model->truth.states.at(name), want), 1e-13) << name;
    }
    EXPECT_LT(LargestDifference(model->truth.outputs.at("loss"),
                                truth->truth.outputs.at("loss")),
              1e-13);
    double worst = 0;
    for (const uint64_t seed : {1, 2, 3}) {
      const auto got = testing::RunOnMesh(
          *graph, testing::RandomPlan(*graph, kMesh, seed), values, {.steps = 2});
      ASSERT_TRUE(got.ok()) << got.status();
      EXPECT_EQ(testing::FindExcess(*got, *model, &worst), "") << micro_batches;
    }
    std::cout << micro_batches << " micro-batches: largest error is " << worst
              << " of its bound\n";
  }
}

TEST(MicroBatches, QuickRanksAndThreadsDoNotChangeABit) {
  const auto graph = MicroBatchNet(4);
  ASSERT_TRUE(graph.ok()) << graph.status();
  const auto values = RealNetValues(*graph);
  const Plan plan = testing::RandomPlan(*graph, kMesh, 1);
  const auto want = testing::RunOnMesh(*graph, plan, values, {.steps = 2});
  ASSERT_TRUE(want.ok()) << want.status();
  for (const int ranks : {1, 2, 3, 6}) {
    for (const int threads : {1, 2}) {
      const auto got = testing::RunOnMesh(
          *graph, plan, values, {.ranks = ranks, .threads = threads, .steps = 2});
      ASSERT_TRUE(got.ok()) << got.status();
      EXPECT_EQ(testing::FindDifference(*got, *want), "") << ranks << " x " << threads;
    }
  }
}

}  // namespace
}  // namespace tatami
