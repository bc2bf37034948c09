#include "ops/layer_norm.h"

#include <cmath>

#include "core/error.h"
#include "core/status_macros.h"
#include "ops/channel_shape.h"
#include "ops/kernels/row_loops.h"

namespace tatami {
namespace {

using Types = absl::Span<const TensorType>;

absl::Status Check(const Attrs& attrs, Types in, size_t count,
                   std::initializer_list<size_t> vectors,
                   std::initializer_list<size_t> likes) {
  if (!attrs.Has("epsilon")) {
    return MakeError(ErrorCode::kBadGraph, "layer_norm needs the attribute epsilon");
  }
  return CheckChannelOperands("layer_norm", in, count, vectors, likes);
}

absl::StatusOr<TensorType> InferLayerNorm(const Attrs& attrs, Types in) {
  TATAMI_RETURN_IF_ERROR(Check(attrs, in, 3, {1, 2}, {}));
  return in[0];
}
absl::StatusOr<TensorType> InferInputGrad(const Attrs& attrs, Types in) {
  TATAMI_RETURN_IF_ERROR(Check(attrs, in, 3, {1}, {2}));
  return in[0];
}
absl::StatusOr<TensorType> InferParamGrads(const Attrs& attrs, Types in) {
  TATAMI_RETURN_IF_ERROR(Check(attrs, in, 2, {}, {1}));
  return TensorType{DType::kF32, {2, in[0].dim(-1)}};
}

// Rows in parallel; [D] operands whole.
IndexRule RowsRule(const OpCall& call) {
  const TensorType& x = call.in[0];
  IndexRule rule = ChannelRule(x, FactorKind::kParallel, FactorKind::kWhole);
  for (const TensorType& t : call.in) {
    rule.inputs.push_back(t.rank() == 1 && x.rank() > 1 ? ChannelVector(x)
                                                        : ChannelOperand(x));
  }
  rule.output = ChannelOperand(x);
  return rule;
}

IndexRule ParamGradsRule(const OpCall& call) {
  const TensorType& x = call.in[0];
  IndexRule rule = ChannelRule(x, FactorKind::kReduce, FactorKind::kWhole);
  rule.inputs = {ChannelOperand(x), ChannelOperand(x)};
  rule.output = {{static_cast<int>(rule.factors.size()), {}}, ChannelVector(x)[0]};
  rule.factors.push_back({"s", 2, FactorKind::kWhole});
  return rule;
}

// Operations of a row of n: per_element * n + per_row. Statistics take 4 n + 5.
OpCost RowsCost(const OpCall& call, const Box& factors, int64_t per_element,
                int64_t per_row) {
  if (IsEmpty(factors)) return {};
  int64_t rows = 1;
  for (int d = 0; d + 1 < call.in[0].rank(); ++d) rows *= factors[d].size();
  return {.vector_flops = rows * (per_element * call.in[0].dim(-1) + per_row)};
}
OpCost LayerNormCost(const OpCall& call, const Box& factors) {
  return RowsCost(call, factors, 7, 5);
}
OpCost InputGradCost(const OpCall& call, const Box& factors) {
  return RowsCost(call, factors, 13, 7);
}
OpCost ParamGradsCost(const OpCall& call, const Box& factors) {
  return RowsCost(call, factors, 8, 5);
}

std::vector<Value> LayerNormGradient(GraphBuilder& g, const CallSite& site, Value dy) {
  const Value x = site.in[0], gamma = site.in[1];
  const double epsilon = site.attrs.Double("epsilon");
  const Value sums = LayerNormParamGrads(g, x, dy, epsilon);
  return {LayerNormInputGrad(g, x, gamma, dy, epsilon), ChannelRow(g, sums, 1),
          ChannelRow(g, sums, 0)};
}

// xhat of the row that starts at `i`, and 1 / sqrt(variance + epsilon).
template <typename T>
struct NormalizedRow {
  std::vector<T> centered;
  T reciprocal_deviation;
};
template <typename T>
NormalizedRow<T> Normalize(const LocalCall& at, const View<const T>& x, Dims i) {
  const int64_t n = x.dim(-1);
  NormalizedRow<T> row;
  T sum{}, squares{};
  for (i.back() = 0; i.back() < n; ++i.back()) sum += x.at(i);
  const T mean = sum / T(static_cast<double>(n));
  for (i.back() = 0; i.back() < n; ++i.back()) {
    row.centered.push_back(x.at(i) - mean);
    squares += row.centered.back() * row.centered.back();
  }
  const T variance = squares / T(static_cast<double>(n));
  row.reciprocal_deviation =
      T(1.0) / Sqrt(variance + T(at.call->attrs.Double("epsilon")));
  return row;
}

template <typename Run>
void ForEachRowOf(const Box& box, Run run) {
  Box rows = box;
  rows.back() = {0, 1};
  ForEachPoint(rows,
               [&](absl::Span<const int64_t> i) { run(Dims(i.begin(), i.end())); });
}

struct LayerNormReference {
  template <typename T>
  static void Run(const LocalCall& at, In<T> in, const View<T>& y) {
    ForEachRowOf(y.box(), [&](Dims i) {
      const NormalizedRow<T> row = Normalize(at, in[0], i);
      for (int64_t d = 0; d < y.dim(-1); ++d) {
        i.back() = d;
        y.at(i) = row.centered[d] * row.reciprocal_deviation * in[1](d) + in[2](d);
      }
    });
  }
};

// dx = r (g - mean(g) - xhat mean(g xhat)) with g = dy gamma.
struct InputGradReference {
  template <typename T>
  static void Run(const LocalCall& at, In<T> in, const View<T>& dx) {
    const int64_t n = dx.dim(-1);
    ForEachRowOf(dx.box(), [&](Dims i) {
      const NormalizedRow<T> row = Normalize(at, in[0], i);
      const T r = row.reciprocal_deviation;
      std::vector<T> gradient, xhat;
      T sum{}, product{};
      for (int64_t d = 0; d < n; ++d) {
        i.back() = d;
        gradient.push_back(in[2].at(i) * in[1](d));
        xhat.push_back(row.centered[d] * r);
        sum += gradient[d];
        product += gradient[d] * xhat[d];
      }
      const T count = static_cast<double>(n);
      const T mean = sum / count, slope = product / count;
      for (int64_t d = 0; d < n; ++d) {
        i.back() = d;
        dx.at(i) = r * (gradient[d] - mean - xhat[d] * slope);
      }
    });
  }
};

struct ParamGradsReference {
  template <typename T>
  static void Run(const LocalCall& at, In<T> in, const View<T>& sums) {
    ForEachPoint(sums.box(), [&](absl::Span<const int64_t> i) { sums.at(i) = T{}; });
    ForEachRowOf(at.in[0], [&](Dims i) {
      const NormalizedRow<T> row = Normalize(at, in[0], i);
      for (int64_t d = 0; d < sums.dim(1); ++d) {
        i.back() = d;
        sums(0, d) += in[1].at(i);
        sums(1, d) += in[1].at(i) * (row.centered[d] * row.reciprocal_deviation);
      }
    });
  }
};

template <KernelFn run>
constexpr Kernel kLoops[] = {
    {"loops", ChannelLoopsSupport, nullptr,
     [](const LocalCall&) -> absl::StatusOr<std::shared_ptr<PreparedKernel>> {
       return MakeSimpleKernel(run);
     }}};

constexpr absl::string_view kNoGradient =
    "a part of layer_norm's gradient; second derivatives are not offered";

// Rows of n <= 19 and an epsilon of 1/4, on which the error bounds rest; at most 12
// rows.
std::vector<OpSample> SamplesOf(std::initializer_list<int> operands) {
  const std::pair<std::string, TensorType> cases[] = {
      {"rows", {DType::kF32, {5, 19}}},
      {"nthwc", {DType::kF32, {1, 2, 3, 2, 6}}},
      {"one", {DType::kF32, {3, 1}}},
      {"bf16", {DType::kBF16, {2, 3, 8}}}};
  std::vector<OpSample> samples;
  for (const auto& [name, x] : cases) {
    OpSample sample{name, {x}, Attrs{{"epsilon", 0.25}}};
    for (int rank : operands) {
      sample.in.push_back(rank == 1 ? TensorType{DType::kF32, {x.dim(-1)}} : x);
    }
    samples.push_back(std::move(sample));
  }
  return samples;
}

}  // namespace

Value LayerNorm(GraphBuilder& g, Value x, Value gamma, Value beta, double epsilon) {
  return g.Call(LayerNormOp(), {x, gamma, beta}, Attrs{{"epsilon", epsilon}});
}
Value LayerNormInputGrad(GraphBuilder& g, Value x, Value gamma, Value dy,
                         double epsilon) {
  return g.Call(LayerNormInputGradOp(), {x, gamma, dy}, Attrs{{"epsilon", epsilon}});
}
Value LayerNormParamGrads(GraphBuilder& g, Value x, Value dy, double epsilon) {
  return g.Call(LayerNormParamGradsOp(), {x, dy}, Attrs{{"epsilon", epsilon}});
}

// The bounds, with u = 2^-24, |inputs| <= 1, n <= 19 and deviations of at least
// sqrt(1/4): a centred value is off by D = (n + 2) u, the reciprocal r <= 2 by the part
// R = 2 D + (n + 9)/2 u of it, and |xhat| <= 4 by X = 2 D + 4 R. So D = 21u, R = 56u,
// X = 266u. The largest input is at least 1/2, of which 1 ulp is u.

const OpDef& LayerNormOp() {
  static const OpDef kOp = {
      .name = "layer_norm",
      .summary = "normalises each row of the last dim, then scales and shifts",
      .infer = InferLayerNorm,
      .rule = RowsRule,
      .cost = LayerNormCost,
      .gradient = LayerNormGradient,
      .reference = Reference::Of<LayerNormReference>(),
      .kernels = absl::MakeConstSpan(kLoops<RunLayerNorm>),
      .error = ErrorModel{ErrorModel::kUlps, 279},  // X and three roundings of |y| <= 5
      .may_overwrite = 0,
      .absorb = nullptr,
      .narrow = Operands::Of({0}),
      .samples =
          [] {
            return SamplesOf({1, 1});
          },
  };
  return kOp;
}

const OpDef& LayerNormInputGradOp() {
  static const OpDef kOp = {
      .name = "layer_norm_input_grad",
      .summary = "gradient of layer_norm by x",
      .infer = InferInputGrad,
      .rule = RowsRule,
      .cost = InputGradCost,
      .gradient = Gradient::None(kNoGradient),
      .reference = Reference::Of<InputGradReference>(),
      .kernels = absl::MakeConstSpan(kLoops<RunLayerNormInputGrad>),
      // mean(g) is off by 21u, mean(g xhat) <= 1 by X + 22u, its product with xhat by
      // X + 4 (X + 22u) + 4u = 1422u; with the differences 1460u. Times r, and r's own
      // error on a value of at most 12: 2 * 1460u + 12 * 56u.
      .error = ErrorModel{ErrorModel::kUlps, 3600},
      .may_overwrite = 2,
      .absorb = nullptr,
      .narrow = Operands::Of({0, 2}),
      .samples =
          [] {
            return SamplesOf({1, 2});
          },
  };
  return kOp;
}

const OpDef& LayerNormParamGradsOp() {
  static const OpDef kOp = {
      .name = "layer_norm_param_grads",
      .summary = "sums over rows of dy and of dy * xhat",
      .infer = InferParamGrads,
      .rule = ParamGradsRule,
      .cost = ParamGradsCost,
      .gradient = Gradient::None(kNoGradient),
      .reference = Reference::Of<ParamGradsReference>(),
      .kernels = absl::MakeConstSpan(kLoops<RunLayerNormParamGrads>),
      // 12 terms of |dy xhat| <= 4, each off by X and 13 roundings: 12 (266 + 52) u.
      .error = ErrorModel{ErrorModel::kUlps, 3816},
      .may_overwrite = kNoAlias,
      .absorb = nullptr,
      .narrow = Operands::All(),
      .samples = [] { return SamplesOf({2}); },
  };
  return kOp;
}

}  // namespace tatami
