// The f32 loops of reductions.
#pragma once

#include <cstring>
#include <limits>

#include "ops/reduce_rule.h"

namespace tatami::reduce {

using Lanes = float __attribute__((vector_size(32)));  // eight f32

inline Lanes LoadLanes(const float* from) {
  Lanes lanes;
  std::memcpy(&lanes, from, sizeof(lanes));
  return lanes;
}

// A term says what an element contributes and how contributions combine, on float and
// on Lanes alike.
struct SumTerm {
  static constexpr float kStart = 0;
  template <typename T>
  static T Of(T x) {
    return x;
  }
  template <typename T>
  static T Combine(T a, T b) {
    return a + b;
  }
};
struct SquareTerm : SumTerm {
  template <typename T>
  static T Of(T x) {
    return x * x;
  }
};
struct MaxTerm {
  static constexpr float kStart = -std::numeric_limits<float>::infinity();
  template <typename T>
  static T Of(T x) {
    return x;
  }
  template <typename T>
  static T Combine(T a, T b) {
    return Max(a, b);
  }
};

// One run of n neighbours, in 32 interleaved partial results.
template <typename Term>
float ReduceRun(const float* x, int64_t n) {
  Lanes a[4];
  for (Lanes& lane : a) lane = Lanes{} + Term::kStart;
  int64_t i = 0;
  for (; i + 32 <= n; i += 32) {
    a[0] = Term::Combine(a[0], Term::Of(LoadLanes(x + i)));
    a[1] = Term::Combine(a[1], Term::Of(LoadLanes(x + i + 8)));
    a[2] = Term::Combine(a[2], Term::Of(LoadLanes(x + i + 16)));
    a[3] = Term::Combine(a[3], Term::Of(LoadLanes(x + i + 24)));
  }
  const Lanes all = Term::Combine(Term::Combine(a[0], a[1]), Term::Combine(a[2], a[3]));
  float result = Term::kStart;
  for (int lane = 0; lane < 8; ++lane) result = Term::Combine(result, float(all[lane]));
  for (; i < n; ++i) result = Term::Combine(result, Term::Of(x[i]));
  return result;
}

// Adds `rows` dense rows of n elements into out, four rows at a time so that out is
// loaded and stored less often.
template <typename Term>
void ReduceRows(const float* x, int64_t rows, int64_t n, float* __restrict out) {
  int64_t r = 0;
  for (; r + 4 <= rows; r += 4, x += 4 * n) {
    const float *x1 = x + n, *x2 = x + 2 * n, *x3 = x + 3 * n;
    for (int64_t i = 0; i < n; ++i) {
      const float low = Term::Combine(Term::Of(x[i]), Term::Of(x1[i]));
      const float high = Term::Combine(Term::Of(x2[i]), Term::Of(x3[i]));
      out[i] = Term::Combine(out[i], Term::Combine(low, high));
    }
  }
  for (; r < rows; ++r, x += n) {
    for (int64_t i = 0; i < n; ++i) out[i] = Term::Combine(out[i], Term::Of(x[i]));
  }
}

// Reduces a dense tensor; `out` has out_count elements.
template <typename Term>
void Run(const Nest& nest, const float* x, float* out, int64_t out_count) {
  for (int64_t i = 0; i < out_count; ++i) out[i] = Term::kStart;
  const size_t rank = nest.dims.size();
  if (rank == 0) {
    out[0] = Term::Combine(out[0], Term::Of(x[0]));
    return;
  }
  const Nest::Dim& last = nest.dims[rank - 1];
  if (last.reduced_stride == 0) {
    ForEachOuter(nest, rank - 1, [&](int64_t from, int64_t to) {
      out[to] = Term::Combine(out[to], ReduceRun<Term>(x + from, last.extent));
    });
    return;
  }
  const int64_t rows = rank > 1 ? nest.dims[rank - 2].extent : 1;
  ForEachOuter(nest, rank > 1 ? rank - 2 : 0, [&](int64_t from, int64_t to) {
    ReduceRows<Term>(x + from, rows, last.extent, out + to);
  });
}

}  // namespace tatami::reduce
