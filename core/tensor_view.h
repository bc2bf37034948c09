// Bounds-checked strided access in *global* coordinates, for reference implementations.
//
// A view knows the box of the tensor that it holds, so the one reference of an op
// serves the whole tensor and every shard of it. Reading outside the box is a bug and
// aborts: that is how a halo too narrow by one is found.
#pragma once

#include <cmath>
#include <cstdint>

#include "absl/types/span.h"
#include "core/box.h"
#include "core/check.h"

namespace tatami {

template <typename T>
class View {
 public:
  View() = default;
  // Dense row-major data of `box`; `dims` are the extents of the whole tensor.
  View(T* data, Box box, Dims dims)
      : data_(data),
        box_(std::move(box)),
        dims_(std::move(dims)),
        strides_(box_.size()) {
    int64_t stride = 1;
    for (int i = rank() - 1; i >= 0; --i) {
      strides_[i] = stride;
      stride *= box_[i].size();
    }
  }

  int rank() const { return static_cast<int>(box_.size()); }
  int64_t dim(int i) const {
    return dims_[i < 0 ? rank() + i : i];
  }  // of the whole tensor
  const Box& box() const { return box_; }
  T* data() const { return data_; }

  T& at(absl::Span<const int64_t> index) const {
    int64_t offset = 0;
    for (int i = 0; i < rank(); ++i) {
      TATAMI_CHECK(box_[i].begin <= index[i] && index[i] < box_[i].end)
          << "index " << index[i] << " of dim " << i << " is outside "
          << ToString(box_);
      offset += (index[i] - box_[i].begin) * strides_[i];
    }
    return data_[offset];
  }
  template <typename... Index>
  T& operator()(Index... index) const {
    const int64_t list[] = {static_cast<int64_t>(index)..., 0};
    TATAMI_CHECK(sizeof...(index) == box_.size()) << "rank " << box_.size();
    return at(absl::MakeConstSpan(list, sizeof...(index)));
  }

 private:
  T* data_ = nullptr;
  Box box_;
  Dims dims_;
  absl::InlinedVector<int64_t, 6> strides_;
};

// Calls visit(index) for every point of the box in row-major order.
template <typename Visit>
void ForEachPoint(const Box& box, Visit visit) {
  if (IsEmpty(box)) return;
  absl::InlinedVector<int64_t, 6> index(box.size());
  for (size_t i = 0; i < box.size(); ++i) index[i] = box[i].begin;
  while (true) {
    visit(absl::Span<const int64_t>(index.data(), box.size()));
    int d = static_cast<int>(box.size()) - 1;
    for (; d >= 0; --d) {
      if (++index[d] < box[d].end) break;
      index[d] = box[d].begin;
    }
    if (d < 0) return;
  }
}

// A double that counts the arithmetic done on it: one per + - * /, comparison, min, max
// and function call. Tests compare the count with an op's declared cost.
struct Counted {
  double value = 0;
  Counted() = default;
  Counted(double v) : value(v) {}  // NOLINT: literals in references
  static inline thread_local int64_t operations = 0;
  explicit operator double() const { return value; }
};
inline Counted Count(double v) { return ++Counted::operations, Counted(v); }
inline Counted operator+(Counted a, Counted b) { return Count(a.value + b.value); }
inline Counted operator-(Counted a, Counted b) { return Count(a.value - b.value); }
inline Counted operator*(Counted a, Counted b) { return Count(a.value * b.value); }
inline Counted operator/(Counted a, Counted b) { return Count(a.value / b.value); }
inline Counted operator-(Counted a) { return Count(-a.value); }
inline Counted& operator+=(Counted& a, Counted b) { return a = a + b; }
inline Counted& operator-=(Counted& a, Counted b) { return a = a - b; }
inline Counted& operator*=(Counted& a, Counted b) { return a = a * b; }
inline bool operator<(Counted a, Counted b) {
  return ++Counted::operations, a.value < b.value;
}
inline bool operator>(Counted a, Counted b) {
  return ++Counted::operations, a.value > b.value;
}
inline bool operator>=(Counted a, Counted b) {
  return ++Counted::operations, a.value >= b.value;
}
inline bool operator<=(Counted a, Counted b) {
  return ++Counted::operations, a.value <= b.value;
}
inline bool operator==(Counted a, Counted b) {
  return ++Counted::operations, a.value == b.value;
}

// The functions references use, so that Counted can count them.
template <typename T>
T Exp(T x) {
  return std::exp(x);
}
template <typename T>
T Log(T x) {
  return std::log(x);
}
template <typename T>
T Sqrt(T x) {
  return std::sqrt(x);
}
template <typename T>
T Tanh(T x) {
  return std::tanh(x);
}
template <typename T>
T Erf(T x) {
  return std::erf(x);
}
template <typename T>
T Pow(T x, T y) {
  return std::pow(x, y);
}
template <typename T>
T Abs(T x) {
  return std::abs(x);
}
// A NaN on either side is kept, as in PyTorch and unlike std::max: divergence must not
// hide behind a relu.
template <typename T>
T Max(T a, T b) {
  return a < b || b != b ? b : a;
}
template <typename T>
T Min(T a, T b) {
  return b < a || b != b ? b : a;
}
template <>
inline Counted Max(Counted a, Counted b) {  // one operation
  return a < b ? b : a;
}
template <>
inline Counted Min(Counted a, Counted b) {
  return b < a ? b : a;
}
template <>
inline Counted Exp(Counted x) {
  return Count(std::exp(x.value));
}
template <>
inline Counted Log(Counted x) {
  return Count(std::log(x.value));
}
template <>
inline Counted Sqrt(Counted x) {
  return Count(std::sqrt(x.value));
}
template <>
inline Counted Tanh(Counted x) {
  return Count(std::tanh(x.value));
}
template <>
inline Counted Erf(Counted x) {
  return Count(std::erf(x.value));
}
template <>
inline Counted Pow(Counted x, Counted y) {
  return Count(std::pow(x.value, y.value));
}
template <>
inline Counted Abs(Counted x) {
  return Count(std::abs(x.value));
}

// An element as an index: labels, gather indices.
template <typename T>
int64_t AsIndex(const T& x) {
  return static_cast<int64_t>(std::llround(static_cast<double>(x)));
}

}  // namespace tatami
