// The machinery of pointwise ops: rule, shape, reference and kernel from one scalar
// functor.
//
// A functor F is a struct with
//   static constexpr int kArity;             number of operands, 1 to 4
//   static constexpr int64_t kFlops;         operations per element, as Counted counts
//   them explicit F(const Attrs&);                reads what it needs template
//   <typename T> T operator()(T a, ...) const;
// Operands broadcast from the right as in NumPy.
#pragma once

#include <array>
#include <utility>
#include <vector>

#include "core/graph.h"

namespace tatami {

// The broadcast shape. All operands have one dtype. Errors: E0107.
absl::StatusOr<TensorType> InferPointwise(const Attrs& attrs,
                                          absl::Span<const TensorType> in);

namespace pointwise {

inline IndexRule Rule(const OpCall& call) { return PointwiseRule(call.in, call.out); }

template <typename F>
OpCost Cost(const OpCall&, const Box& factors) {
  return {.vector_flops = F::kFlops * NumElements(factors)};
}

template <typename F>
struct ReferenceOf {
  template <typename T>
  static void Run(const LocalCall& at, In<T> in, const View<T>& out) {
    Loop(at, in, out, std::make_index_sequence<F::kArity>());
  }

 private:
  template <typename T, size_t... I>
  static void Loop(const LocalCall& at, In<T> in, const View<T>& out,
                   std::index_sequence<I...>) {
    const F f(at.call->attrs);
    // Where operand i is read for output index o.
    const auto read = [&](size_t i, absl::Span<const int64_t> o) -> T {
      const View<const T>& view = in[i];
      Dims index(o.end() - view.rank(), o.end());
      for (int d = 0; d < view.rank(); ++d) {
        if (view.dim(d) == 1) index[d] = 0;
      }
      return view.at(index);
    };
    ForEachPoint(out.box(),
                 [&](absl::Span<const int64_t> o) { out.at(o) = f(read(I, o)...); });
  }
};

// Element strides of operand `in` of `call` along each output dim; 0 where it
// broadcasts.
std::vector<int64_t> BroadcastStrides(const LocalCall& call, int in);

// f32 kernel: walks rows of the innermost dim, where each stride is 0 or 1.
template <typename F>
void RunF32(const LocalCall& at, absl::Span<const std::byte* const> in,
            std::byte* out) {
  constexpr int kArity = F::kArity;
  const F f(at.call->attrs);
  const Dims extents = Extents(at.out);
  const int rank = static_cast<int>(extents.size());
  std::array<std::vector<int64_t>, kArity> strides;
  std::array<const float*, kArity> p;
  for (int i = 0; i < kArity; ++i) {
    strides[i] = BroadcastStrides(at, i);
    p[i] = reinterpret_cast<const float*>(in[i]);
  }
  auto* o = reinterpret_cast<float*>(out);
  // Merge trailing dims while every operand stays dense or stays constant over them.
  int inner = rank - 1;
  int64_t row = rank > 0 ? extents[rank - 1] : 1;
  const auto merges = [&](int d) {  // dim d joins the row
    for (const auto& s : strides) {
      const int64_t innermost = s[rank - 1];
      if (innermost != 0 ? s[d] != row : s[d] != 0) return false;
    }
    return true;
  };
  while (inner > 0 && merges(inner - 1)) row *= extents[--inner];
  std::array<bool, kArity> moves;
  for (int i = 0; i < kArity; ++i) moves[i] = rank > 0 && strides[i][rank - 1] != 0;
  Dims index(std::max(inner, 0), 0);
  while (true) {
    [&]<size_t... I>(std::index_sequence<I...>) {
      if ((moves[I] && ...)) {
        for (int64_t x = 0; x < row; ++x) o[x] = f(p[I][x]...);
      } else {
        for (int64_t x = 0; x < row; ++x) o[x] = f(p[I][moves[I] ? x : 0]...);
      }
    }
    (std::make_index_sequence<kArity>());
    o += row;
    int d = inner - 1;
    for (; d >= 0; --d) {
      for (int i = 0; i < kArity; ++i) p[i] += strides[i][d];
      if (++index[d] < extents[d]) break;
      for (int i = 0; i < kArity; ++i) p[i] -= index[d] * strides[i][d];
      index[d] = 0;
    }
    if (d < 0) return;
  }
}

absl::Status SupportsF32(const LocalCall& call);

template <typename F>
absl::StatusOr<std::shared_ptr<PreparedKernel>> Prepare(const LocalCall&) {
  return MakeSimpleKernel(RunF32<F>);
}

template <typename F>
inline constexpr Kernel kKernels[] = {{"loops", SupportsF32, nullptr, Prepare<F>}};

}  // namespace pointwise

// The OpDef of functor F. `ulps` bounds the error of its f32 kernel
// (ErrorModel::kUlps).
template <typename F>
OpDef MakePointwiseOp(absl::string_view name, absl::string_view summary,
                      Gradient gradient, double ulps,
                      std::vector<OpSample> (*samples)()) {
  return {
      .name = name,
      .summary = summary,
      .infer = InferPointwise,
      .rule = pointwise::Rule,
      .cost = pointwise::Cost<F>,
      .gradient = gradient,
      .reference = Reference::Of<pointwise::ReferenceOf<F>>(),
      .kernels = absl::MakeConstSpan(pointwise::kKernels<F>),
      .error = ErrorModel{ErrorModel::kUlps, ulps},
      .may_overwrite = 0,
      .samples = samples,
  };
}

}  // namespace tatami
