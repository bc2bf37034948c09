#include "tools/jobs/web/loss_curve.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "runtime/trainer/tensorboard_writer.h"
#include "tools/jobs/web/computed_steps.h"

namespace tatami::jobs {
namespace {

namespace fs = std::filesystem;

class RunFilesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    run_ = ::testing::TempDir() + "/run_files_" +
           ::testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(run_);
    fs::create_directories(run_);
  }
  void TearDown() override { fs::remove_all(run_); }

  static std::string Line(int64_t step, double loss) {
    return absl::StrCat("{\"step\":", step, ",\"train/loss\":", loss, "}\n");
  }
  void Append(const std::string& text) {
    std::ofstream(run_ + "/metrics.jsonl", std::ios::app) << text;
  }

  std::string run_;
};

TEST_F(RunFilesTest, ACurveHasEveryStepUntilTheyAreManyAndThenEveryExtreme) {
  constexpr int64_t kSteps = 12'345;
  constexpr int64_t kSpike = 7'001;
  LossCurve curve(run_);
  double sum = 0;
  for (int64_t step = 1; step <= kSteps; ++step) {
    const double loss = step == kSpike ? 99 : static_cast<double>(step % 7);
    sum += loss;
    Append(Line(step, loss));
    if (step == 500) {
      curve.Read();
      EXPECT_EQ(curve.points().size(), 500);
    }
  }
  curve.Read();
  const std::vector<CurvePoint>& points = curve.points();
  EXPECT_LE(points.size(), LossCurve::kPointsMax);
  EXPECT_GT(points.size(), LossCurve::kPointsMax / 2);
  EXPECT_EQ(points.back().step, kSteps);
  int64_t steps = 0, spikes = 0;
  double mean_sum = 0;
  for (const CurvePoint& point : points) {
    EXPECT_EQ(point.step, steps + point.steps);
    if (&point != &points.back()) {
      EXPECT_EQ(point.steps, points[0].steps);
    }
    steps = point.step;
    mean_sum += point.mean * static_cast<double>(point.steps);
    EXPECT_LE(point.low, point.mean);
    EXPECT_GE(point.high, point.mean);
    if (point.high == 99) ++spikes;
  }
  EXPECT_EQ(steps, kSteps);
  EXPECT_EQ(spikes, 1);
  // A point's mean passes through at most log2(stride) joins and stride additions, each
  // off by at most 2^-53 of the largest value.
  EXPECT_NEAR(mean_sum, sum, 99.0 * kSteps * 64 * std::ldexp(1, -53));
}

TEST_F(RunFilesTest, ALineThatIsStillBeingWrittenWaits) {
  LossCurve curve(run_);
  curve.Read();  // of no file
  EXPECT_TRUE(curve.points().empty());
  Append(Line(1, 0.5) + "{\"step\":2,\"train/lo");
  curve.Read();
  EXPECT_EQ(curve.points().size(), 1);
  Append("ss\":0.25}\n{\"step\":2,\"held_out/psnr\":20}\nnot json\n");
  curve.Read();
  ASSERT_EQ(curve.points().size(), 2);
  EXPECT_EQ(curve.points()[1].mean, 0.25);
}

TEST_F(RunFilesTest, LossesThatAreNoNumbersAreCounted) {
  Append(Line(1, 0.5) + "{\"step\":2,\"train/loss\":null}\n");
  LossCurve curve(run_);
  curve.Read();
  EXPECT_EQ(curve.points().size(), 1);
  EXPECT_EQ(curve.steps_not_finite(), 1);
}

TEST_F(RunFilesTest, ARunThatResumesReplacesItsCurve) {
  Append(Line(1, 1) + Line(2, 2) + Line(3, 3));
  LossCurve curve(run_);
  curve.Read();
  // As MetricsWriter does, by a rename; step 2 now has another loss.
  std::ofstream(run_ + "/kept")
      << Line(1, 1) << Line(2, 20) << Line(3, 30) << Line(4, 40);
  fs::rename(run_ + "/kept", run_ + "/metrics.jsonl");
  curve.Read();
  ASSERT_EQ(curve.points().size(), 4);
  EXPECT_EQ(curve.points()[1].mean, 20);
}

TEST_F(RunFilesTest, ARunThatBeginsAnewInTheSameFileReplacesItsCurve) {
  Append(Line(1, 1) + Line(2, 2));
  LossCurve curve(run_);
  curve.Read();
  std::ofstream(run_ + "/metrics.jsonl", std::ios::trunc)
      << Line(1, 7) << Line(2, 8) << Line(3, 9);
  curve.Read();
  ASSERT_EQ(curve.points().size(), 3);
  EXPECT_EQ(curve.points()[0].mean, 7);
}

// The files are those that the trainer's own writer makes.
class ComputedStepsTest : public RunFilesTest {
 protected:
  void Attempt(int64_t first, int64_t last, double start_s, double step_s) {
    const auto writer = TensorboardWriter::Open(run_, start_s);
    ASSERT_TRUE(writer.ok()) << writer.status();
    for (int64_t step = first; step <= last; ++step) {
      const double at_s = start_s + static_cast<double>(step - first) * step_s;
      ASSERT_TRUE((*writer)->Write(step, at_s, {{"train/loss", 0.5}}).ok());
      if (step % 10 != 0) continue;
      ASSERT_TRUE((*writer)->Write(step, at_s, {{"held_out/psnr", 20}}).ok());
    }
  }
};

TEST_F(ComputedStepsTest, StepsDoneAgainCountTwice) {
  ComputedSteps steps(run_);
  steps.Read();
  EXPECT_EQ(steps.computed(), 0);
  EXPECT_EQ(steps.Goodput(), 1);
  EXPECT_EQ(steps.StepsPerSecond(), 0);
  Attempt(1, 100, 1'000, 0.5);
  steps.Read();
  EXPECT_EQ(steps.computed(), 100);
  EXPECT_EQ(steps.Goodput(), 1);
  EXPECT_DOUBLE_EQ(steps.StepsPerSecond(), 2);
  Attempt(76, 150, 2'000, 0.25);  // it went on from step 75: 25 steps are done again
  steps.Read();
  steps.Read();
  EXPECT_EQ(steps.computed(), 175);
  EXPECT_EQ(steps.reached(), 150);
  EXPECT_DOUBLE_EQ(steps.Goodput(), 150.0 / 175.0);
  EXPECT_DOUBLE_EQ(steps.StepsPerSecond(), 4);
}

TEST_F(ComputedStepsTest, ARecordThatIsCutShortWaits) {
  Attempt(1, 9, 1'000, 1);
  const std::string path = fs::directory_iterator(run_)->path();
  std::ifstream in(path, std::ios::binary);
  const std::string whole((std::istreambuf_iterator<char>(in)), {});
  int64_t seen = 0;
  ComputedSteps steps(run_);
  for (size_t bytes = 0; bytes <= whole.size(); ++bytes) {
    std::ofstream(path, std::ios::binary) << whole.substr(0, bytes);
    steps.Read();
    EXPECT_GE(steps.computed(), seen);
    seen = steps.computed();
    if (bytes + 1 == whole.size()) {
      EXPECT_EQ(seen, 8);
    }
  }
  EXPECT_EQ(seen, 9);
}

}  // namespace
}  // namespace tatami::jobs
