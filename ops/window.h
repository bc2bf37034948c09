// Sliding windows, one spatial dim at a time: what convolution and pooling share.
//
// Output position o of a dim sees input positions o * stride - pad_lo + q * dilation
// for each tap q in [0, kernel); positions outside the tensor are padding.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "core/attrs.h"
#include "core/box.h"
#include "core/index_rule.h"

namespace tatami {

struct WindowDim {
  int64_t kernel = 1, stride = 1, dilation = 1, pad_lo = 0, pad_hi = 0;

  // Positions from the first to the last tap.
  int64_t span() const { return (kernel - 1) * dilation + 1; }
  // The number of output positions over an input of this size; below 1 when none fits.
  int64_t Outputs(int64_t in_size) const;
  // The input position of tap q of output o, also where that is padding.
  int64_t InputOf(int64_t o, int64_t q) const {
    return o * stride - pad_lo + q * dilation;
  }
  // The output whose tap q is input i, if one is.
  std::optional<int64_t> OutputOf(int64_t i, int64_t q, int64_t out_size) const;
  IndexMap Map() const { return IndexMap::Window(kernel, stride, dilation, pad_lo); }
  IndexMap AdjointMap() const {
    return IndexMap::Adjoint(kernel, stride, dilation, pad_lo);
  }
};

// The (output, tap) pairs with the output in `out` that meet a real input position.
int64_t CountTaps(const WindowDim& window, const Interval& out, int64_t in_size);
// The (input, tap) pairs with the input in `in` that some output below out_size reads.
int64_t CountAdjointTaps(const WindowDim& window, const Interval& in, int64_t out_size);

// How a window is laid over `spatial` dims. An empty vector means the neutral value.
struct WindowOptions {
  std::vector<int64_t> stride, dilation, pad_lo, pad_hi;
};
// Writes the options as attributes "stride", "dilation", "pad_lo", "pad_hi".
void SetWindowAttrs(const WindowOptions& options, int spatial, Attrs& attrs);
// The four attributes exist, hold `spatial` values each, and these are sensible.
absl::Status CheckWindowAttrs(const Attrs& attrs, int spatial);
// REQUIRES: CheckWindowAttrs(attrs, kernel.size()) is OK.
std::vector<WindowDim> ReadWindows(const Attrs& attrs,
                                   const std::vector<int64_t>& kernel);

}  // namespace tatami
