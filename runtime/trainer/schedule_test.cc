// Schedules against the rates that PyTorch's schedulers give when they are stepped.
#include "runtime/trainer/schedule.h"

#include <limits>

#include "absl/types/span.h"
#include "core/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace tatami {
namespace {

// Made by /usr/bin/python3 runtime/trainer/testdata/pytorch_schedules.py
// (PyTorch 1.13).
constexpr double kStep[] = {0.1,  0.1,   0.1,   0.1,   0.05,  0.05,  0.05,
                            0.05, 0.025, 0.025, 0.025, 0.025, 0.0125};
constexpr double kCosine[] = {0.1,
                              0.09831332840130888,
                              0.09336825748732973,
                              0.0855017856687341,
                              0.07525000000000001,
                              0.06331154273257479,
                              0.05050000000000001,
                              0.037688457267425236,
                              0.025750000000000016,
                              0.015498214331265903,
                              0.007631742512670285,
                              0.0026866715986911243,
                              0.001};
constexpr double kOneCycle[] = {0.008000000000000007,
                                0.026334368540005065,
                                0.07433436854000505,
                                0.13366563145999494,
                                0.18166563145999495,
                                0.2,
                                0.19749280124701749,
                                0.19009692640269477,
                                0.17818323551421,
                                0.1623491307899526,
                                0.14338860035826018,
                                0.12225240438725786,
                                0.1000004,
                                0.07774839561274215,
                                0.056612199641739844,
                                0.0376516692100474,
                                0.021817564485790007,
                                0.009903873597305258,
                                0.002507998752982511,
                                8e-07};
constexpr double kOneCycleOther[] = {0.01999999999999999,
                                     0.0469962132887517,
                                     0.1117893968898563,
                                     0.17550909293325445,
                                     0.1999663302338209,
                                     0.18551503875550723,
                                     0.14854508364021426,
                                     0.09880315582252673,
                                     0.0494031256173391,
                                     0.013368726082145488,
                                     0.0002};
constexpr double kWarmStep[] = {0.010000000000000002,
                                0.028000000000000004,
                                0.046000000000000006,
                                0.064,
                                0.082,
                                0.1,
                                0.1,
                                0.1,
                                0.1,
                                0.05,
                                0.05,
                                0.05,
                                0.05,
                                0.025};
constexpr double kWarmCosine[] = {0.010000000000000002,
                                  0.028000000000000004,
                                  0.046000000000000006,
                                  0.064,
                                  0.082,
                                  0.1,
                                  0.09757729755661011,
                                  0.0905463412215599,
                                  0.07959536998847742,
                                  0.0657963412215599,
                                  0.0505,
                                  0.03520365877844011,
                                  0.02140463001152259,
                                  0.010453658778440109,
                                  0.0034227024433899004};

// PyTorch goes from one rate to the next with at most 8 roundings. Each is at most half
// an ulp of a factor, and because rates and factors fall together none grows beyond
// that share of base_rate. So after n steps the two differ by at most 8 n eps
// base_rate; our own closed form adds fewer than the 8 of one more step.
void ExpectRates(const Schedule& schedule, absl::Span<const double> want) {
  ASSERT_EQ(CheckSchedule(schedule), absl::OkStatus());
  for (size_t step = 0; step < want.size(); ++step) {
    const double tolerance = 8 * static_cast<double>(step + 1) *
                             std::numeric_limits<double>::epsilon() *
                             schedule.base_rate;
    EXPECT_NEAR(LearningRate(schedule, static_cast<int64_t>(step)), want[step],
                tolerance)
        << "step " << step;
  }
}

TEST(Schedule, StepIsPyTorchs) {
  Schedule s{.kind = ScheduleKind::kStep,
             .base_rate = 0.1,
             .step_period = 4,
             .step_factor = 0.5};
  ExpectRates(s, kStep);
  s.warmup_steps = 5;
  ExpectRates(s, kWarmStep);
}

TEST(Schedule, CosineIsPyTorchs) {
  Schedule s{.kind = ScheduleKind::kCosine,
             .base_rate = 0.1,
             .total_steps = 12,
             .final_rate = 0.001};
  ExpectRates(s, kCosine);
  EXPECT_EQ(LearningRate(s, 13), 0.001);
  EXPECT_EQ(LearningRate(s, 1000), 0.001);
  s.warmup_steps = 5;
  s.total_steps = 15;
  ExpectRates(s, kWarmCosine);
}

TEST(Schedule, OneCycleIsPyTorchs) {
  Schedule s{.kind = ScheduleKind::kOneCycle, .base_rate = 0.2, .total_steps = 20};
  ExpectRates(s, kOneCycle);
  EXPECT_EQ(LearningRate(s, 20), LearningRate(s, 19));
  s.total_steps = 11;
  s.cycle_rise_share = 0.45;
  s.cycle_initial_divisor = 10;
  s.cycle_final_divisor = 100;
  ExpectRates(s, kOneCycleOther);
}

TEST(Schedule, ConstantRisesOnlyInItsWarmup) {
  const Schedule s{.base_rate = 2, .warmup_steps = 4, .warmup_factor = 0.5};
  ExpectRates(s, {1.0, 1.25, 1.5, 1.75, 2.0, 2.0});
  EXPECT_EQ(LearningRate({.base_rate = 3}, int64_t{1} << 40), 3);
}

TEST(Schedule, FieldsOutOfRangeAreRefused) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  using Kind = ScheduleKind;
  for (const Schedule& s : std::vector<Schedule>{
           {.base_rate = nan},
           {.base_rate = -1},
           {.warmup_steps = -1},
           {.warmup_steps = 1, .warmup_factor = 0},
           {.kind = Kind::kStep, .step_period = 0},
           {.kind = Kind::kStep, .step_factor = nan},
           {.kind = Kind::kCosine},
           {.kind = Kind::kCosine, .warmup_steps = 5, .total_steps = 5},
           {.kind = Kind::kCosine, .total_steps = 5, .final_rate = nan},
           {.kind = Kind::kOneCycle},
           {.kind = Kind::kOneCycle, .warmup_steps = 1, .total_steps = 50},
           {.kind = Kind::kOneCycle, .total_steps = 50, .cycle_rise_share = 1},
           {.kind = Kind::kOneCycle, .total_steps = 50, .cycle_rise_share = 0.02},
           {.kind = Kind::kOneCycle, .total_steps = 50, .cycle_initial_divisor = 0},
           {.kind = Kind::kOneCycle, .total_steps = 50, .cycle_final_divisor = 0}}) {
    EXPECT_EQ(GetErrorCode(CheckSchedule(s)), ErrorCode::kBadFlag);
  }
  EXPECT_EQ(
      std::string(CheckSchedule({.kind = Kind::kStep, .step_period = 0}).message()),
      "E0101: schedule: step_period is 0; it must be at least 1.");
}

TEST(Schedule, NamesAreParsed) {
  EXPECT_EQ(ParseScheduleKind("one_cycle").value(), ScheduleKind::kOneCycle);
  EXPECT_EQ(ParseScheduleKind("constant").value(), ScheduleKind::kConstant);
  EXPECT_EQ(
      std::string(ParseScheduleKind("cosin").status().message()),
      "E0101: no schedule is named 'cosin'; did you mean 'cosine'? Known: constant, "
      "step, cosine, one_cycle.");
}

}  // namespace
}  // namespace tatami
