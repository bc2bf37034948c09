#include "ops/resize.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "core/error.h"

namespace tatami {
namespace {

using Types = absl::Span<const TensorType>;
using Method = ResizeMethod;
using Direction = ResizeDirection;

// The four ops are one text: M chooses the weights, D whether it is the gradient.
template <Method M, Direction D>
struct ResizeImpl {
  static constexpr bool kCopies = M == Method::kNearest && D == Direction::kForward;
  // Per tap: an add, and a multiply unless all weights are one.
  static constexpr int64_t kFlopsPerTap = kCopies ? 0 : M == Method::kNearest ? 1 : 2;

  static absl::StatusOr<TensorType> Infer(const Attrs& attrs, Types in) {
    const int64_t h = attrs.Int("h"), w = attrs.Int("w");
    const auto fail = [&](absl::string_view what) {
      return MakeError(
          ErrorCode::kBadGraph,
          absl::StrCat("resize needs ", what, "; got ",
                       in.empty() ? "none" : in[0].ToString(), " to ", h, "x", w));
    };
    if (in.size() != 1 || (in[0].rank() != 4 && in[0].rank() != 5)) {
      return fail("one operand [N,H,W,C] or [N,T,H,W,C]");
    }
    if (!kCopies && in[0].dtype == DType::kI32) return fail("a floating operand");
    if (h < 1 || w < 1) return fail("sizes of 1 or more");
    TensorType out = in[0];
    out.dims[out.rank() - 3] = h;
    out.dims[out.rank() - 2] = w;
    return out;
  }

  static ResizeAxis Axis(const OpCall& call, int dim) {
    const int64_t from = call.in[0].dim(dim), to = call.out.dim(dim);
    return D == Direction::kForward ? ResizeAxis{M, D, from, to}
                                    : ResizeAxis{M, D, to, from};
  }

  static IndexRule Rule(const OpCall& call) {
    IndexRule rule = PointwiseRule(call.in, call.in[0]);
    const int h = call.out.rank() - 3;
    for (int d : {h, h + 1}) {
      rule.factors[d].size = call.out.dim(d);
      rule.inputs[0][d] = {d, Axis(call, d).Map()};
    }
    return rule;
  }

  // Taps of every coordinate of the interval of output dim `dim`.
  static std::vector<Taps> AllTaps(const OpCall& call, int dim, const Interval& range) {
    const ResizeAxis axis = Axis(call, dim);
    std::vector<Taps> taps;
    for (int64_t x = range.begin; x < range.end; ++x) taps.push_back(axis.TapsOf(x));
    return taps;
  }

  static OpCost Cost(const OpCall& call, const Box& factors) {
    if (kFlopsPerTap == 0 || IsEmpty(factors)) return {};
    const int h = call.out.rank() - 3;
    int64_t taps = 1;
    for (int d = 0; d < call.out.rank(); ++d) {
      if (d != h && d != h + 1) {
        taps *= factors[d].size();
        continue;
      }
      int64_t sum = 0;
      for (const Taps& t : AllTaps(call, d, factors[d])) {
        sum += static_cast<int64_t>(t.size());
      }
      taps *= sum;
    }
    return {.vector_flops = kFlopsPerTap * taps};
  }

  static std::vector<Value> Gradient(GraphBuilder& g, const CallSite& site, Value d) {
    const TensorType& x = g.type(site.in[0]);
    if (x.dtype == DType::kI32) return {Value{}};
    const int64_t h = x.dim(-3), w = x.dim(-2);
    return {D == Direction::kForward ? ResizeGrad(g, d, h, w, {.method = M})
                                     : Resize(g, d, h, w, {.method = M})};
  }

  template <typename T>
  static void Run(const LocalCall& at, In<T> in, const View<T>& out) {
    const int h = out.rank() - 3, w = h + 1;
    const ResizeAxis rows = Axis(*at.call, h), columns = Axis(*at.call, w);
    ForEachPoint(out.box(), [&](absl::Span<const int64_t> o) {
      Dims i(o.begin(), o.end());
      T sum{};
      for (const Tap& row : rows.TapsOf(o[h])) {
        for (const Tap& column : columns.TapsOf(o[w])) {
          i[h] = row.index;
          i[w] = column.index;
          const T x = in[0].at(i);
          if constexpr (kFlopsPerTap == 0) sum = x;
          if constexpr (kFlopsPerTap == 1) sum += x;
          if constexpr (kFlopsPerTap == 2) {
            sum += static_cast<T>(row.weight * column.weight) * x;
          }
        }
      }
      out.at(o) = sum;
    });
  }
};

// Calls pixel(target, source, y, x) for each pixel of the output box in memory order.
// `target` counts pixels of the output buffer; `source` is the first pixel of the same
// image in the input buffer; y and x count from the corner of the output box.
template <typename Pixel>
void ForEachPixel(const LocalCall& at, Pixel pixel) {
  const int h = static_cast<int>(at.out.size()) - 3;
  int64_t images = 1;
  for (int d = 0; d < h; ++d) images *= at.out[d].size();
  const int64_t image_pixels = at.in[0][h].size() * at.in[0][h + 1].size();
  int64_t target = 0;
  for (int64_t n = 0; n < images; ++n) {
    for (int64_t y = 0; y < at.out[h].size(); ++y) {
      for (int64_t x = 0; x < at.out[h + 1].size(); ++x) {
        pixel(target++, n * image_pixels, y, x);
      }
    }
  }
}

// Sums in double and rounds once, so the error does not grow with the number of taps.
template <Method M, Direction D>
void RunLoops(const LocalCall& at, absl::Span<const std::byte* const> in,
              std::byte* out) {
  if (IsEmpty(at.out)) return;
  const int h = static_cast<int>(at.out.size()) - 3, w = h + 1;
  const DType dtype = at.call->out.dtype;
  const int64_t channels = at.out.back().size();
  const int64_t pixel_bytes = channels * ByteSize(dtype);
  const auto rows = ResizeImpl<M, D>::AllTaps(*at.call, h, at.out[h]);
  const auto columns = ResizeImpl<M, D>::AllTaps(*at.call, w, at.out[w]);
  const Interval in_h = at.in[0][h], in_w = at.in[0][w];
  std::vector<double> sum(channels);
  std::vector<float> wide(channels);
  ForEachPixel(at, [&](int64_t target, int64_t source, int64_t y, int64_t x) {
    std::byte* to = out + target * pixel_bytes;
    std::fill(sum.begin(), sum.end(), 0.0);
    for (const Tap& row : rows[y]) {
      for (const Tap& column : columns[x]) {
        const std::byte* from =
            in[0] + (source + (row.index - in_h.begin) * in_w.size() +
                     (column.index - in_w.begin)) *
                        pixel_bytes;
        if constexpr (ResizeImpl<M, D>::kCopies) {
          std::memcpy(to, from, pixel_bytes);
          return;
        }
        const auto* value = reinterpret_cast<const float*>(from);
        if (dtype != DType::kF32) {
          LoadAsFloat(dtype, from, channels, wide.data());
          value = wide.data();
        }
        const double weight = row.weight * column.weight;
        for (int64_t c = 0; c < channels; ++c) sum[c] += weight * value[c];
      }
    }
    for (int64_t c = 0; c < channels; ++c) wide[c] = static_cast<float>(sum[c]);
    StoreFromFloat(dtype, wide.data(), channels, to);
  });
}

absl::Status Supports(const LocalCall&) { return absl::OkStatus(); }
template <Method M, Direction D>
absl::StatusOr<std::shared_ptr<PreparedKernel>> Prepare(const LocalCall&) {
  return MakeSimpleKernel(RunLoops<M, D>);
}
template <Method M, Direction D>
constexpr Kernel kKernels[] = {{"loops", Supports, nullptr, Prepare<M, D>}};

template <Method M, Direction D>
std::vector<OpSample> Samples() {
  const auto sample = [](std::string name, Dims dims, int64_t h, int64_t w,
                         DType dtype = DType::kF32) {
    return OpSample{std::move(name), {{dtype, std::move(dims)}}, {{"h", h}, {"w", w}}};
  };
  std::vector<OpSample> samples = {sample("double", {2, 3, 4, 3}, 6, 8),
                                   sample("halve", {1, 6, 8, 2}, 3, 4),
                                   sample("third", {1, 9, 6, 2}, 3, 2),
                                   sample("uneven", {1, 5, 7, 3}, 8, 4),
                                   sample("from_one_pixel", {1, 1, 1, 4}, 3, 5),
                                   sample("to_one_pixel", {1, 4, 5, 2}, 1, 1),
                                   sample("same", {1, 3, 4, 2}, 3, 4),
                                   sample("video", {2, 2, 3, 5, 2}, 7, 3),
                                   sample("bf16", {1, 4, 3, 5}, 6, 5, DType::kBF16)};
  if (ResizeImpl<M, D>::kCopies) {
    samples.push_back(sample("i32", {1, 4, 3, 5}, 6, 5, DType::kI32));
    samples.back().domains = {{-99, 99, true}};
  }
  return samples;
}

template <Method M, Direction D>
OpDef MakeResizeOp(absl::string_view name, absl::string_view summary) {
  using Impl = ResizeImpl<M, D>;
  return {
      .name = name,
      .summary = summary,
      .infer = Impl::Infer,
      .rule = Impl::Rule,
      .cost = Impl::Cost,
      .gradient = Impl::Gradient,
      .reference = Reference::Of<Impl>(),
      .kernels = absl::MakeConstSpan(kKernels<M, D>),
      .error =
          ErrorModel{Impl::kCopies ? ErrorModel::kExact : ErrorModel::kSumOfProducts},
      .may_overwrite = kNoAlias,
      .absorb = nullptr,
      .narrow = Operands::All(),
      .samples = Samples<M, D>,
  };
}

}  // namespace

const OpDef& ResizeNearestOp() {
  static const OpDef kOp = MakeResizeOp<Method::kNearest, Direction::kForward>(
      "resize_nearest", "out[h, w] = x[floor(h in_h / out_h), floor(w in_w / out_w)]");
  return kOp;
}
const OpDef& ResizeNearestGradOp() {
  static const OpDef kOp = MakeResizeOp<Method::kNearest, Direction::kAdjoint>(
      "resize_nearest_grad",
      "each pixel sums over the pixels that resize_nearest made");
  return kOp;
}
const OpDef& ResizeBilinearOp() {
  static const OpDef kOp = MakeResizeOp<Method::kBilinear, Direction::kForward>(
      "resize_bilinear",
      "weighted mean of the four nearest pixels, half-pixel centres");
  return kOp;
}
const OpDef& ResizeBilinearGradOp() {
  static const OpDef kOp = MakeResizeOp<Method::kBilinear, Direction::kAdjoint>(
      "resize_bilinear_grad", "the transposed linear map of resize_bilinear");
  return kOp;
}

Value Resize(GraphBuilder& g, Value x, int64_t out_h, int64_t out_w,
             ResizeOptions options) {
  const bool nearest = options.method == Method::kNearest;
  return g.Call(nearest ? ResizeNearestOp() : ResizeBilinearOp(), {x},
                Attrs{{"h", out_h}, {"w", out_w}});
}

Value ResizeGrad(GraphBuilder& g, Value d_out, int64_t in_h, int64_t in_w,
                 ResizeOptions options) {
  const bool nearest = options.method == Method::kNearest;
  return g.Call(nearest ? ResizeNearestGradOp() : ResizeBilinearGradOp(), {d_out},
                Attrs{{"h", in_h}, {"w", in_w}});
}

}  // namespace tatami
