#include "tools/bench/comparison.h"

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace tatami {
namespace {

BatchGrowth GrowthSince(const ComparedPoint& first, const ComparedPoint& point) {
  if (point.chips == first.chips) return BatchGrowth::kNone;
  if (point.global_batch == first.global_batch) return BatchGrowth::kStrong;
  const bool each_the_same =
      point.global_batch * first.chips == first.global_batch * point.chips;
  return each_the_same ? BatchGrowth::kWeak : BatchGrowth::kMixed;
}

enum class SourceParts : uint8_t { kListed, kShownAlready };

class Comparer {
 public:
  Comparer(const std::vector<BaselineSource>& sources,
           absl::Span<const ChipPrice> prices)
      : sources_(sources), prices_(prices) {}

  void Add(const TrainingCurve& curve) {
    const TrainingRow& first = curve.rows.front();
    ComparedCurve compared = {.workload = first.workload, .chip = first.chip};
    for (size_t i = 0; i < curve.rows.size(); ++i) {
      const TrainingRow& row = curve.rows[i];
      ComparedPoint point = {.chip = row.chip,
                             .chips = row.chips,
                             .global_batch = row.global_batch,
                             .efficiency = EfficiencyOf(curve, i),
                             .source_key = std::string(SourceKeyOf(row.source))};
      if (row.samples_per_s) point.samples_per_s = row.samples_per_s->value;
      AddPoint(std::move(point), compared);
      NoteSource(row.source, row.grade, SourceParts::kListed);
    }
    result_.curves.push_back(std::move(compared));
  }

  void Add(const ScalingRecord& record, absl::string_view key) {
    const bool measured = record.mode == ScalingMode::kMeasured;
    ComparedCurve compared = {
        .origin = measured ? CurveOrigin::kMeasured : CurveOrigin::kModelled,
        .workload = record.model,
        .chip = record.machine.chip};
    ComparedSource source = {
        .key = std::string(key),
        .text =
            absl::StrCat(Name(record.mode), ", ", Name(record.scaling), ", ",
                         record.precision, ", ", record.date, ": ", record.software,
                         " on ", record.machine.name, " (", record.machine.chip, ")")};
    for (const ScalingPoint& p : record.points) {
      const bool weak = record.scaling == Scaling::kWeak;
      AddPoint({.chip = record.machine.chip,
                .chips = p.chips,
                .global_batch = record.batch * (weak ? p.chips : 1),
                .samples_per_s = p.samples_per_s,
                .efficiency = p.efficiency,
                .source_key = std::string(key)},
               compared);
      if (p.efficiency_min == p.efficiency_max) continue;
      source.parts.push_back(absl::StrFormat("at %d: eff %.1f to %.1f %%", p.chips,
                                             100 * p.efficiency_min,
                                             100 * p.efficiency_max));
    }
    if (record.points.size() == 1) compared.points[0].efficiency.reset();
    result_.sources.push_back(std::move(source));
    result_.curves.push_back(std::move(compared));
  }

  void Add(const PublishedFigure& figure) {
    NoteSource(figure.source, "", SourceParts::kShownAlready);
    result_.figures.push_back(figure);
  }

  Comparison Take() && { return std::move(result_); }

 private:
  void AddPoint(ComparedPoint point, ComparedCurve& curve) {
    const ComparedPoint& first = curve.points.empty() ? point : curve.points.front();
    point.chips_ratio =
        static_cast<double>(point.chips) / static_cast<double>(first.chips);
    point.growth = GrowthSince(first, point);
    const ChipPrice* price = CheapestOf(prices_, point.chip);
    if (price && point.samples_per_s) {
      point.samples_per_usd =
          *point.samples_per_s * 3600 /
          (price->usd_per_chip_hour * static_cast<double>(point.chips));
      const auto is_price = [&](const ChipPrice& p) {
        return p.chip == price->chip && p.source == price->source;
      };
      if (absl::c_none_of(result_.prices, is_price)) result_.prices.push_back(*price);
    }
    curve.points.push_back(std::move(point));
  }

  // Lists the key of `source`, and its path where rows show the key alone.
  void NoteSource(absl::string_view source, absl::string_view grade,
                  SourceParts parts) {
    const absl::string_view key = SourceKeyOf(source);
    if (key.empty()) return;
    const auto has_key = [&](const auto& s) { return s.key == key; };
    auto noted = absl::c_find_if(result_.sources, has_key);
    if (noted == result_.sources.end()) {
      const auto known = absl::c_find_if(sources_, has_key);
      noted = result_.sources.insert(
          noted,
          {.key = std::string(key),
           .grade = std::string(grade),
           .text = absl::StrCat(known->what, known->published.empty() ? "" : ", ",
                                known->published),
           .parts = {known->address}});
    }
    const std::string part(source.substr(key.size() + 1));
    if (parts == SourceParts::kListed && !absl::c_linear_search(noted->parts, part)) {
      noted->parts.push_back(part);
    }
  }

  const std::vector<BaselineSource>& sources_;
  absl::Span<const ChipPrice> prices_;
  Comparison result_;
};

LineStyle StyleOf(CurveOrigin origin) {
  switch (origin) {
    case CurveOrigin::kPublished:
      return LineStyle::kSolid;
    case CurveOrigin::kMeasured:
      return LineStyle::kBold;
    case CurveOrigin::kModelled:
      return LineStyle::kDashed;
  }
  return LineStyle::kSolid;
}

}  // namespace

absl::string_view Name(CurveOrigin origin) {
  switch (origin) {
    case CurveOrigin::kPublished:
      return "published";
    case CurveOrigin::kMeasured:
      return "measured";
    case CurveOrigin::kModelled:
      return "modelled";
  }
  return "?";
}

absl::string_view Name(BatchGrowth growth) {
  switch (growth) {
    case BatchGrowth::kNone:
      return "-";
    case BatchGrowth::kStrong:
      return "strong";
    case BatchGrowth::kWeak:
      return "weak";
    case BatchGrowth::kMixed:
      return "mixed";
  }
  return "?";
}

Comparison Compare(const Baselines& published, absl::Span<const ScalingRecord> records,
                   absl::Span<const ChipPrice> prices) {
  Comparer comparer(published.sources, prices);
  for (const TrainingCurve& curve : published.curves) comparer.Add(curve);
  int number = 0;
  for (const ScalingRecord& record : records) {
    comparer.Add(record, absl::StrCat("r", ++number));
  }
  for (const PublishedFigure& figure : published.figures) comparer.Add(figure);
  return std::move(comparer).Take();
}

Plot EfficiencyPlot(const Comparison& comparison) {
  Plot plot = {
      .title = "Training throughput of a chip as chips are added",
      .x_label = "times the chips of the curve's first point",
      .y_label = "samples/s a chip, % of the first point's",
      .notes = {"Filled: the first point's batch in all (strong scaling); hollow: "
                "another batch. Thin: published, bold: measured, dashed: modelled.",
                "MLPerf results as published; rates derived by us, not verified by "
                "MLCommons: an unofficial comparison.",
                "The MLPerf name and logo are trademarks of MLCommons."}};
  for (const ComparedCurve& curve : comparison.curves) {
    PlotSeries series = {.name = absl::StrCat(curve.workload, ", ", curve.chip, " (",
                                              curve.points.front().source_key, ", ",
                                              Name(curve.origin), ")"),
                         .style = StyleOf(curve.origin)};
    for (const ComparedPoint& p : curve.points) {
      if (!p.efficiency) continue;
      const bool same_batch =
          p.growth == BatchGrowth::kNone || p.growth == BatchGrowth::kStrong;
      series.points.push_back(
          {.x = p.chips_ratio,
           .y = 100 * *p.efficiency,
           .fill = same_batch ? MarkFill::kFilled : MarkFill::kHollow});
    }
    if (series.points.size() > 1) plot.series.push_back(std::move(series));
  }
  return plot;
}

}  // namespace tatami
