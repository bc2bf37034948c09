#include "tools/bench/plot_svg.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "core/error.h"
#include "core/status_macros.h"

namespace tatami {
namespace {

// All lengths in pixels of the SVG's own coordinates.
constexpr double kLeft = 70, kTop = 46, kWidth = 560, kHeight = 400;
constexpr double kRight = kLeft + kWidth, kBottom = kTop + kHeight;
constexpr double kLegendLeft = kRight + 24, kLegendStep = 20, kLegendLine = 34;
constexpr double kLegendText = kLegendLeft + kLegendLine + 8, kMargin = 12;
constexpr double kNoteStep = 16, kMark = 4.5;
// Broader than the letters of any usual sans-serif font of 12 pixels are on average, so
// that the longest name and note have room.
constexpr double kLetterWidth = 6.8;
constexpr int kColours = 8, kShapes = 4;

// Each colour has a contrast of at least 3 to its background (WCAG 2.1, 1.4.11).
constexpr absl::string_view kStyle = R"css(
  svg { font: 12px sans-serif; }
  .back { fill: #ffffff; }
  .text { fill: #1c1c1c; }
  .grid { stroke: #dddddd; stroke-width: 1; }
  .frame { stroke: #666666; fill: none; }
  .curve { fill: none; stroke-width: 1.6; }
  .bold { stroke-width: 3.2; }
  .dashed { stroke-width: 2.2; stroke-dasharray: 7 4; }
  .hollow { fill: #ffffff; }
  .mark { stroke-width: 1.6; }
  .c0 { --c: #0060a8; } .c1 { --c: #c04a00; } .c2 { --c: #007a54; }
  .c3 { --c: #a8418a; } .c4 { --c: #7a6000; } .c5 { --c: #0f7fa8; }
  .c6 { --c: #c01f3a; } .c7 { --c: #555555; }
  .s { stroke: var(--c); }
  .filled { fill: var(--c); }
  @media (prefers-color-scheme: dark) {
    .back, .hollow { fill: #16181c; }
    .text { fill: #e8e8e8; }
    .grid { stroke: #34373d; }
    .frame { stroke: #9a9a9a; }
    .c0 { --c: #5ab0f0; } .c1 { --c: #ff9a5c; } .c2 { --c: #35c99a; }
    .c3 { --c: #e58fd0; } .c4 { --c: #d8bc4a; } .c5 { --c: #66d3ee; }
    .c6 { --c: #ff7d90; } .c7 { --c: #b8b8b8; }
  }
)css";

std::string Escaped(absl::string_view text) {
  return absl::StrReplaceAll(
      text, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}});
}

// A value's place between the first and the last tick, on a scale of logarithms.
struct Axis {
  std::vector<double> ticks;
  double from = 0, to = 1;  // pixels of the first and the last tick

  double At(double value) const {
    const double span = std::log(ticks.back() / ticks.front());
    return from + (to - from) * std::log(value / ticks.front()) / span;
  }
};

struct Frame {
  Axis x, y;
};

absl::StatusOr<Frame> FrameOf(const Plot& plot) {
  double x_low = HUGE_VAL, x_high = 0, y_low = HUGE_VAL, y_high = 0;
  for (const PlotSeries& series : plot.series) {
    for (const PlotPoint& p : series.points) {
      if (!std::isfinite(p.x) || !std::isfinite(p.y) || p.x <= 0 || p.y <= 0) {
        return MakeError(ErrorCode::kBadFlag,
                         absl::StrCat("'", series.name, "' has a point at (", p.x, ", ",
                                      p.y, "), which is nowhere on logarithmic axes."));
      }
      x_low = std::min(x_low, p.x), x_high = std::max(x_high, p.x);
      y_low = std::min(y_low, p.y), y_high = std::max(y_high, p.y);
    }
  }
  if (x_high == 0) {
    return MakeError(ErrorCode::kBadFlag,
                     "there is nothing to draw: no curve has two points or more. Name "
                     "more chips or another workload.");
  }
  return Frame{.x = {LogTicks(x_low, x_high), kLeft, kRight},
               .y = {LogTicks(y_low, y_high), kBottom, kTop}};
}

std::string Text(double x, double y, absl::string_view attributes,
                 absl::string_view text) {
  return absl::StrFormat("<text class=\"text\" x=\"%.1f\" y=\"%.1f\"%s>%s</text>\n", x,
                         y, attributes, Escaped(text));
}

std::string Line(absl::string_view classes, double x1, double y1, double x2,
                 double y2) {
  return absl::StrFormat(
      "<line class=\"%s\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n", classes,
      x1, y1, x2, y2);
}

std::string AxesSvg(const Plot& plot, const Frame& frame) {
  std::string svg;
  for (double tick : frame.x.ticks) {
    const double x = frame.x.At(tick);
    svg += Line("grid", x, kTop, x, kBottom);
    svg += Text(x, kBottom + 18, " text-anchor=\"middle\"", absl::StrCat(tick));
  }
  for (double tick : frame.y.ticks) {
    const double y = frame.y.At(tick);
    svg += Line("grid", kLeft, y, kRight, y);
    svg += Text(kLeft - 8, y + 4, " text-anchor=\"end\"", absl::StrCat(tick));
  }
  absl::StrAppendFormat(
      &svg, "<rect class=\"frame\" x=\"%g\" y=\"%g\" width=\"%g\" height=\"%g\"/>\n",
      kLeft, kTop, kWidth, kHeight);
  svg +=
      Text(kLeft + kWidth / 2, kBottom + 40, " text-anchor=\"middle\"", plot.x_label);
  const double middle = kTop + kHeight / 2;
  svg += Text(20, middle,
              absl::StrFormat(" text-anchor=\"middle\" transform=\"rotate(-90 20 %g)\"",
                              middle),
              plot.y_label);
  return svg +
         Text(kLeft, 26, " style=\"font-size:15px;font-weight:bold\"", plot.title);
}

// Circle, square, diamond, triangle.
std::string MarkSvg(size_t shape, double x, double y, absl::string_view classes) {
  constexpr double r = kMark;
  switch (shape) {
    case 0:
      return absl::StrFormat(
          "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"%g\"/>\n", classes, x, y,
          r);
    case 1:
      return absl::StrFormat(
          "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%g\" "
          "height=\"%g\"/>\n",
          classes, x - r, y - r, 2 * r, 2 * r);
    case 2:
      return absl::StrFormat(
          "<path class=\"%s\" d=\"M%.1f %.1fl%g %gl%g %gl%g %gz\"/>\n", classes, x,
          y - 1.3 * r, 1.3 * r, 1.3 * r, -1.3 * r, 1.3 * r, -1.3 * r, -1.3 * r);
    default:
      return absl::StrFormat("<path class=\"%s\" d=\"M%.1f %.1fl%g %gl%g 0z\"/>\n",
                             classes, x, y - 1.2 * r, 1.2 * r, 2.2 * r, -2.4 * r);
  }
}

// How series number i is drawn.
struct Look {
  std::string line, filled, hollow;  // classes
  size_t shape;
};

Look LookOf(const PlotSeries& series, size_t i) {
  const std::string colour = absl::StrCat("s c", i % kColours);
  const absl::string_view style = series.style == LineStyle::kSolid  ? ""
                                  : series.style == LineStyle::kBold ? " bold"
                                                                     : " dashed";
  return {.line = absl::StrCat("curve ", colour, style),
          .filled = absl::StrCat("mark filled ", colour),
          .hollow = absl::StrCat("mark hollow ", colour),
          .shape = (i + i / kColours) % kShapes};
}

std::string SeriesSvg(const PlotSeries& series, const Frame& frame, size_t i) {
  const Look look = LookOf(series, i);
  std::string path, marks;
  for (const PlotPoint& p : series.points) {
    const double x = frame.x.At(p.x), y = frame.y.At(p.y);
    absl::StrAppendFormat(&path, "%.1f,%.1f ", x, y);
    marks += MarkSvg(look.shape, x, y,
                     p.fill == MarkFill::kFilled ? look.filled : look.hollow);
  }
  const double y = kTop + 8 + kLegendStep * static_cast<double>(i);
  return absl::StrCat(
      "<g><title>", Escaped(series.name), "</title>\n<polyline class=\"", look.line,
      "\" points=\"", path, "\"/>\n", marks,
      Line(look.line, kLegendLeft, y, kLegendLeft + kLegendLine, y),
      MarkSvg(look.shape, kLegendLeft + kLegendLine / 2, y, look.filled),
      Text(kLegendText, y + 4, "", series.name), "</g>\n");
}

// Of the decade's places where ticks may be: as many as leave about ten in all.
std::vector<double> PlacesInDecade(double decades) {
  if (decades < 1.6) return {1, 2, 3, 5, 7};
  if (decades < 4) return {1, 2, 5};
  return {1};
}

}  // namespace

std::vector<double> LogTicks(double low, double high) {
  std::vector<double> all;
  const std::vector<double> places = PlacesInDecade(std::log10(high / low));
  const int first = static_cast<int>(std::floor(std::log10(low))) - 1;
  const int last = static_cast<int>(std::ceil(std::log10(high))) + 1;
  for (int decade = first; decade <= last; ++decade) {
    for (double place : places) all.push_back(place * std::pow(10.0, decade));
  }
  auto from = std::upper_bound(all.begin(), all.end(), low) - 1;
  auto to = std::lower_bound(all.begin(), all.end(), high);
  if (from == to) ++to;
  return std::vector<double>(from, to + 1);
}

absl::StatusOr<std::string> PlotSvg(const Plot& plot) {
  TATAMI_ASSIGN_OR_RETURN(const Frame frame, FrameOf(plot));
  double width = kRight + kMargin;
  const auto make_room = [&](double left, absl::string_view text) {
    width = std::max(width,
                     left + kLetterWidth * static_cast<double>(text.size()) + kMargin);
  };
  for (const PlotSeries& series : plot.series) make_room(kLegendText, series.name);
  for (const std::string& note : plot.notes) make_room(kLeft, note);
  const double legend_end =
      kTop + kLegendStep * static_cast<double>(plot.series.size());
  const double notes_top = std::max(kBottom + 64, legend_end + 12);
  const double height = notes_top + kNoteStep * static_cast<double>(plot.notes.size());
  std::string svg = absl::StrFormat(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" "
      "width=\"%.0f\" height=\"%.0f\" role=\"img\">\n<title>%s</title>\n"
      "<style>%s</style>\n<rect class=\"back\" width=\"100%%\" height=\"100%%\"/>\n",
      width, height, width, height, Escaped(plot.title), kStyle);
  svg += AxesSvg(plot, frame);
  for (size_t i = 0; i < plot.series.size(); ++i) {
    svg += SeriesSvg(plot.series[i], frame, i);
  }
  for (size_t i = 0; i < plot.notes.size(); ++i) {
    svg +=
        Text(kLeft, notes_top + kNoteStep * static_cast<double>(i), "", plot.notes[i]);
  }
  return svg + "</svg>\n";
}

}  // namespace tatami
