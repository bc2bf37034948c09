// Benchmarks beside PyTorch and MPI, as a stranger starts them: small, to see that both
// sides ran, that they agree, and that the figures belong together.
#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/run_tatami.h"
#include "tools/bench/scaling_record.h"

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

// Of an earlier simulation; the object's own keys are those of the default policy.
TEST(BenchSchedule, TellsEachPolicyBesideAnEarlierFigure) {
  const Scratch scratch;
  const auto object = RunBench(scratch, {"schedule", "--seeds", "1"});
  ExpectUsualKeys(object);
  ASSERT_EQ(object["policies"].size(), 12);
  for (const auto& policy : object["policies"]) ExpectUsualKeys(policy);
  EXPECT_EQ(object["ours"], object["policies"][3]["ours"]);
  EXPECT_EQ(object["decisions"].size(), 2);
  ExpectRefused(scratch, {"bench", "schedule", "--seeds", "0"}, 2,
                "E0101: --seeds must be at least 1");
}

// The curves in the file are those that --json tells, and their figures belong
// together.
TEST(BenchScaling, WritesTheCurvesOfBothSides) {
  const Scratch scratch;
  const auto object =
      RunBench(scratch, {"scaling", "--model", "drivenet-tiny", "--batch", "4", "--np",
                         "1,2", "--runs", "2", "--steps", "1", "--out", "curve.json"});
  ExpectUsualKeys(object);
  const auto records = ReadScalingRecords(scratch.path() + "/curve.json");
  ASSERT_TRUE(records.ok()) << records.status();
  ASSERT_EQ(records->size(), 4);
  for (size_t i = 0; i < 4; ++i) {
    const ScalingRecord& r = (*records)[i];
    EXPECT_EQ(nlohmann::json::parse(ToJsonLine(r)), object["records"][i]);
    EXPECT_EQ(r.scaling, i < 2 ? Scaling::kStrong : Scaling::kWeak);
    EXPECT_EQ(r.mode, ScalingMode::kMeasured);
    EXPECT_THAT(r.software, HasSubstr(i % 2 == 0 ? "tatami" : "PyTorch"));
    ASSERT_EQ(r.points.size(), 2);
    for (const ScalingPoint& p : r.points) {
      const double samples = r.scaling == Scaling::kStrong ? 4 : 4.0 * p.chips;
      EXPECT_NEAR(p.samples_per_s * p.step_s, samples, 1e-9);
      EXPECT_EQ(p.parts.has_value(), i % 2 == 0);
      if (p.parts) {
        EXPECT_GT(p.parts->compute_s, 0);
      }
    }
    EXPECT_EQ(r.points[0].efficiency, 1);
    EXPECT_EQ(r.points[1].chips, 2);
    // Two runs: the median is the mean of the two.
    EXPECT_NEAR(r.points[1].efficiency,
                (r.points[1].efficiency_min + r.points[1].efficiency_max) / 2, 1e-9);
  }
  EXPECT_EQ((*records)[0].points[0], (*records)[2].points[0]);  // one group serves both
  EXPECT_EQ((*records)[0].points[0].parts->wait_s, 0);          // for no other rank
}

TEST(BenchScaling, RefusesWhatCannotBeMeasured) {
  const Scratch scratch;
  ExpectRefused(
      scratch, {"bench", "scaling", "--model", "drivenet-tiny", "--batch", "3"}, 2,
      "E0101: --batch 3 cannot be shared by 2 processes of PyTorch, which each "
      "take as many samples. Give a multiple of 2, or --against none.");
  ExpectRefused(
      scratch, {"bench", "scaling", "--np", "2,1"}, 2,
      "E0101: --np is a list of ascending numbers, as 1,2 or 1,2,4; got '2,1'");
  ExpectRefused(
      scratch, {"bench", "scaling", "--machine", "d1_die"}, 2,
      "E0101: --machine d1_die wants --np, to measure over ranks of this computer "
      "that emulate the machine, as --np 1,2; or --chips, to model more and more of "
      "its dies, as --chips 1,25.");
  ExpectRefused(scratch,
                {"bench", "scaling", "--model", "drivenet-tiny", "--machine",
                 "dojo_tile", "--chips", "1,7"},
                2,
                "E0101: machine 'dojo_tile' has no rectangle of 7 dies: it has 5 x 5. "
                "Give --chips that are products of two such numbers.");
}

// A batch for each die: twice the samples, in a little more than the same time.
TEST(BenchScaling, ModelsMoreDiesThanThereAreRanks) {
  const Scratch scratch;
  const Outcome outcome = RunTatami(
      {"bench", "scaling", "--model", "resnet-tiny", "--machine", "dojo_tile",
       "--precision", "bf16", "--batch", "4", "--chips", "1,4", "--weak", "--json"},
      {.folder = scratch.path()});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("modelled: weak scaling, batch 4 a die"));
  const auto record = outcome.LastJson()["records"][0];
  EXPECT_EQ(record["mode"], "modelled");
  EXPECT_EQ(record["precision"], "bf16");
  const auto& points = record["points"];
  ASSERT_EQ(points.size(), 2);
  const double one = points[0]["step_s"], four = points[1]["step_s"];
  EXPECT_GE(four, one);
  EXPECT_NEAR(points[1]["samples_per_s"], 16 / four, 1e-9 * 16 / four);
  EXPECT_NEAR(points[1]["efficiency"], one / four, 1e-9);
  EXPECT_LE(points[1]["efficiency_min"], points[1]["efficiency"]);
  EXPECT_GE(points[1]["efficiency_max"], points[1]["efficiency"]);
}

// A mesh of an emulated machine is shared by the ranks, and wider where scaling is
// weak.
TEST(BenchScaling, SharesAnEmulatedMesh) {
  const Scratch scratch;
  const auto object =
      RunBench(scratch, {"scaling", "--model", "drivenet-tiny", "--machine", "d1_die",
                         "--mesh", "2x2", "--np", "2", "--against", "none", "--runs",
                         "1", "--steps", "1"});
  ASSERT_EQ(object["records"].size(), 2);
  EXPECT_THAT(object["records"][0]["software"].get<std::string>(),
              HasSubstr("emulating d1_die 2x2"));
  EXPECT_FALSE(object.contains("peer_efficiency"));
}

TEST(BenchGpu, RefusesWithoutOne) {
  const Scratch scratch;
  const Outcome outcome = RunTatami(
      {"bench", "gpu", "--model", "drivenet-tiny"},
      {.folder = scratch.path(), .environment = {{"CUDA_VISIBLE_DEVICES", ""}}});
  EXPECT_EQ(outcome.exit_code, 6);
  EXPECT_EQ(outcome.out, "");
  EXPECT_THAT(outcome.Message(), HasSubstr("finds no GPU here. Run this on a computer "
                                           "with one and a PyTorch made for it"));
}

// On the processor, what it would do on a GPU.
TEST(BenchGpu, WritesRecords) {
  const Scratch scratch;
  const auto object =
      RunBench(scratch, {"gpu", "--model", "drivenet-tiny", "--batch", "2", "--runs",
                         "3", "--steps", "1", "--device", "cpu", "--out", "gpu.json"});
  const auto records = ReadScalingRecords(scratch.path() + "/gpu.json");
  ASSERT_TRUE(records.ok()) << records.status();
  ASSERT_EQ(records->size(), 2);
  EXPECT_EQ((*records)[0].precision, "bf16");
  EXPECT_EQ((*records)[1].precision, "f32");
  for (const ScalingRecord& r : *records) {
    EXPECT_EQ(r.model, "drivenet-tiny");
    EXPECT_EQ(r.scaling, Scaling::kWeak);
    EXPECT_THAT(r.software, HasSubstr("PyTorch "));
    ASSERT_EQ(r.points.size(), 1);
    EXPECT_NEAR(r.points[0].samples_per_s * r.points[0].step_s, 2, 1e-9);
  }
  EXPECT_EQ(object["peer"], (*records)[0].points[0].samples_per_s);
}

}  // namespace
}  // namespace tatami::testing
