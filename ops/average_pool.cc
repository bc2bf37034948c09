// The ops `average_pool` and `average_pool_grad`.
#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "core/status_macros.h"
#include "ops/kernels/pool_loops.h"
#include "ops/pool.h"
#include "ops/pool_shape.h"

namespace tatami {
namespace {

using Types = absl::Span<const TensorType>;

absl::StatusOr<TensorType> InferAveragePool(const Attrs& attrs, Types in) {
  if (in.size() != 1 || !attrs.Has("count_include_pad")) {
    return MakeError(ErrorCode::kBadGraph,
                     "average_pool needs x and the attribute count_include_pad");
  }
  return InferPool(attrs, in[0]);
}

absl::StatusOr<TensorType> InferAveragePoolGrad(const Attrs& attrs, Types in) {
  if (in.size() != 1 || !attrs.Has("input_dims") || !attrs.Has("count_include_pad")) {
    return MakeError(ErrorCode::kBadGraph,
                     "average_pool_grad needs dy, input_dims and count_include_pad");
  }
  TensorType x = in[0];
  const std::vector<int64_t>& sizes = attrs.Ints("input_dims");
  if (static_cast<int>(sizes.size()) + 2 == x.rank()) {
    std::copy(sizes.begin(), sizes.end(), x.dims.begin() + 1);
  }
  TATAMI_ASSIGN_OR_RETURN(const TensorType y, InferPool(attrs, x));
  if (y != in[0]) {
    return MakeError(ErrorCode::kBadGraph,
                     absl::StrCat("average_pool_grad needs input_dims of which pooling "
                                  "makes dy's; got ",
                                  in[0].ToString(), " with ", attrs.ToString()));
  }
  return x;
}

PoolShape ForwardShape(const OpCall& call) {
  return MakePoolShape(call.attrs, call.in[0], call.out);
}
PoolShape GradShape(const OpCall& call) {
  return MakePoolShape(call.attrs, call.out, call.in[0]);
}

IndexRule AveragePoolRule(const OpCall& call) {
  return PoolRule(ForwardShape(call), call.in[0], call.out);
}
IndexRule AveragePoolGradRule(const OpCall& call) {
  return PoolGradRule(GradShape(call), call.out, PoolGradInputs::kDy);
}

// One addition a tap and one division an element.
OpCost AveragePoolCost(const OpCall& call, const Box& factors) {
  const PoolShape s = ForwardShape(call);
  int64_t taps = 1, positions = 1;
  for (int j = 0; j < s.spatial(); ++j) {
    taps *= CountTaps(s.windows[j], factors[j + 1], s.in[j]);
    positions *= factors[j + 1].size();
  }
  const int64_t lanes = factors[0].size() * factors[s.spatial() + 1].size();
  return {.vector_flops = lanes * (taps + positions)};
}

// One division and one addition a tap.
OpCost AveragePoolGradCost(const OpCall& call, const Box& factors) {
  const PoolShape s = GradShape(call);
  int64_t taps = factors[0].size() * factors[s.spatial() + 1].size();
  for (int j = 0; j < s.spatial(); ++j) {
    taps *= CountAdjointTaps(s.windows[j], factors[j + 1], s.out[j]);
  }
  return {.vector_flops = 2 * taps};
}

AveragePoolOptions ReadOptions(const Attrs& attrs) {
  return {ReadPoolOptions(attrs), attrs.Int("count_include_pad")};
}

std::vector<Value> AveragePoolGradient(GraphBuilder& g, const CallSite& site,
                                       Value dy) {
  const Dims dims = g.type(site.in[0]).dims;
  return {AveragePoolGrad(g, dy, {dims.begin() + 1, dims.end() - 1},
                          ReadOptions(site.attrs))};
}

// Averaging is linear: the adjoint of its adjoint is itself.
std::vector<Value> AveragePoolGradGradient(GraphBuilder& g, const CallSite& site,
                                           Value ddx) {
  return {AveragePool(g, ddx, ReadOptions(site.attrs))};
}

struct AveragePoolReference {
  template <typename T>
  static void Run(const LocalCall& at, In<T> in, const View<T>& y) {
    const PoolShape s = ForwardShape(*at.call);
    const PoolDivisor divisor(s, at.call->attrs);
    ForEachPoint(y.box(), [&](absl::Span<const int64_t> o) {
      T sum{};
      const auto position = o.subspan(1, s.spatial());
      ForEachTap(s, position, [&](auto, auto i) { sum += in[0].at(AtPosition(o, i)); });
      y.at(o) = sum / T(divisor.Of(position));
    });
  }
};

struct AveragePoolGradReference {
  template <typename T>
  static void Run(const LocalCall& at, In<T> in, const View<T>& dx) {
    const PoolShape s = GradShape(*at.call);
    const PoolDivisor divisor(s, at.call->attrs);
    Box taps;
    for (const WindowDim& w : s.windows) taps.push_back({0, w.kernel});
    ForEachPoint(dx.box(), [&](absl::Span<const int64_t> i) {
      T sum{};
      ForEachPoint(taps, [&](absl::Span<const int64_t> q) {
        Dims o(s.spatial());
        for (int j = 0; j < s.spatial(); ++j) {
          const auto out = s.windows[j].OutputOf(i[j + 1], q[j], s.out[j]);
          if (!out.has_value()) return;
          o[j] = *out;
        }
        sum += in[0].at(AtPosition(i, o)) / T(divisor.Of(o));
      });
      dx.at(i) = sum;
    });
  }
};

constexpr Kernel kAveragePoolKernels[] = {
    {"loops", PoolLoopsSupport, nullptr, PrepareAveragePoolLoops}};
constexpr Kernel kAveragePoolGradKernels[] = {
    {"loops", PoolLoopsSupport, nullptr, PrepareAveragePoolGradLoops}};

struct Case {
  std::string name;
  Dims x;
  AveragePoolOptions options;
  DType dtype = DType::kF32;
};

std::vector<Case> Cases() {
  return {{"2x2", {2, 6, 5, 3}, {{{2, 2}, {{2, 2}, {}, {}, {}}}}},
          {"padded", {1, 7, 6, 2}, {{{3, 3}, {{2, 2}, {}, {1, 1}, {1, 1}}}, 1}},
          {"without_pad", {1, 7, 6, 2}, {{{3, 3}, {{2, 2}, {}, {1, 1}, {1, 1}}}, 0}},
          {"gaps", {1, 8, 7, 2}, {{{2, 1}, {{3, 2}, {}, {}, {}}}}},
          {"dilated", {1, 8, 7, 2}, {{{2, 3}, {{}, {2, 2}, {1, 0}, {0, 0}}}, 0}},
          {"video",
           {1, 4, 5, 4, 2},
           {{{2, 3, 3}, {{1, 2, 2}, {}, {0, 1, 1}, {0, 1, 1}}}, 0}},
          {"bf16", {1, 4, 5, 3}, {{{2, 2}, {}}}, DType::kBF16}};
}

Attrs AttrsOf(const AveragePoolOptions& options, int rank) {
  Attrs attrs = PoolAttrs(options.pool, rank);
  attrs.Set("count_include_pad", options.count_include_pad);
  return attrs;
}

std::vector<OpSample> AveragePoolSamples() {
  std::vector<OpSample> samples;
  for (const Case& c : Cases()) {
    samples.push_back({c.name, {{c.dtype, c.x}}, AttrsOf(c.options, c.x.size())});
  }
  return samples;
}

std::vector<OpSample> AveragePoolGradSamples() {
  std::vector<OpSample> samples = AveragePoolSamples();
  for (OpSample& sample : samples) {
    const Dims x = sample.in[0].dims;
    sample.in[0] = *InferPool(sample.attrs, sample.in[0]);
    sample.attrs.Set("input_dims", std::vector<int64_t>(x.begin() + 1, x.end() - 1));
  }
  return samples;
}

}  // namespace

Value AveragePool(GraphBuilder& g, Value x, const AveragePoolOptions& options) {
  return g.Call(AveragePoolOp(), {x}, AttrsOf(options, g.type(x).rank()));
}

Value AveragePoolGrad(GraphBuilder& g, Value dy, const std::vector<int64_t>& input_dims,
                      const AveragePoolOptions& options) {
  Attrs attrs = AttrsOf(options, g.type(dy).rank());
  attrs.Set("input_dims", input_dims);
  return g.Call(AveragePoolGradOp(), {dy}, std::move(attrs));
}

const OpDef& AveragePoolOp() {
  static const OpDef kOp = {
      .name = "average_pool",
      .summary = "the mean of each window",
      .infer = InferAveragePool,
      .rule = AveragePoolRule,
      .cost = AveragePoolCost,
      .gradient = AveragePoolGradient,
      .reference = Reference::Of<AveragePoolReference>(),
      .kernels = absl::MakeConstSpan(kAveragePoolKernels),
      .error = ErrorModel{ErrorModel::kSumOfProducts},
      .may_overwrite = kNoAlias,
      .absorb = nullptr,
      .narrow = Operands::All(),
      .samples = AveragePoolSamples,
  };
  return kOp;
}

const OpDef& AveragePoolGradOp() {
  static const OpDef kOp = {
      .name = "average_pool_grad",
      .summary = "spreads dy evenly over each window",
      .infer = InferAveragePoolGrad,
      .rule = AveragePoolGradRule,
      .cost = AveragePoolGradCost,
      .gradient = AveragePoolGradGradient,
      .reference = Reference::Of<AveragePoolGradReference>(),
      .kernels = absl::MakeConstSpan(kAveragePoolGradKernels),
      .error = ErrorModel{ErrorModel::kSumOfProducts},
      .may_overwrite = kNoAlias,
      .absorb = nullptr,
      .narrow = Operands::All(),
      .samples = AveragePoolGradSamples,
  };
  return kOp;
}

}  // namespace tatami
