// Benchmarks beside PyTorch and MPI, as a stranger starts them: small, to see that both
// sides ran, that they agree, and that the figures belong together.
#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/run_tatami.h"

namespace tatami::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

nlohmann::json RunBench(const Scratch& scratch, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "bench");
  arguments.push_back("--json");
  const Outcome outcome = RunTatami(arguments, {.folder = scratch.path()});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  return outcome.LastJson();
}

void ExpectUsualKeys(const nlohmann::json& object) {
  for (const char* key : {"name", "ours", "peer", "ratio", "unit", "runs"}) {
    EXPECT_TRUE(object.contains(key)) << key << " in " << object.dump();
  }
  EXPECT_NEAR(object["ratio"],
              object["ours"].get<double>() / object["peer"].get<double>(),
              1e-9 * object["ratio"].get<double>());
}

// All that a step does but cross entropy, slices and the like.
TEST(BenchKernels, AgreeWithPyTorch) {
  const Scratch scratch;
  for (const std::string model : {"drivenet-tiny", "resnet-tiny"}) {
    const auto object = RunBench(scratch, {"kernels", "--model", model, "--batch", "2",
                                           "--share", "1", "--runs", "1"});
    ExpectUsualKeys(object);
    std::set<std::string> compared;
    for (const auto& kernel : object["kernels"]) {
      if (kernel.contains("not_timed")) {
        EXPECT_THAT(kernel["not_timed"], Not(HasSubstr("differ"))) << kernel.dump();
        continue;
      }
      ExpectUsualKeys(kernel);
      compared.insert(kernel["op"]);
    }
    for (const char* op :
         {"conv", "conv_input_grad", "conv_weight_grad", "batch_norm", "channel_mean",
          "channel_variance", "batch_norm_grad_sums", "batch_norm_input_grad",
          "relu_grad", "add", "sgd_velocity", "sub_scaled"}) {
      EXPECT_TRUE(compared.contains(op)) << op << " of " << model;
    }
    EXPECT_GE(object["compared"], 20);
  }
}

TEST(BenchKernels, OfOneOpOrNone) {
  const Scratch scratch;
  const auto object = RunBench(scratch, {"kernels", "--model", "resnet-tiny", "--op",
                                         "matmul", "--share", "1", "--runs", "1"});
  ASSERT_EQ(object["kernels"].size(), 3);  // y = x w, dx and dw
  for (const auto& kernel : object["kernels"]) EXPECT_EQ(kernel["op"], "matmul");
  const Outcome none =
      RunTatami({"bench", "kernels", "--model", "resnet-tiny", "--op", "softmax"},
                {.folder = scratch.path()});
  EXPECT_EQ(none.exit_code, 2);
  EXPECT_THAT(
      none.Message(),
      HasSubstr("E0101: --op: the step does not call 'softmax'; it calls add, "));
}

// Each collective at each size, agreed upon before it was timed.
TEST(BenchCollectives, MeasuredBesideOpenMpi) {
  const Scratch scratch;
  const auto object = RunBench(scratch, {"collectives", "--against", "openmpi", "--np",
                                         "2", "--bytes", "4KiB..64KiB", "--runs", "1"});
  ExpectUsualKeys(object);
  EXPECT_EQ(object["ranks"], 2);
  EXPECT_EQ(object["bytes"], 64 << 10);
  EXPECT_THAT(object["peer_name"].get<std::string>(), HasSubstr("Open MPI"));
  ASSERT_EQ(object["collectives"].size(), 9);
  std::set<std::string> names;
  for (const auto& row : object["collectives"]) {
    ExpectUsualKeys(row);
    names.insert(row["name"]);
  }
  EXPECT_EQ(names,
            std::set<std::string>({"all-reduce", "reduce-scatter", "all-gather"}));
}

TEST(BenchCollectives, RefusesSizesThatRanksCannotShare) {
  const Scratch scratch;
  ExpectRefused(
      scratch,
      {"bench", "collectives", "--against", "openmpi", "--np", "3", "--bytes", "64KiB"},
      2,
      "E0101: --bytes 64KiB: measured sizes rise from a multiple of 12, an f32 "
      "for each of 3 ranks, to at most 1GiB, as in 64KiB..16MiB");
}

}  // namespace
}  // namespace tatami::testing
