// Curves on logarithmic axes as an SVG document that needs no library, font or script,
// and follows the reader's light or dark colours.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace tatami {

enum class LineStyle : uint8_t { kSolid, kBold, kDashed };
enum class MarkFill : uint8_t { kFilled, kHollow };

// Both coordinates must be finite and above 0.
struct PlotPoint {
  double x = 1, y = 1;
  MarkFill fill = MarkFill::kFilled;
};

struct PlotSeries {
  std::string name;  // in the legend
  LineStyle style = LineStyle::kSolid;
  std::vector<PlotPoint> points;  // joined in this order
};

struct Plot {
  std::string title, x_label, y_label;
  std::vector<std::string> notes;  // lines below the plot
  std::vector<PlotSeries> series;
};

// Colours repeat after 8 series, marks do so in another rhythm: 32 series look
// different. Error: E0101 when there is no point, or one that no logarithm has.
absl::StatusOr<std::string> PlotSvg(const Plot& plot);

// Where a logarithmic axis over [low, high] has its ticks, ascending; the first is at
// or below low, the last at or above high, and they differ. Of each decade 1, 2, 3, 5,
// 7 where the axis is short, 1, 2, 5 where it is longer, else 1 alone.
std::vector<double> LogTicks(double low, double high);

}  // namespace tatami
