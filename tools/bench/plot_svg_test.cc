// The plot is a well-formed document, draws every point of every series where its axis
// says, and can be read in two colour schemes.
#include "tools/bench/plot_svg.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/error.h"
#include "tests/support/xml.h"

namespace tatami {
namespace {

using ::testing::HasSubstr;
using testing::XmlFault;

Plot Example() {
  return {.title = "a < b & \"c\"",
          .x_label = "x",
          .y_label = "y",
          .notes = {"one note"},
          .series = {{.name = "first",
                      .points = {{1, 100}, {8, 64, MarkFill::kHollow}, {64, 32}}},
                     {.name = "second <modelled>",
                      .style = LineStyle::kDashed,
                      .points = {{1, 100}, {100, 50}}}}};
}

// The text between the quotes after `name="`, in the order of the document.
std::vector<std::string> AttributesOf(const std::string& svg, const std::string& name) {
  std::vector<std::string> values;
  const std::string start = absl::StrCat(" ", name, "=\"");
  for (size_t at = svg.find(start); at != std::string::npos;
       at = svg.find(start, at + 1)) {
    const size_t from = at + start.size();
    values.push_back(svg.substr(from, svg.find('"', from) - from));
  }
  return values;
}

TEST(PlotSvg, IsWellFormedAndHasEverySeries) {
  const auto svg = PlotSvg(Example());
  ASSERT_TRUE(svg.ok()) << svg.status();
  EXPECT_EQ(XmlFault(*svg), "");
  EXPECT_THAT(*svg, HasSubstr(">first</text>"));
  EXPECT_THAT(*svg, HasSubstr(">second &lt;modelled&gt;</text>"));
  EXPECT_THAT(*svg, HasSubstr("a &lt; b &amp; &quot;c&quot;"));
  EXPECT_THAT(*svg, HasSubstr(">one note</text>"));
  EXPECT_THAT(*svg, HasSubstr("prefers-color-scheme: dark"));
  EXPECT_THAT(*svg, HasSubstr("curve s c1 dashed"));
}

// Equal ratios are equal distances on both axes: 1, 8, 64 and 100, 64, then 32.
TEST(PlotSvg, AxesAreLogarithmic) {
  const auto svg = PlotSvg(Example());
  ASSERT_TRUE(svg.ok()) << svg.status();
  const std::vector<std::string> lines = AttributesOf(*svg, "points");
  ASSERT_EQ(lines.size(), 2);
  std::vector<double> numbers;
  for (absl::string_view n :
       absl::StrSplit(lines[0], absl::ByAnyChar(" ,"), absl::SkipEmpty())) {
    double value = 0;
    ASSERT_TRUE(absl::SimpleAtod(n, &value));
    numbers.push_back(value);
  }
  ASSERT_EQ(numbers.size(), 6);
  // Coordinates are printed to 0.1, so a difference of two is exact to 0.1.
  EXPECT_NEAR(numbers[2] - numbers[0], numbers[4] - numbers[2], 0.2);
  const double down_1 = numbers[3] - numbers[1], down_2 = numbers[5] - numbers[3];
  EXPECT_GT(down_1, 0);  // less is lower
  EXPECT_NEAR(down_2 / down_1, std::log(2.0) / std::log(100.0 / 64),
              0.1 * (1 / down_1 + down_2 / (down_1 * down_1)));
}

TEST(PlotSvg, OneMarkForEachPointAndForTheLegend) {
  const auto svg = PlotSvg(Example());
  ASSERT_TRUE(svg.ok()) << svg.status();
  int filled = 0, hollow = 0;
  for (const std::string& classes : AttributesOf(*svg, "class")) {
    filled += absl::StartsWith(classes, "mark filled");
    hollow += absl::StartsWith(classes, "mark hollow");
  }
  EXPECT_EQ(filled, 4 + 2);
  EXPECT_EQ(hollow, 1);
}

TEST(PlotSvg, SeriesLookDifferent) {
  Plot plot = Example();
  plot.series.resize(1);
  while (plot.series.size() < 32) plot.series.push_back(plot.series[0]);
  const auto svg = PlotSvg(plot);
  ASSERT_TRUE(svg.ok()) << svg.status();
  // A mark is an element of a shape with a class of a colour; the legend has one each.
  std::set<std::string> looks;
  for (absl::string_view line : absl::StrSplit(*svg, '\n')) {
    const size_t mark = line.find("class=\"mark filled ");
    if (mark == std::string::npos) continue;
    const std::string tag(line.substr(0, mark));
    const std::string colour(line.substr(mark, line.find('"', mark + 7) - mark));
    // Diamond and triangle are both paths; the triangle's last edge is level.
    looks.insert(absl::StrCat(tag, absl::StrContains(line, " 0z"), colour));
  }
  EXPECT_EQ(looks.size(), 32);
}

TEST(PlotSvg, RefusesWhatLogarithmicAxesCannotShow) {
  Plot plot = Example();
  plot.series[1].points[0].y = 0;
  EXPECT_EQ(PlotSvg(plot).status().message(),
            "E0101: 'second <modelled>' has a point at (1, 0), which is nowhere on "
            "logarithmic axes.");
  plot.series.clear();
  EXPECT_EQ(GetErrorCode(PlotSvg(plot).status()), ErrorCode::kBadFlag);
}

TEST(LogTicks, EncloseTheRangeWithoutSpareTicks) {
  EXPECT_EQ(LogTicks(1, 1), (std::vector<double>{1, 2}));
  const std::pair<double, double> kRanges[] = {
      {1, 448}, {20.6, 100}, {99, 101}, {0.003, 0.0031}, {1, 1e6}, {7, 30}, {1, 10}};
  for (const auto& range : kRanges) {
    const std::vector<double> ticks = LogTicks(range.first, range.second);
    ASSERT_GE(ticks.size(), 2);
    EXPECT_LE(ticks.front(), range.first);
    EXPECT_GT(ticks[1], range.first);
    EXPECT_GE(ticks.back(), range.second);
    EXPECT_LE(ticks.size(), 12);
    EXPECT_TRUE(std::is_sorted(ticks.begin(), ticks.end()));
    // No tick but the last is at or above the range's end.
    if (ticks.size() > 2) {
      EXPECT_LT(ticks[ticks.size() - 2], range.second);
    }
  }
}

TEST(XmlFault, SeesWhatIsNotWellFormed) {
  EXPECT_EQ(XmlFault("<a x=\"1\"><b/>t &amp; u</a>\n"), "");
  EXPECT_EQ(XmlFault("<a><b></a></b>"), "</a> closes <b>");
  EXPECT_EQ(XmlFault("<a>"), "<a> is not closed");
  EXPECT_EQ(XmlFault("<a>x & y</a>"), "a bare & in 'x & y'");
  EXPECT_EQ(XmlFault("<a x=1/>"), "no quoted value in <a x=1/>");
  EXPECT_EQ(XmlFault("<a/><b/>"), "<b> follows the root");
}

}  // namespace
}  // namespace tatami
