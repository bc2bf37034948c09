#include "tools/bench/comparison_text.h"

#include <optional>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace tatami {
namespace {

using nlohmann::json;

// Six digits, or what it takes to write a whole number.
std::string Rounded(const std::optional<double>& value) {
  if (!value) return "-";
  return *value >= 1e5 ? absl::StrFormat("%.0f", *value)
                       : absl::StrFormat("%.6g", *value);
}

// The star goes behind the number, into a column of its own that is else blank.
void AppendRow(const ComparedCurve& curve, const ComparedPoint& p, std::string& text) {
  const absl::string_view mark = curve.origin == CurveOrigin::kModelled ? "*" : " ";
  const std::string eff =
      p.efficiency ? absl::StrFormat("%.1f", 100 * *p.efficiency) : "-";
  absl::StrAppendFormat(
      &text, "%7d %8.1f %8d %-6s %11s%s %6s%s %10s  %s", p.chips, p.chips_ratio,
      p.global_batch, Name(p.growth), Rounded(p.samples_per_s), mark, eff, mark,
      p.samples_per_usd ? absl::StrFormat("%.0f", *p.samples_per_usd) : "",
      p.source_key);
  if (p.chip != curve.chip) absl::StrAppend(&text, " ", p.chip);
  text += '\n';
}

void AppendFigures(const std::vector<PublishedFigure>& figures, std::string& text) {
  if (figures.empty()) return;
  text += "\nSingle figures as published (grade)\n";
  for (const PublishedFigure& f : figures) {
    absl::StrAppend(&text, "  ", f.workload, ", ", f.chips, " x ", f.chip,
                    f.precision.empty() ? "" : ", ", f.precision, ": ", f.value, " ",
                    f.unit);
    if (!f.efficiency.empty()) absl::StrAppend(&text, ", eff ", f.efficiency, " %");
    absl::StrAppend(&text, " (", f.grade, ")\n    ", f.source, "\n");
  }
}

void AppendSources(const Comparison& c, std::string& text) {
  text += "\nSources (grade); submitter NVIDIA where a path names none\n";
  for (const ComparedSource& s : c.sources) {
    absl::StrAppend(&text, "  ", s.key, s.grade.empty() ? "" : " (", s.grade,
                    s.grade.empty() ? "" : ")", "  ", s.text, "\n");
    for (const std::string& part : s.parts) absl::StrAppend(&text, "    ", part, "\n");
  }
  for (const ChipPrice& p : c.prices) {
    absl::StrAppendFormat(&text, "  %s at %.4g USD a chip and hour, %s\n    %s\n",
                          p.chip, p.usd_per_chip_hour, p.date, p.source);
  }
}

bool Has(const Comparison& c, CurveOrigin origin) {
  return absl::c_any_of(c.curves,
                        [&](const ComparedCurve& k) { return k.origin == origin; });
}

void AppendMeaning(const Comparison& c, std::string& text) {
  text +=
      "\nx: chips over those of the curve's first row; eff: samples/s a chip over\n"
      "that row's. batch: samples of a step in all; strong: the same as in the first\n"
      "row, weak: the same a chip, mixed: neither, so compare it with neither.\n";
  if (Has(c, CurveOrigin::kModelled)) text += "*: modelled, not measured.\n";
  if (!c.prices.empty()) {
    text += "samples/$: at the least of the prices given for the chip, listed below.\n";
  }
  if (Has(c, CurveOrigin::kPublished)) {
    text +=
        "samples/s and eff of MLPerf rows are derived by us from the logs (whole "
        "runs,\n"
        "evaluation included); they are no metrics of MLPerf. Results as published, "
        "not\n"
        "verified by MLCommons; unofficial comparison. The MLPerf name and logo are\n"
        "trademarks of MLCommons.\n";
  }
  if (Has(c, CurveOrigin::kMeasured)) {
    text += "Measured rows: not MLPerf results, not verified by MLCommons.\n";
  }
}

json OrNull(const std::optional<double>& value) {
  return value ? json(*value) : json(nullptr);
}

json PointJson(const ComparedPoint& p) {
  return {{"chip", p.chip},
          {"chips", p.chips},
          {"chips_ratio", p.chips_ratio},
          {"global_batch", p.global_batch},
          {"growth", std::string(Name(p.growth))},
          {"samples_per_s", OrNull(p.samples_per_s)},
          {"efficiency", OrNull(p.efficiency)},
          {"samples_per_usd", OrNull(p.samples_per_usd)},
          {"source", p.source_key}};
}

}  // namespace

std::string ToText(const Comparison& c) {
  std::string text = absl::StrFormat("%7s %8s %8s %-6s %11s  %6s  %10s  %s\n", "chips",
                                     "x", "batch", "growth", "samples/s", "eff %",
                                     c.prices.empty() ? "" : "samples/$", "source");
  for (const ComparedCurve& curve : c.curves) {
    absl::StrAppend(&text, curve.workload, " on ", curve.chip, ", ", Name(curve.origin),
                    "\n");
    for (const ComparedPoint& point : curve.points) AppendRow(curve, point, text);
  }
  AppendMeaning(c, text);
  AppendFigures(c.figures, text);
  AppendSources(c, text);
  return text;
}

json ToJson(const Comparison& c) {
  json curves = json::array(), figures = json::array(), sources = json::array(),
       prices = json::array();
  for (const ComparedCurve& curve : c.curves) {
    json points = json::array();
    for (const ComparedPoint& p : curve.points) points.push_back(PointJson(p));
    curves.push_back({{"origin", std::string(Name(curve.origin))},
                      {"workload", curve.workload},
                      {"chip", curve.chip},
                      {"points", std::move(points)}});
  }
  for (const PublishedFigure& f : c.figures) {
    figures.push_back({{"workload", f.workload},
                       {"chip", f.chip},
                       {"chips", f.chips},
                       {"precision", f.precision},
                       {"value", f.value},
                       {"unit", f.unit},
                       {"efficiency_percent", f.efficiency},
                       {"grade", f.grade},
                       {"source", f.source}});
  }
  for (const ComparedSource& s : c.sources) {
    sources.push_back(
        {{"key", s.key}, {"grade", s.grade}, {"text", s.text}, {"parts", s.parts}});
  }
  for (const ChipPrice& p : c.prices) {
    prices.push_back({{"chip", p.chip},
                      {"usd_per_chip_hour", p.usd_per_chip_hour},
                      {"date", p.date},
                      {"source", p.source}});
  }
  return {{"curves", std::move(curves)},
          {"figures", std::move(figures)},
          {"sources", std::move(sources)},
          {"prices", std::move(prices)}};
}

}  // namespace tatami
