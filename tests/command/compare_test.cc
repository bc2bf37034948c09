// `tatami bench compare` as a stranger starts it.
#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/run_tatami.h"
#include "tests/support/xml.h"

namespace tatami::testing {
namespace {

using ::testing::HasSubstr;

// Column by column of the file against the words of the table.
TEST(BenchCompare, TableHasTheNumbersOfTheFile) {
  const Scratch scratch;
  const Outcome outcome =
      RunTatami({"bench", "compare", "--against",
                 "v100,a100,h100,h200,b200,gb200,gb300,bow-ipu,tpuv4,a64fx"},
                {.folder = scratch.path()});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  std::vector<std::vector<std::string>> rows;
  for (absl::string_view line : absl::StrSplit(outcome.out, '\n')) {
    rows.push_back(absl::StrSplit(line, ' ', absl::SkipEmpty()));
  }
  size_t next = 0;  // curves stand in the file's order
  int compared = 0;
  const std::string file = FileText("data/baselines/mlperf_training.csv");
  for (absl::string_view line : absl::StrSplit(file, '\n', absl::SkipEmpty())) {
    const std::vector<std::string> f = absl::StrSplit(line, ',');
    if (f[0] == "workload") continue;
    const auto is_row = [&](const std::vector<std::string>& words) {
      return words.size() >= 7 && words[0] == f[2] && words[2] == f[3] &&
             words[4] == (f[5].empty() ? "-" : f[5]) && words[6] == f[8].substr(0, 3);
    };
    while (next < rows.size() && !is_row(rows[next])) ++next;
    ASSERT_LT(next, rows.size()) << "no row for " << line;
    // Where the file has no percentage, ours is 100.0 or -, of a curve's first row.
    const std::string percent = rows[next][5];
    if (f[6].empty() || f[6] == "100") {
      EXPECT_TRUE(percent == "100.0" || (f[6].empty() && percent == "-")) << line;
    } else {
      // 0.05 for the last digit of either, and less than 0.05 for rates of three digits
      // or more: 0.5 / 924 of 73 % is 0.04.
      EXPECT_NEAR(std::stod(percent), std::stod(f[6]), 0.15) << line;
    }
    ++next, ++compared;
  }
  // Nothing else looks like a row.
  const auto is_point = [](const std::vector<std::string>& words) {
    return words.size() >= 7 && absl::ascii_isdigit(words[0][0]) &&
           absl::ascii_isdigit(words[1][0]);
  };
  EXPECT_EQ(absl::c_count_if(rows, is_point), compared);
}

TEST(BenchCompare, DrawsRecordsBesidePublishedCurves) {
  const Scratch scratch;
  scratch.Write("curve.json",
                R"({"kind":"tatami.scaling","version":1,"mode":"modelled",)"
                R"("scaling":"strong","model":"resnet50","machine":{"name":)"
                R"("dojo_tile","chip":"D1","chips":25},"batch":200,"precision":)"
                R"("bf16","date":"2026-08-01","software":"tatami","points":[)"
                R"({"chips":1,"step_s":1,"samples_per_s":200,"efficiency":1,)"
                R"("efficiency_min":1,"efficiency_max":1},)"
                R"({"chips":25,"step_s":0.05,"samples_per_s":4000,"efficiency":0.8,)"
                R"("efficiency_min":0.8,"efficiency_max":0.8}]})");
  const Outcome outcome =
      RunTatami({"bench", "compare", "--against", "h100,bow-ipu", "--workload",
                 "resnet50", "--record", "curve.json", "--svg", "plot.svg", "--price",
                 "h100=2.99", "--price_date", "2026-03", "--json"},
                {.folder = scratch.path()});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("resnet50 on D1, modelled"));
  EXPECT_THAT(outcome.out, HasSubstr("4000*   80.0*"));
  const nlohmann::json object = outcome.LastJson();
  ASSERT_EQ(object["curves"].size(), 4);  // H100 twice, Bow IPU, ours
  EXPECT_EQ(object["curves"][3]["origin"], "modelled");
  EXPECT_EQ(object["curves"][0]["points"][1]["growth"], "strong");
  EXPECT_NEAR(object["curves"][0]["points"][1]["samples_per_usd"],
              280624.0 * 3600 / (64 * 2.99), 1e-3);
  EXPECT_TRUE(object["curves"][3]["points"][1]["samples_per_usd"].is_null());
  const std::string svg = FileText(scratch.path() + "/plot.svg");
  EXPECT_EQ(XmlFault(svg), "");
  for (const char* name :
       {"resnet50, H100-80GB (T30, published)", "resnet50, H100-80GB (T40, published)",
        "resnet50, BowIPU-900MB-SRAM (T20, published)",
        "resnet50, D1 (r1, modelled)"}) {
    EXPECT_THAT(svg, HasSubstr(absl::StrCat(">", name, "</text>")));
  }
}

TEST(BenchCompare, PricesOfTheShippedFile) {
  const Scratch scratch;
  scratch.Write("prices.csv", FileText("data/baselines/prices.csv"));
  const Outcome outcome = RunTatami({"bench", "compare", "--against", "h100",
                                     "--workload", "unet3d", "--prices", "prices.csv"},
                                    {.folder = scratch.path()});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("H100 at 2.99 USD a chip and hour, 2026-03"));
}

TEST(BenchCompare, RefusesWhatItCannotCompare) {
  const Scratch scratch;
  const std::vector<std::string> start = {"bench", "compare", "--against", "h100"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), start.begin(), start.end());
    return RunTatami(more, {.folder = scratch.path()});
  };
  EXPECT_EQ(
      with({"--price", "a100=2", "--price_date", "2026-03"}).Message(),
      "E0101: --price: 'a100' is none of the chips that are compared: H100-80GB.");
  EXPECT_EQ(with({"--prices", "none.csv"}).Message(),
            "E0401: --prices: cannot read 'none.csv'. data/baselines/prices.csv is an "
            "example.");
  scratch.Write("prices.csv", "chip,chips,usd_per_huor,date,source\nh100,1,2,x,y\n");
  const Outcome misspelt = with({"--prices", "prices.csv"});
  EXPECT_EQ(misspelt.exit_code, 4);
  EXPECT_EQ(
      misspelt.Message(),
      "E0402: prices.csv, line 1: there is no column 'usd_per_huor'; did you mean "
      "'usd_per_hour'? The columns are chip,chips,usd_per_hour,date,source, in "
      "this order.");
}

}  // namespace
}  // namespace tatami::testing
