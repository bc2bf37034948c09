// The ops `max_pool` and `max_pool_grad`.
#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "core/status_macros.h"
#include "ops/kernels/pool_loops.h"
#include "ops/pool.h"
#include "ops/pool_shape.h"

namespace tatami {
namespace {

using Types = absl::Span<const TensorType>;

absl::StatusOr<TensorType> InferMaxPool(const Attrs& attrs, Types in) {
  if (in.size() != 1) return MakeError(ErrorCode::kBadGraph, "max_pool needs x");
  return InferPool(attrs, in[0]);
}

absl::StatusOr<TensorType> InferMaxPoolGrad(const Attrs& attrs, Types in) {
  if (in.size() != 2) {
    return MakeError(ErrorCode::kBadGraph, "max_pool_grad needs x and dy");
  }
  TATAMI_ASSIGN_OR_RETURN(const TensorType y, InferPool(attrs, in[0]));
  if (y != in[1]) {
    return MakeError(ErrorCode::kBadGraph,
                     absl::StrCat("max_pool_grad needs a dy ", y.ToString(), "; got ",
                                  in[1].ToString()));
  }
  return in[0];
}

PoolShape ForwardShape(const OpCall& call) {
  return MakePoolShape(call.attrs, call.in[0], call.out);
}
PoolShape GradShape(const OpCall& call) {
  return MakePoolShape(call.attrs, call.out, call.in[1]);
}

IndexRule MaxPoolRule(const OpCall& call) {
  return PoolRule(ForwardShape(call), call.in[0], call.out);
}
IndexRule MaxPoolGradRule(const OpCall& call) {
  return PoolGradRule(GradShape(call), call.out, PoolGradInputs::kXAndDy);
}

// Of t taps that meet the tensor, t-1 comparisons.
OpCost MaxPoolCost(const OpCall& call, const Box& factors) {
  const PoolShape s = ForwardShape(call);
  int64_t taps = 1, positions = 1;
  for (int j = 0; j < s.spatial(); ++j) {
    taps *= CountTaps(s.windows[j], factors[j + 1], s.in[j]);
    positions *= factors[j + 1].size();
  }
  const int64_t lanes = factors[0].size() * factors[s.spatial() + 1].size();
  return {.vector_flops = lanes * (taps - positions)};
}

// Each window that a position of the part is in: t-1 comparisons and one addition.
OpCost MaxPoolGradCost(const OpCall& call, const Box& factors) {
  const PoolShape s = GradShape(call);
  int64_t taps = factors[0].size() * factors[s.spatial() + 1].size();
  for (int j = 0; j < s.spatial(); ++j) {
    const Interval o = s.windows[j].AdjointMap().Apply(factors[j + 1], s.out[j]);
    taps *= CountTaps(s.windows[j], o, s.in[j]);
  }
  return {.vector_flops = taps};
}

std::vector<Value> MaxPoolGradient(GraphBuilder& g, const CallSite& site, Value dy) {
  return {MaxPoolGrad(g, site.in[0], dy, ReadPoolOptions(site.attrs))};
}

struct MaxPoolReference {
  template <typename T>
  static void Run(const LocalCall& at, In<T> in, const View<T>& y) {
    const PoolShape s = ForwardShape(*at.call);
    ForEachPoint(y.box(), [&](absl::Span<const int64_t> o) {
      bool any = false;
      T best{};
      ForEachTap(s, o.subspan(1, s.spatial()), [&](auto, auto i) {
        const T value = in[0].at(AtPosition(o, i));
        best = any ? Max(best, value) : value;
        any = true;
      });
      y.at(o) = best;
    });
  }
};

struct MaxPoolGradReference {
  template <typename T>
  static void Run(const LocalCall& at, In<T> in, const View<T>& dx) {
    const PoolShape s = GradShape(*at.call);
    ForEachPoint(dx.box(), [&](absl::Span<const int64_t> i) { dx.at(i) = T{}; });
    ForEachPoint(at.in[1], [&](absl::Span<const int64_t> o) {
      bool any = false;
      T best{};
      Dims where;
      ForEachTap(s, o.subspan(1, s.spatial()), [&](auto, auto i) {
        const Dims index = AtPosition(o, i);
        const T value = in[0].at(index);
        if (!any || best < value) {
          best = value;
          where = index;
        }
        any = true;
      });
      // Another part owns the maximum when it lies outside this one's box.
      T elsewhere{};
      bool inside = true;
      for (size_t d = 0; d < where.size(); ++d) {
        inside &= dx.box()[d].begin <= where[d] && where[d] < dx.box()[d].end;
      }
      (inside ? dx.at(where) : elsewhere) += in[1].at(o);
    });
  }
};

constexpr Kernel kMaxPoolKernels[] = {
    {"loops", PoolLoopsSupport, nullptr, PrepareMaxPoolLoops}};
constexpr Kernel kMaxPoolGradKernels[] = {
    {"loops", PoolLoopsSupport, nullptr, PrepareMaxPoolGradLoops}};

struct Case {
  std::string name;
  Dims x;
  PoolOptions options;
  DType dtype = DType::kF32;
  bool ties = false;
};

std::vector<Case> Cases() {
  return {
      {"2x2", {2, 6, 5, 3}, {{2, 2}, {{2, 2}, {}, {}, {}}}},
      {"resnet", {1, 7, 8, 2}, {{3, 3}, {{2, 2}, {}, {1, 1}, {1, 1}}}},
      {"same", {1, 4, 5, 2}, {{3, 2}, {{}, {}, {1, 0}, {1, 1}}}},
      {"dilated", {1, 8, 7, 2}, {{2, 3}, {{}, {2, 2}, {}, {}}}},
      {"gaps", {1, 8, 7, 2}, {{2, 1}, {{3, 2}, {}, {}, {}}}},
      {"ties", {2, 5, 6, 2}, {{3, 3}, {{1, 2}, {}, {1, 1}, {1, 1}}}, DType::kF32, true},
      {"video", {1, 4, 5, 4, 2}, {{2, 3, 3}, {{1, 2, 2}, {}, {0, 1, 1}, {0, 1, 1}}}},
      {"wide_channels", {1, 4, 4, 70}, {{2, 2}, {{2, 2}, {}, {}, {}}}},
      {"bf16", {1, 4, 5, 3}, {{2, 2}, {}}, DType::kBF16}};
}

std::vector<OpSample> MaxPoolSamples() {
  std::vector<OpSample> samples;
  for (const Case& c : Cases()) {
    OpSample sample{c.name, {{c.dtype, c.x}}, PoolAttrs(c.options, c.x.size())};
    if (c.ties) sample.domains = {{0, 2, true}};
    samples.push_back(sample);
  }
  return samples;
}

std::vector<OpSample> MaxPoolGradSamples() {
  std::vector<OpSample> samples;
  for (OpSample& sample : MaxPoolSamples()) {
    sample.in.push_back(*InferPool(sample.attrs, sample.in[0]));
    if (!sample.domains.empty()) sample.domains.push_back({});
    samples.push_back(std::move(sample));
  }
  return samples;
}

}  // namespace

Value MaxPool(GraphBuilder& g, Value x, const PoolOptions& options) {
  return g.Call(MaxPoolOp(), {x}, PoolAttrs(options, g.type(x).rank()));
}

Value MaxPoolGrad(GraphBuilder& g, Value x, Value dy, const PoolOptions& options) {
  return g.Call(MaxPoolGradOp(), {x, dy}, PoolAttrs(options, g.type(x).rank()));
}

const OpDef& MaxPoolOp() {
  static const OpDef kOp = {
      .name = "max_pool",
      .summary = "the largest element of each window",
      .infer = InferMaxPool,
      .rule = MaxPoolRule,
      .cost = MaxPoolCost,
      .gradient = MaxPoolGradient,
      .reference = Reference::Of<MaxPoolReference>(),
      .kernels = absl::MakeConstSpan(kMaxPoolKernels),
      .error = ErrorModel{ErrorModel::kExact},
      .may_overwrite = kNoAlias,
      .absorb = nullptr,
      .narrow = Operands::All(),
      .samples = MaxPoolSamples,
  };
  return kOp;
}

const OpDef& MaxPoolGradOp() {
  static const OpDef kOp = {
      .name = "max_pool_grad",
      .summary = "sends dy to the first maximum of each window",
      .infer = InferMaxPoolGrad,
      .rule = MaxPoolGradRule,
      .cost = MaxPoolGradCost,
      .gradient = Gradient::None("max pooling is piecewise linear in x, and nothing "
                                 "here differentiates its gradient by dy"),
      .reference = Reference::Of<MaxPoolGradReference>(),
      .kernels = absl::MakeConstSpan(kMaxPoolGradKernels),
      // An element is the sum of at most T values of dy, T = 12 windows in the samples
      // (3 x 2 x 2): T-1 additions of partial sums below T |dy|, half a unit each.
      .error = ErrorModel{ErrorModel::kUlps, 66},
      .may_overwrite = kNoAlias,
      .absorb = nullptr,
      .narrow = Operands::All(),
      .samples = MaxPoolGradSamples,
  };
  return kOp;
}

}  // namespace tatami
