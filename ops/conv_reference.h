// The definitions of the three convolution ops, in the letters of ops/conv.h.
#pragma once

#include "ops/conv_rule.h"

namespace tatami {
namespace conv_reference {

// The first input channel of output channel k's group.
inline int64_t GroupBegin(const ConvShape& s, int64_t k) {
  return k / s.group_k() * s.group_c();
}

inline Box Taps(const ConvShape& s) {
  Box taps;
  for (const WindowDim& w : s.windows) taps.push_back({0, w.kernel});
  return taps;
}

// Sets the spatial dims of `x` to what tap q of the output position in `y` reads;
// false in padding.
inline bool MoveToTap(const ConvShape& s, absl::Span<const int64_t> y,
                      absl::Span<const int64_t> q, Dims& x) {
  for (int j = 0; j < s.spatial(); ++j) {
    const int64_t i = s.windows[j].InputOf(y[1 + j], q[j]);
    if (i < 0 || i >= s.in[j]) return false;
    x[1 + j] = i;
  }
  return true;
}

}  // namespace conv_reference

struct ConvReference {
  template <typename T>
  static void Run(const LocalCall& at, In<T> in, const View<T>& y) {
    using namespace conv_reference;  // NOLINT: this file's own
    const ConvShape s = ShapeOfConv(*at.call);
    const bool adds_bias = AddsBias(at);
    const bool relu = at.call->attrs.String("activation") == "relu";
    // With groups every input channel is there; without, those of this part.
    const Interval ci = s.groups > 1 ? Interval{0, s.group_c()} : at.in[0].back();
    ForEachPoint(y.box(), [&](absl::Span<const int64_t> o) {
      const int64_t k = o.back(), first_c = GroupBegin(s, k);
      Dims x(o.begin(), o.end()), w(o.size());
      T sum{};
      ForEachPoint(Taps(s), [&](absl::Span<const int64_t> q) {
        if (!MoveToTap(s, o, q, x)) return;
        w[0] = k;
        std::copy(q.begin(), q.end(), w.begin() + 2);
        for (int64_t c = ci.begin; c < ci.end; ++c) {
          w[1] = c;
          x.back() = first_c + c;
          sum += in[0].at(x) * in[1].at(w);
        }
      });
      if (adds_bias) sum += in[2](k);
      y.at(o) = relu ? Max(sum, T{}) : sum;
    });
  }
};

struct ConvInputGradReference {
  template <typename T>
  static void Run(const LocalCall& at, In<T> in, const View<T>& dx) {
    using namespace conv_reference;  // NOLINT: this file's own
    const ConvShape s = ShapeOfConvInputGrad(*at.call);
    ForEachPoint(dx.box(), [&](absl::Span<const int64_t> i) {
      const int64_t c = i.back();
      const int64_t group = c / s.group_c();
      const Interval k = s.groups > 1
                             ? Interval{group * s.group_k(), (group + 1) * s.group_k()}
                             : at.in[1][0];
      Dims dy(i.begin(), i.end()), w(i.size());
      T sum{};
      ForEachPoint(Taps(s), [&](absl::Span<const int64_t> q) {
        for (int j = 0; j < s.spatial(); ++j) {
          const auto o = s.windows[j].OutputOf(i[1 + j], q[j], s.out[j]);
          if (!o.has_value()) return;
          dy[1 + j] = *o;
        }
        w[1] = c % s.group_c();
        std::copy(q.begin(), q.end(), w.begin() + 2);
        for (w[0] = k.begin; w[0] < k.end; ++w[0]) {
          dy.back() = w[0];
          sum += in[0].at(dy) * in[1].at(w);
        }
      });
      dx.at(i) = sum;
    });
  }
};

struct ConvWeightGradReference {
  template <typename T>
  static void Run(const LocalCall& at, In<T> in, const View<T>& dw) {
    using namespace conv_reference;  // NOLINT: this file's own
    const ConvShape s = ShapeOfConvWeightGrad(*at.call);
    // n and output positions of this part.
    const Box positions(at.in[1].begin(), at.in[1].end() - 1);
    ForEachPoint(dw.box(), [&](absl::Span<const int64_t> w) {
      T sum{};
      ForEachPoint(positions, [&](absl::Span<const int64_t> o) {
        Dims x(o.begin(), o.end()), dy(o.begin(), o.end());
        if (!MoveToTap(s, o, w.subspan(2), x)) return;
        x.push_back(GroupBegin(s, w[0]) + w[1]);
        dy.push_back(w[0]);
        sum += in[0].at(x) * in[1].at(dy);
      });
      dw.at(w) = sum;
    });
  }
};

}  // namespace tatami
