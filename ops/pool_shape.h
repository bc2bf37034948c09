// Shapes and index rules that max and average pooling share.
#pragma once

#include "core/op_def.h"
#include "ops/pool.h"

namespace tatami {

struct PoolShape {
  std::vector<WindowDim> windows;  // one per spatial dim
  std::vector<int64_t> in, out;    // spatial sizes
  int spatial() const { return static_cast<int>(windows.size()); }
};
// x and y are the whole pooled and pooling tensors.
PoolShape MakePoolShape(const Attrs& attrs, const TensorType& x, const TensorType& y);

// The type of y for x and attributes; refuses windows that only see padding.
absl::StatusOr<TensorType> InferPool(const Attrs& attrs, const TensorType& x);

// Factors of a call that makes y: n, o0.., c, then taps q0.. (whole).
IndexRule PoolRule(const PoolShape& s, const TensorType& x, const TensorType& y);
// Factors of a call that makes dx: n, i0.., c, then taps q0.. (whole). Its inputs are
// dy alone or x and dy: x in all windows that the positions are in.
enum class PoolGradInputs { kDy, kXAndDy };
IndexRule PoolGradRule(const PoolShape& s, const TensorType& x, PoolGradInputs inputs);

// The attributes of `options` for a tensor of this rank.
Attrs PoolAttrs(const PoolOptions& options, int rank);
PoolOptions ReadPoolOptions(const Attrs& attrs);

// Calls visit(q, i) for every tap of output position `o` (spatial dims only) that meets
// the tensor, in row-major order of taps; i is its spatial input position.
template <typename Visit>
void ForEachTap(const PoolShape& s, absl::Span<const int64_t> o, Visit visit) {
  Box taps;
  for (const WindowDim& w : s.windows) taps.push_back({0, w.kernel});
  Dims i(s.windows.size());
  ForEachPoint(taps, [&](absl::Span<const int64_t> q) {
    for (int j = 0; j < s.spatial(); ++j) {
      i[j] = s.windows[j].InputOf(o[j], q[j]);
      if (i[j] < 0 || i[j] >= s.in[j]) return;
    }
    visit(q, absl::MakeConstSpan(i));
  });
}

// [n, spatial.., c] of an element in the place of `like` but at spatial position i.
inline Dims AtPosition(absl::Span<const int64_t> like, absl::Span<const int64_t> i) {
  Dims index(like.begin(), like.end());
  std::copy(i.begin(), i.end(), index.begin() + 1);
  return index;
}

// What a sum over the window of an output position is divided by.
class PoolDivisor {
 public:
  PoolDivisor(const PoolShape& s, const Attrs& attrs) : shape_(s) {
    if (attrs.Int("count_include_pad") == 0) return;
    whole_ = 1;
    for (const WindowDim& w : s.windows) whole_ *= w.kernel;
  }
  double Of(absl::Span<const int64_t> o) const {
    if (whole_ > 0) return static_cast<double>(whole_);
    int64_t taps = 1;
    for (int j = 0; j < shape_.spatial(); ++j) {
      taps *= CountTaps(shape_.windows[j], {o[j], o[j] + 1}, shape_.in[j]);
    }
    return static_cast<double>(taps);
  }

 private:
  const PoolShape& shape_;
  int64_t whole_ = 0;  // 0: count the taps that meet the tensor
};

}  // namespace tatami
