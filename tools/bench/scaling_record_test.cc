// What is written is read back; what is not exactly such a record is refused by name.
#include "tools/bench/scaling_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "core/error.h"

namespace tatami {
namespace {

using ::testing::HasSubstr;

ScalingRecord Example() {
  return {.mode = ScalingMode::kModelled,
          .scaling = Scaling::kWeak,
          .model = "resnet18",
          .machine = {.name = "dojo_tile", .chip = "D1", .chips = 25},
          .batch = 8,
          .precision = "bf16",
          .date = "2026-08-01",
          .software = "tatami",
          .points = {{.chips = 1, .step_s = 1.0 / 3, .samples_per_s = 24},
                     {.chips = 4,
                      .step_s = 0.4,
                      .samples_per_s = 80,
                      .efficiency = 0.83,
                      .efficiency_min = 0.5,
                      .efficiency_max = 0.9,
                      .parts = StepParts{.compute_s = 0.3, .wait_s = 0.1}}}};
}

std::string FaultOf(const std::string& text) {
  const auto records = ParseScalingRecords(text, "curve.json");
  EXPECT_EQ(GetErrorCode(records.status()), ErrorCode::kDataUnreadable);
  return std::string(records.status().message());
}

TEST(ScalingRecord, IsReadAsWritten) {
  ScalingRecord measured = Example();
  measured.mode = ScalingMode::kMeasured;
  measured.scaling = Scaling::kStrong;
  const auto records = ParseScalingRecords(
      absl::StrCat(ToJsonLine(Example()), "\n", ToJsonLine(measured), "\n"), "file");
  ASSERT_TRUE(records.ok()) << records.status();
  EXPECT_EQ(*records, std::vector<ScalingRecord>({Example(), measured}));
}

TEST(ScalingRecord, IsReadStrictly) {
  const std::string good = ToJsonLine(Example());
  const struct {
    std::string part, instead, fault;
  } kCases[] = {
      {"\"batch\":8", "\"batch\":8,\"bach\":8",
       "the record has an unknown key 'bach'; known are batch, date, kind"},
      {"\"batch\":8,", "", "the record lacks 'batch'"},
      {"\"batch\":8", "\"batch\":8,\"batch\":9", "without a key twice"},
      {"\"batch\":8", "\"batch\":0", "needs a whole number above 0 as 'batch'"},
      {"\"batch\":8", "\"batch\":8.5", "needs a whole number above 0 as 'batch'"},
      {"tatami.scaling", "tatami.step", "is not of kind 'tatami.scaling'"},
      {"\"version\":1", "\"version\":2", "is not of version 1, the only one"},
      {"modelled", "guessed",
       "has 'guessed' as 'mode', which is one of measured, modelled"},
      {"\"weak\"", "\"feeble\"", "'feeble' as 'scaling', which is one of strong, weak"},
      {"\"name\":\"dojo_tile\"", "\"nickname\":\"dojo_tile\"",
       "'machine' lacks 'name'"},
      {"\"step_s\":0.4", "\"step_s\":0", "a point needs a number of at least"},
      {"\"step_s\":0.4", "\"step_s\":\"0.4\"", "a point needs a number of at least"},
      {"\"wait_s\":0.1", "\"wait_s\":-0.1",
       "'parts' needs a number of at least 0 as 'wait_s'"},
      {"\"wait_s\":0.1", "\"wait_s\":0.1,\"idle_s\":0",
       "'parts' has an unknown key 'idle_s'"},
      {"\"efficiency\":0.83", "\"efficiency\":0.95",
       "has an efficiency outside of its least and its most"},
      {"\"chips\":4", "\"chips\":1", "has points whose chips do not ascend"},
  };
  for (const auto& c : kCases) {
    const std::string bad = absl::StrReplaceAll(good, {{c.part, c.instead}});
    ASSERT_NE(bad, good) << c.part;
    EXPECT_THAT(FaultOf(bad), HasSubstr(c.fault));
  }
  EXPECT_THAT(FaultOf(""), HasSubstr("curve.json holds no scaling record"));
  EXPECT_THAT(FaultOf(absl::StrCat(good, "\n{")),
              HasSubstr("E0402: curve.json, line 2, is no scaling record"));
}

TEST(ScalingRecord, IsMissedByName) {
  const auto records = ReadScalingRecords("no/such/curve.json");
  EXPECT_EQ(GetErrorCode(records.status()), ErrorCode::kDataMissing);
  EXPECT_THAT(std::string(records.status().message()), HasSubstr("no/such/curve.json"));
}

TEST(DescribeHost, NamesAProcessorWithCores) {
  EXPECT_FALSE(DescribeHost().chip.empty());
  EXPECT_GE(DescribeHost().chips, 1);
}

}  // namespace
}  // namespace tatami
