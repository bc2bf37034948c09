#include "ops/resize_axis.h"

namespace tatami {
namespace {

// nearest: reads floor(o in / out).
// bilinear, as PyTorch with align_corners=false: the centre of output pixel o lies at
//     s = (o + 1/2) in / out - 1/2 = n / (2 out),  n = (2 o + 1) in - out,
// clamped to [0, in - 1]; it reads floor(s) with weight 1 - frac(s) and the next pixel
// with frac(s). A tap of weight 0 is left out.
Taps ForwardTaps(const ResizeAxis& axis, int64_t o) {
  if (axis.method == ResizeMethod::kNearest) return {{o * axis.in / axis.out, 1.0}};
  const int64_t n = (2 * o + 1) * axis.in - axis.out;
  if (n <= 0) return {{0, 1.0}};
  const int64_t first = n / (2 * axis.out), rest = n % (2 * axis.out);
  if (rest == 0 || first + 1 >= axis.in) return {{first, 1.0}};
  const double weight = static_cast<double>(rest) / static_cast<double>(2 * axis.out);
  return {{first, 1.0 - weight}, {first + 1, weight}};
}

}  // namespace

Taps ResizeAxis::TapsOf(int64_t target) const {
  if (direction == ResizeDirection::kForward) return ForwardTaps(*this, target);
  Taps taps;
  const Interval candidates = Map().Apply({target, target + 1}, out);
  for (int64_t o = candidates.begin; o < candidates.end; ++o) {
    for (const Tap& tap : ForwardTaps(*this, o)) {
      if (tap.index == target) taps.push_back({o, tap.weight});
    }
  }
  return taps;
}

// nearest, adjoint: i out <= o in < (i + 1) out, so o runs from ceil(i out / in) to
// floor(((i + 1) out - 1) / in).
// bilinear: s(o) clipped to the tensor covers the clamping. Adjoint: i - 1 < s(o) < i +
// 1 (with n(o) <= 0 reading pixel 0, and n(o) >= 2 out (in - 1) the last; both satisfy
// the bounds), so (2 i - 1) out < (2 o + 1) in < (2 i + 3) out.
IndexMap ResizeAxis::Map() const {
  const bool forward = direction == ResizeDirection::kForward;
  if (method == ResizeMethod::kNearest) {
    return forward ? IndexMap{in, out, 0, 0} : IndexMap{out, in, in - 1, out - 1};
  }
  return forward ? IndexMap{2 * in, 2 * out, in - out, in + out}
                 : IndexMap{2 * out, 2 * in, in - out - 1, 3 * out - in - 1};
}

}  // namespace tatami
