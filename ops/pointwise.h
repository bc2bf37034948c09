// The machinery of pointwise ops: rule, shape, reference and kernel from one scalar
// functor.
//
// A functor F is a struct with
//   static constexpr int kArity;      number of operands
//   static constexpr int64_t kFlops;  operations per element, as Counted counts them
//   explicit F(const Attrs&);         reads what it needs
//   template <typename T> T operator()(T a, ...) const;
// Operands broadcast from the right as in NumPy.
#pragma once

#include <algorithm>
#include <array>
#include <memory>
#include <utility>
#include <vector>

#include "core/graph.h"

namespace tatami {

// The broadcast shape. All operands have one dtype. Errors: E0107.
absl::StatusOr<TensorType> InferPointwise(const Attrs& attrs,
                                          absl::Span<const TensorType> in, int arity);

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

// The rows that a kernel walks: the trailing dims over which every operand is either
// dense or constant, merged into one. Counts elements.
class RowWalk {
 public:
  RowWalk(const LocalCall& call, int arity);
  int64_t row() const { return row_; }
  bool moves(int operand) const { return moves_[operand]; }
  int64_t offset(int operand) const { return offsets_[operand]; }
  bool Next();  // false after the last row

 private:
  Dims extents_, index_;  // of the dims outside the row
  // By operand; in place, for a kernel starts from a copy of the prepared walk.
  static constexpr int kMaxArity = 6;
  int arity_;
  std::array<Dims, kMaxArity> strides_;
  std::array<int64_t, kMaxArity> offsets_ = {};
  std::array<bool, kMaxArity> moves_ = {};
  int64_t row_ = 1;
};

constexpr int64_t kChunk = 256;  // elements: all operands of a chunk stay in L1

// The vectorised loop. `out` may be one of the operands: elements do not meet.
template <typename F, typename... P>
void ComputeChunk(F f, int64_t n, float* out, const P*... in) {
#pragma GCC ivdep
  for (int64_t x = 0; x < n; ++x) out[x] = f(in[x]...);
}

// Widens the next n elements of an operand that moves along the row, or repeats the one
// element of an operand that does not. Dense f32 is read in place.
template <DType kStorage>
const float* LoadChunk(const std::byte* from, int64_t n, bool moves, float* buffer) {
  if (!moves) {
    LoadAsFloat(kStorage, from, 1, buffer);
    for (int64_t x = 1; x < n; ++x) buffer[x] = buffer[0];
    return buffer;
  }
  if constexpr (kStorage == DType::kF32) return reinterpret_cast<const float*>(from);
  LoadAsFloat(kStorage, from, n, buffer);
  return buffer;
}

// Walks rows of the innermost dims, as many as can be merged, chunk by chunk.
template <typename F, DType kStorage>
class LoopsKernel : public PreparedKernel {
 public:
  explicit LoopsKernel(const LocalCall& at) : f_(at.call->attrs), walk_(at, kArity) {}

  void Run(const LocalCall&, absl::Span<const std::byte* const> in,
           std::byte* out) const override {
    RowWalk walk = walk_;
    const F f = f_;  // in registers: `out` cannot alias it
    do {
      for (int64_t x = 0; x < walk.row(); x += kChunk) {
        const int64_t n = std::min(kChunk, walk.row() - x);
        RunChunk(f, walk, x, n, in, out, std::make_index_sequence<kArity>());
        out += n * ByteSize(kStorage);
      }
    } while (walk.Next());
  }

 private:
  static constexpr int kArity = F::kArity;

  // Elements x .. x + n of the walk's row.
  template <size_t... I>
  static void RunChunk(F f, const RowWalk& walk, int64_t x, int64_t n,
                       absl::Span<const std::byte* const> in, std::byte* to,
                       std::index_sequence<I...>) {
    alignas(32) float wide[kArity + 1][kChunk];
    float* result =
        kStorage == DType::kF32 ? reinterpret_cast<float*>(to) : wide[kArity];
    ComputeChunk(
        f, n, result,
        LoadChunk<kStorage>(
            in[I] + (walk.offset(I) + (walk.moves(I) ? x : 0)) * ByteSize(kStorage), n,
            walk.moves(I), wide[I])...);
    if constexpr (kStorage != DType::kF32) StoreFromFloat(kStorage, result, n, to);
  }

  const F f_;
  const RowWalk walk_;
};

template <DType kStorage>
absl::Status Supports(const LocalCall& call) {
  if (IsEmpty(call.out)) return absl::UnimplementedError("empty output");
  if (call.call->out.dtype != kStorage) {
    return absl::UnimplementedError("operands of another element type");
  }
  return absl::OkStatus();
}

template <typename F, DType kStorage>
absl::StatusOr<std::shared_ptr<PreparedKernel>> Prepare(const LocalCall& at) {
  return std::make_shared<LoopsKernel<F, kStorage>>(at);
}

template <typename F>
inline constexpr Kernel kKernels[] = {
    {"loops", Supports<DType::kF32>, nullptr, Prepare<F, DType::kF32>},
    {"bf16_loops", Supports<DType::kBF16>, nullptr, Prepare<F, DType::kBF16>}};

template <typename F>
absl::StatusOr<TensorType> Infer(const Attrs& attrs, absl::Span<const TensorType> in) {
  return InferPointwise(attrs, in, F::kArity);
}

}  // namespace pointwise

// A functor that reads no attributes derives from this.
struct NoAttrs {
  explicit NoAttrs(const Attrs&) {}
};

// The OpDef of functor F. `ulps` bounds the error of its f32 kernel
// (ErrorModel::kUlps); 0 for functors that choose or move and never round.
template <typename F>
OpDef MakePointwiseOp(absl::string_view name, absl::string_view summary,
                      Gradient gradient, double ulps,
                      std::vector<OpSample> (*samples)(),
                      Operands narrow = Operands::All()) {
  return {
      .name = name,
      .summary = summary,
      .infer = pointwise::Infer<F>,
      .rule = pointwise::Rule,
      .cost = pointwise::Cost<F>,
      .gradient = gradient,
      .reference = Reference::Of<pointwise::ReferenceOf<F>>(),
      .kernels = absl::MakeConstSpan(pointwise::kKernels<F>),
      .error = ErrorModel{ErrorModel::kUlps, ulps},
      .may_overwrite = 0,
      .absorb = nullptr,
      .narrow = narrow,
      .samples = samples,
  };
}

}  // namespace tatami
