#include "ops/window.h"

#include "absl/strings/str_cat.h"
#include "core/error.h"

namespace tatami {

int64_t WindowDim::Outputs(int64_t in_size) const {
  const int64_t room = in_size + pad_lo + pad_hi - span();
  return room < 0 ? 0 : room / stride + 1;
}

std::optional<int64_t> WindowDim::OutputOf(int64_t i, int64_t q,
                                           int64_t out_size) const {
  const int64_t scaled = i + pad_lo - q * dilation;
  if (scaled < 0 || scaled % stride != 0 || scaled / stride >= out_size) {
    return std::nullopt;
  }
  return scaled / stride;
}

int64_t CountTaps(const WindowDim& window, const Interval& out, int64_t in_size) {
  int64_t taps = 0;
  for (int64_t o = out.begin; o < out.end; ++o) {
    for (int64_t q = 0; q < window.kernel; ++q) {
      const int64_t i = window.InputOf(o, q);
      taps += 0 <= i && i < in_size;
    }
  }
  return taps;
}

int64_t CountAdjointTaps(const WindowDim& window, const Interval& in,
                         int64_t out_size) {
  int64_t taps = 0;
  for (int64_t i = in.begin; i < in.end; ++i) {
    for (int64_t q = 0; q < window.kernel; ++q) {
      taps += window.OutputOf(i, q, out_size).has_value();
    }
  }
  return taps;
}

void SetWindowAttrs(const WindowOptions& options, int spatial, Attrs& attrs) {
  const auto set = [&](absl::string_view name, const std::vector<int64_t>& value,
                       int64_t neutral) {
    attrs.Set(name, value.empty() ? std::vector<int64_t>(spatial, neutral) : value);
  };
  set("stride", options.stride, 1);
  set("dilation", options.dilation, 1);
  set("pad_lo", options.pad_lo, 0);
  set("pad_hi", options.pad_hi, 0);
}

absl::Status CheckWindowAttrs(const Attrs& attrs, int spatial) {
  const struct {
    absl::string_view name;
    int64_t least;
  } wanted[] = {{"stride", 1}, {"dilation", 1}, {"pad_lo", 0}, {"pad_hi", 0}};
  for (const auto& w : wanted) {
    const std::vector<int64_t> none;
    const std::vector<int64_t>& values = attrs.Has(w.name) ? attrs.Ints(w.name) : none;
    bool good = static_cast<int>(values.size()) == spatial;
    for (int64_t v : values) good = good && v >= w.least;
    if (!good) {
      return MakeError(
          ErrorCode::kBadGraph,
          absl::StrCat("a window over ", spatial, " dims needs as many '", w.name,
                       "', each at least ", w.least, "; got ", attrs.ToString()));
    }
  }
  return absl::OkStatus();
}

std::vector<WindowDim> ReadWindows(const Attrs& attrs,
                                   const std::vector<int64_t>& kernel) {
  std::vector<WindowDim> windows;
  for (size_t j = 0; j < kernel.size(); ++j) {
    windows.push_back({kernel[j], attrs.Ints("stride")[j], attrs.Ints("dilation")[j],
                       attrs.Ints("pad_lo")[j], attrs.Ints("pad_hi")[j]});
  }
  return windows;
}

}  // namespace tatami
