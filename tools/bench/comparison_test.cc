// Published and recorded curves side by side: what the batch did, where figures come
// from, what they cost, and that nobody takes a model for a measurement.
#include "tools/bench/comparison.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_split.h"
#include "core/error.h"
#include "tools/bench/comparison_text.h"

namespace tatami {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

Baselines Published() {
  const auto all = ParseBaselines(
      {.training =
           "workload,chip,n,global_batch,minutes,samples_s,eff_pct,grade,source\n"
           "net,X1-8GB,8,256,10.5,1000,100,L,T30:one\n"
           "net,X1-16GB,64,256,2.5,6000,75.0,L,T30:eight\n"
           "net,X1-8GB,64,2048,2.5,7000,87.5,L,T30:weak\n"
           "net,X1-8GB,80,512,2.5,,,L,T30:lone\n",
       .figures = "workload,chip,n,precision,value,unit,eff_pct,grade,source\n"
                  "net,X1,1,BF16,130,img/s,100,R,DLE:page\n",
       .sources = "key,published,address,what\nT30,2023-06,example.org/t,a round\n"
                  "DLE,,example.org/d,examples\n"});
  EXPECT_TRUE(all.ok()) << all.status();
  return all.ok() ? *all : Baselines{};
}

ScalingRecord Record(ScalingMode mode, Scaling scaling) {
  return {.mode = mode,
          .scaling = scaling,
          .model = "net",
          .machine = {.name = "dojo_tile", .chip = "D1", .chips = 25},
          .batch = 8,
          .precision = "bf16",
          .date = "2026-08-01",
          .software = "tatami",
          .points = {{.chips = 1, .step_s = 1, .samples_per_s = 8},
                     {.chips = 4,
                      .step_s = 2,
                      .samples_per_s = 16,
                      .efficiency = 0.5,
                      .efficiency_min = 0.4,
                      .efficiency_max = 0.6}}};
}

TEST(Compare, SaysWhatTheBatchDid) {
  const Comparison c = Compare(Published(),
                               {Record(ScalingMode::kMeasured, Scaling::kStrong),
                                Record(ScalingMode::kModelled, Scaling::kWeak)},
                               {});
  ASSERT_EQ(c.curves.size(), 4);
  const auto growth = [&](size_t curve) {
    std::vector<BatchGrowth> all;
    for (const ComparedPoint& p : c.curves[curve].points) all.push_back(p.growth);
    return all;
  };
  EXPECT_THAT(growth(0), ElementsAre(BatchGrowth::kNone, BatchGrowth::kStrong,
                                     BatchGrowth::kWeak));
  EXPECT_THAT(growth(1), ElementsAre(BatchGrowth::kNone));
  EXPECT_THAT(growth(2), ElementsAre(BatchGrowth::kNone, BatchGrowth::kStrong));
  EXPECT_THAT(growth(3), ElementsAre(BatchGrowth::kNone, BatchGrowth::kWeak));
  EXPECT_EQ(c.curves[2].points[1].global_batch, 8);
  EXPECT_EQ(c.curves[3].points[1].global_batch, 32);  // 8 on each of 4
}

TEST(Compare, SamplesForADollar) {
  const std::vector<ChipPrice> prices = {
      {.chip = "x1", .usd_per_chip_hour = 4, .date = "2026-01", .source = "dear"},
      {.chip = "x1", .usd_per_chip_hour = 2, .date = "2026-02", .source = "cheap"},
      {.chip = "gx1", .usd_per_chip_hour = 1, .date = "2026-03", .source = "other"}};
  const Comparison c = Compare(Published(), {}, prices);
  ASSERT_EQ(c.curves.size(), 2);
  // 1000 samples/s for an hour, over 8 chips at 2 USD.
  EXPECT_EQ(c.curves[0].points[0].samples_per_usd, 1000.0 * 3600 / 16);
  EXPECT_EQ(c.curves[1].points[0].samples_per_usd, std::nullopt);
  ASSERT_EQ(c.prices.size(), 1);
  EXPECT_EQ(c.prices[0].source, "cheap");
  EXPECT_THAT(ToText(c), HasSubstr("x1 at 2 USD a chip and hour, 2026-02\n    cheap"));
}

TEST(Compare, TextMarksWhatIsModelled) {
  const std::string text = ToText(
      Compare(Published(), {Record(ScalingMode::kModelled, Scaling::kWeak)}, {}));
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    EXPECT_LE(line.size(), 80) << line;
  }
  EXPECT_THAT(text, HasSubstr("net on D1, modelled\n"));
  EXPECT_THAT(text, HasSubstr("16*   50.0*"));
  EXPECT_THAT(text, HasSubstr("*: modelled, not measured."));
  EXPECT_THAT(text, HasSubstr("trademarks of MLCommons"));
  EXPECT_THAT(text, HasSubstr("at 4: eff 40.0 to 60.0 %"));
  EXPECT_THAT(text, HasSubstr("T30 X1-16GB\n"));  // a chip other than the first row's
  EXPECT_THAT(text,
              HasSubstr("T30 (L)  a round, 2023-06\n    example.org/t\n    one\n"));
  EXPECT_THAT(text, HasSubstr("DLE  examples\n    example.org/d\n"));
  EXPECT_THAT(text, HasSubstr("net, 1 x X1, BF16: 130 img/s, eff 100 % (R)\n    DLE:"));
  // Nothing else has the mark.
  const std::string published = ToText(Compare(Published(), {}, {}));
  EXPECT_THAT(published, Not(HasSubstr("*")));
  EXPECT_THAT(ToText(Compare(Published(),
                             {Record(ScalingMode::kMeasured, Scaling::kWeak)}, {})),
              Not(HasSubstr("*")));
}

TEST(Compare, PlotHasCurvesAndTellsThemApart) {
  const Plot plot =
      EfficiencyPlot(Compare(Published(),
                             {Record(ScalingMode::kMeasured, Scaling::kStrong),
                              Record(ScalingMode::kModelled, Scaling::kWeak)},
                             {}));
  ASSERT_EQ(plot.series.size(), 3);  // a lone row is no curve
  EXPECT_EQ(plot.series[0].name, "net, X1-8GB (T30, published)");
  EXPECT_EQ(plot.series[0].style, LineStyle::kSolid);
  EXPECT_EQ(plot.series[1].style, LineStyle::kBold);
  EXPECT_EQ(plot.series[2].style, LineStyle::kDashed);
  ASSERT_EQ(plot.series[0].points.size(), 3);
  EXPECT_EQ(plot.series[0].points[1].x, 8);
  EXPECT_EQ(plot.series[0].points[1].y, 75);
  EXPECT_EQ(plot.series[0].points[1].fill, MarkFill::kFilled);
  EXPECT_EQ(plot.series[0].points[2].fill, MarkFill::kHollow);
}

TEST(Prices, FlagsAreReadStrictly) {
  const auto good = ParsePriceFlags({"h100=2.99", "bow-ipu=1"}, "2026-03");
  ASSERT_TRUE(good.ok()) << good.status();
  EXPECT_EQ((*good)[0].usd_per_chip_hour, 2.99);
  EXPECT_EQ((*good)[1].date, "2026-03");
  for (const std::string bad :
       {"h100", "h100=", "=2", "h100=0", "h100=1=2", "h100=x"}) {
    EXPECT_EQ(GetErrorCode(ParsePriceFlags({bad}, "2026-03").status()),
              ErrorCode::kBadFlag)
        << bad;
  }
  EXPECT_THAT(std::string(ParsePriceFlags({"h100=2"}, "").status().message()),
              HasSubstr("a price without its date"));
}

TEST(Prices, AreOfWholeWords) {
  const ChipPrice price = {.chip = "b200"};
  EXPECT_TRUE(IsPriceOf(price, "B200-180GB"));
  EXPECT_TRUE(IsPriceOf(price, "NVIDIA B200 SXM"));
  EXPECT_FALSE(IsPriceOf(price, "GB200"));
  EXPECT_FALSE(IsPriceOf(price, "B2000"));
}

}  // namespace
}  // namespace tatami
