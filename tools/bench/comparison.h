// Curves over chips side by side: what was published, what we or a peer measured, and
// what a model says, each with the efficiency of more chips against its first point.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "tools/bench/baselines.h"
#include "tools/bench/plot_svg.h"
#include "tools/bench/prices.h"
#include "tools/bench/scaling_record.h"

namespace tatami {

enum class CurveOrigin : uint8_t { kPublished, kMeasured, kModelled };
absl::string_view Name(CurveOrigin origin);

// How the samples of a step grew with the chips since the curve's first point. MLPerf
// lets submitters choose: few of its curves are strong scaling all along.
enum class BatchGrowth : uint8_t {
  kNone,    // the first point
  kStrong,  // the same batch in all
  kWeak,    // the same batch for each chip
  kMixed,   // another: efficiencies of such points compare with neither
};
absl::string_view Name(BatchGrowth growth);

struct ComparedPoint {
  std::string chip;
  int64_t chips = 1;
  double chips_ratio = 1;    // over the first point's chips
  int64_t global_batch = 1;  // samples of a step
  BatchGrowth growth = BatchGrowth::kNone;
  std::optional<double> samples_per_s;
  std::optional<double> efficiency;       // a fraction of the first point's
  std::optional<double> samples_per_usd;  // where there is a price
  std::string source_key;                 // "T30", "r1"
};

struct ComparedCurve {
  CurveOrigin origin = CurveOrigin::kPublished;
  std::string workload, chip;  // of the first point
  std::vector<ComparedPoint> points;
};

// A line for the list of sources below the table.
struct ComparedSource {
  std::string key;
  std::string grade;               // of published ones
  std::string text;                // what, where and when
  std::vector<std::string> parts;  // paths there, or what else belongs to it
};

struct Comparison {
  std::vector<ComparedCurve> curves;
  std::vector<PublishedFigure> figures;
  std::vector<ComparedSource> sources;  // of the curves
  std::vector<ChipPrice> prices;        // those that were used
};

// Published curves first, then `records`, numbered r1, r2.. in their order. Prices of
// chips that no curve has are left out of the answer's `prices`.
Comparison Compare(const Baselines& published, absl::Span<const ScalingRecord> records,
                   absl::Span<const ChipPrice> prices);

// Efficiency over times more chips, curves of at least two known points only.
Plot EfficiencyPlot(const Comparison& comparison);

}  // namespace tatami
