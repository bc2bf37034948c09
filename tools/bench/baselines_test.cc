// The published figures are read strictly, and what we derive from them is what their
// own numbers give.
#include "tools/bench/baselines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "core/error.h"

namespace tatami {
namespace {

using ::testing::HasSubstr;

Baselines Shipped() {
  auto all = ParseBaselines(EmbeddedBaselines());
  EXPECT_TRUE(all.ok()) << all.status();
  return all.ok() ? *std::move(all) : Baselines{};
}

TEST(Baselines, AllShippedRowsAreRead) {
  const Baselines all = Shipped();
  size_t rows = 0;
  for (const TrainingCurve& curve : all.curves) rows += curve.rows.size();
  const auto lines = [](absl::string_view text) {
    return static_cast<size_t>(std::count(text.begin(), text.end(), '\n')) - 1;
  };
  EXPECT_EQ(rows, lines(EmbeddedBaselines().training));
  EXPECT_EQ(all.figures.size(), lines(EmbeddedBaselines().figures));
  EXPECT_EQ(all.sources.size(), lines(EmbeddedBaselines().sources));
}

// 280624 / 64 over 54987 / 8, and so on, worked out by hand from the table.
TEST(Baselines, H100EfficiencyIsOfItsSamples) {
  const Baselines all = Shipped();
  const struct {
    std::string workload;
    int64_t chips;
    double percent;
  } kCases[] = {
      {"resnet50", 64, 63.793}, {"retinanet", 64, 71.017}, {"unet3d", 72, 77.588}};
  for (const auto& c : kCases) {
    const auto selected = SelectBaselines(all, {"h100"}, c.workload);
    ASSERT_TRUE(selected.ok()) << selected.status();
    const TrainingCurve& curve = selected->curves[0];
    ASSERT_EQ(curve.rows[0].chips, 8);
    ASSERT_EQ(curve.rows[1].chips, c.chips);
    // Half a unit of the last digit that is written here.
    EXPECT_NEAR(100 * *EfficiencyOf(curve, 1), c.percent, 0.0005) << c.workload;
    EXPECT_EQ(*EfficiencyOf(curve, 0), 1);
  }
}

TEST(Baselines, ALoneRowHasNoEfficiency) {
  const auto selected = SelectBaselines(Shipped(), {"h200"}, "");
  ASSERT_TRUE(selected.ok()) << selected.status();
  ASSERT_EQ(selected->curves.size(), 1);
  EXPECT_EQ(EfficiencyOf(selected->curves[0], 0), std::nullopt);
}

TEST(Baselines, ANameMayBeAFamilyInAnySpelling) {
  const Baselines all = Shipped();
  for (const std::string name : {"bow-ipu", "BowIPU", "BowIPU-900MB-SRAM"}) {
    const auto selected = SelectBaselines(all, {name}, "ResNet50");
    ASSERT_TRUE(selected.ok()) << selected.status();
    ASSERT_EQ(selected->curves.size(), 1) << name;
    EXPECT_EQ(selected->curves[0].rows[0].chip, "BowIPU-900MB-SRAM");
  }
  // B200 is no GB200.
  const auto b200 = SelectBaselines(all, {"b200"}, "retinanet");
  ASSERT_TRUE(b200.ok()) << b200.status();
  ASSERT_EQ(b200->curves.size(), 1);
  EXPECT_EQ(b200->curves[0].rows[0].chip, "B200-180GB");
}

TEST(Baselines, UnknownNamesAreRefusedWithTheNearest) {
  const Baselines all = Shipped();
  const struct {
    std::string chip, workload, fault;
  } kCases[] = {
      {"h10", "",
       "E0101: --against: nothing published about 'h10'; did you mean "
       "'h100'? There are A100, "},
      {"h100", "resnet5",
       "E0101: --workload: nothing published about 'resnet5'; did "
       "you mean 'resnet50'? There are "},
      {"bow-ipu", "unet3d",
       "E0101: --workload: nothing published about 'unet3d' on "
       "bow-ipu; there are resnet50."},
  };
  for (const auto& c : kCases) {
    const auto selected = SelectBaselines(all, {c.chip}, c.workload);
    EXPECT_EQ(GetErrorCode(selected.status()), ErrorCode::kBadFlag) << c.fault;
    EXPECT_THAT(std::string(selected.status().message()), HasSubstr(c.fault));
  }
}

constexpr absl::string_view kTraining =
    "workload,chip,n,global_batch,minutes,samples_s,eff_pct,grade,source\n"
    "net,X1-8GB,8,256,10.5,1000,100,L,T30:one\n"
    "net,X1-16GB,64,256,2.5,6000,75.0,L,T30:eight\n";
constexpr absl::string_view kFigures =
    "workload,chip,n,precision,value,unit,eff_pct,grade,source\n"
    "net,X1,1,BF16,130,img/s,100,R,example.org/page (read: 2026)\n";
constexpr absl::string_view kSources =
    "key,published,address,what\nT30,,example.org/results,a round\n";

TEST(Baselines, AreReadStrictly) {
  ASSERT_TRUE(ParseBaselines({kTraining, kFigures, kSources}).ok());
  const struct {
    std::string part, instead, fault;
  } kCases[] = {
      {"samples_s", "sampels_s",
       "mlperf_training.csv, line 1: there is no column 'sampels_s'; did you mean "
       "'samples_s'? The columns are workload,chip,"},
      {"n,global_batch", "global_batch,n", "in this order; the line reads"},
      {"8,256", "8.5,256",
       "line 2: column n needs a whole number above 0; it has "
       "'8.5'"},
      {"10.5", "1e1", "line 2: column minutes needs a number above 0; it has '1e1'"},
      {"6000", "-6000", "line 3: column samples_s needs a number above 0"},
      {"X1-8GB", "", "line 2: column chip needs a text; it has ''"},
      {"100,L", "100,,L", "line 2: 10 fields where 9 belong"},
      {"75.0", "75.1",
       "line 3: eff_pct is 75.1, but samples_s over that of the "
       "smallest row, for each chip, makes 75.00"},
      {"6000", "", "line 3: eff_pct without the samples_s"},
      {"100,L", "99,L", "line 2: eff_pct below 100 without a smaller row above"},
      {"X1-16GB", "Y1-16GB",
       "line 3: eff_pct below 100 of net on 64 Y1-16GB, but the "
       "row with 100 above is of net on 8 X1-8GB"},
      {"T30:eight", "T31:eight",
       "line 3: the source 'T31:eight' has a key that is not "
       "in data/baselines/sources.csv"},
  };
  for (const auto& c : kCases) {
    const std::string text = absl::StrReplaceAll(kTraining, {{c.part, c.instead}});
    const auto all = ParseBaselines({text, kFigures, kSources});
    EXPECT_EQ(GetErrorCode(all.status()), ErrorCode::kDataUnreadable) << c.fault;
    EXPECT_THAT(std::string(all.status().message()), HasSubstr(c.fault));
  }
}

// 75.05 is as far as 75.0 may be printed from; a rate of 4 digits adds its own
// rounding.
TEST(Baselines, EfficiencyMayDifferByRoundingOnly) {
  const auto with_rate = [](int rate) {
    const std::string text =
        absl::StrReplaceAll(kTraining, {{"6000", absl::StrCat(rate)}});
    return ParseBaselines({text, kFigures, kSources}).ok();
  };
  // 0.05 + 75 (0.5 / 1000 + 0.5 / 6000) = 0.094 %, which is 7.5 samples/s of 6000.
  EXPECT_TRUE(with_rate(6007));
  EXPECT_TRUE(with_rate(5993));
  EXPECT_FALSE(with_rate(6008));
  EXPECT_FALSE(with_rate(5992));
}

}  // namespace
}  // namespace tatami
