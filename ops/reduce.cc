#include "ops/reduce.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "core/status_macros.h"
#include "ops/arithmetic.h"
#include "ops/cast.h"
#include "ops/compare.h"
#include "ops/reduce_kernels.h"
#include "ops/reduce_rule.h"
#include "ops/result_type.h"

namespace tatami {
namespace {

using reduce::Axes;

Axes AxesOf(const OpCall& call) {
  return *reduce::ReadAxes(call.attrs, call.in[0].rank());
}

absl::StatusOr<TensorType> InferReduce(const Attrs& attrs,
                                       absl::Span<const TensorType> in) {
  if (in.size() != 1) {
    return MakeError(ErrorCode::kBadGraph,
                     absl::StrCat("a reduction needs one operand; got ", in.size()));
  }
  TATAMI_ASSIGN_OR_RETURN(const Axes axes, reduce::ReadAxes(attrs, in[0].rank()));
  return TensorType{in[0].dtype, reduce::ReducedDims(in[0].dims, axes)};
}

// i32 sums would pass through f32, which is exact only up to 2^24.
absl::StatusOr<TensorType> InferSum(const Attrs& attrs,
                                    absl::Span<const TensorType> in) {
  if (in.size() == 1 && in[0].dtype == DType::kI32) {
    return MakeError(ErrorCode::kBadGraph,
                     absl::StrCat("a sum needs a floating operand; got ",
                                  in[0].ToString(), ": insert a cast"));
  }
  TATAMI_ASSIGN_OR_RETURN(TensorType out, InferReduce(attrs, in));
  TATAMI_ASSIGN_OR_RETURN(out.dtype, ResultType(attrs, out.dtype));
  return out;
}

// Factors d0.. are the dims of x; a kept dim of the output is a factor of size 1.
template <Combine kCombine>
IndexRule Rule(const OpCall& call) {
  const Axes axes = AxesOf(call);
  IndexRule rule{.inputs = {{}}, .combine = kCombine};
  for (int d = 0; d < call.in[0].rank(); ++d) {
    rule.factors.push_back(
        {absl::StrCat("d", d), call.in[0].dim(d),
         axes.reduced[d] ? FactorKind::kReduce : FactorKind::kParallel});
    rule.inputs[0].push_back({d, {}});
  }
  for (int d = 0; d < call.in[0].rank(); ++d) {
    if (!axes.reduced[d]) rule.output.push_back({d, {}});
    if (axes.kept[d]) {
      rule.output.push_back({static_cast<int>(rule.factors.size()), {}});
      rule.factors.push_back({absl::StrCat("k", d), 1, FactorKind::kParallel});
    }
  }
  return rule;
}

int64_t OutputCount(const OpCall& call, const Box& factors) {
  const Axes axes = AxesOf(call);
  int64_t count = 1;
  for (size_t d = 0; d < axes.reduced.size(); ++d) {
    if (!axes.reduced[d]) count *= factors[d].size();
  }
  return count;
}

// What differs between the reductions: the start, what an element adds, how two partial
// results combine, and a factor at the end.
struct SumPolicy {
  static constexpr int64_t kFlopsPerElement = 1, kFlopsPerOutput = 0;
  template <typename T>
  static T Start() {
    return T(0);
  }
  template <typename T>
  static T Add(T sum, T x) {
    return sum + x;
  }
};

struct MeanPolicy : SumPolicy {
  static constexpr int64_t kFlopsPerOutput = 1;
};

struct SumSquaresPolicy : SumPolicy {
  static constexpr int64_t kFlopsPerElement = 2;
  template <typename T>
  static T Add(T sum, T x) {
    return sum + x * x;
  }
};

struct MaxPolicy {
  static constexpr int64_t kFlopsPerElement = 1, kFlopsPerOutput = 0;
  template <typename T>
  static T Start() {
    return T(-std::numeric_limits<double>::infinity());
  }
  template <typename T>
  static T Add(T best, T x) {
    return Max(best, x);
  }
};

double Share(const OpCall& call) {
  return static_cast<double>(call.out.num_elements()) / call.in[0].num_elements();
}

template <typename Policy>
struct ReduceReference {
  template <typename T>
  static void Run(const LocalCall& at, In<T> in, const View<T>& out) {
    const Axes axes = AxesOf(*at.call);
    ForEachPoint(out.box(), [&](absl::Span<const int64_t> o) {
      out.at(o) = Policy::template Start<T>();
    });
    ForEachPoint(at.in[0], [&](absl::Span<const int64_t> i) {
      T& result = out.at(reduce::ReducedIndex(i, axes));
      result = Policy::template Add<T>(result, in[0].at(i));
    });
    if constexpr (Policy::kFlopsPerOutput == 1) {
      ForEachPoint(out.box(), [&](absl::Span<const int64_t> o) {
        out.at(o) = out.at(o) * T(Share(*at.call));
      });
    }
  }
};

template <typename Policy>
OpCost Cost(const OpCall& call, const Box& factors) {
  return {.vector_flops = Policy::kFlopsPerElement * NumElements(factors) +
                          Policy::kFlopsPerOutput * OutputCount(call, factors)};
}

absl::Status SupportsF32(const LocalCall& call) {
  if (call.call->in[0].dtype != DType::kF32) {
    return absl::UnimplementedError("the operand is not f32");
  }
  if (IsEmpty(call.in[0])) return absl::UnimplementedError("an empty operand");
  return absl::OkStatus();
}

template <typename Term>
void RunF32(const LocalCall& at, absl::Span<const std::byte* const> in,
            std::byte* out) {
  reduce::Run<Term>(reduce::MakeNest(Extents(at.in[0]), AxesOf(*at.call)),
                    reinterpret_cast<const float*>(in[0]),
                    reinterpret_cast<float*>(out), NumElements(at.out));
}

void RunMeanF32(const LocalCall& at, absl::Span<const std::byte* const> in,
                std::byte* out) {
  RunF32<reduce::SumTerm>(at, in, out);
  const float share = static_cast<float>(Share(*at.call));
  auto* result = reinterpret_cast<float*>(out);
  const int64_t n = NumElements(at.out);
  for (int64_t i = 0; i < n; ++i) result[i] *= share;
}

template <KernelFn kRun>
absl::StatusOr<std::shared_ptr<PreparedKernel>> Prepare(const LocalCall&) {
  return MakeSimpleKernel(kRun);
}
template <KernelFn kRun>
constexpr Kernel kKernels[] = {{"loops", SupportsF32, nullptr, Prepare<kRun>}};

// d in a shape that pointwise ops broadcast against x, without a copy where possible.
Value AgainstInput(GraphBuilder& g, const CallSite& site, Value d) {
  const TensorType x = g.type(site.in[0]);
  const Axes axes = *reduce::ReadAxes(site.attrs, x.rank());
  // Dropped dims are harmless while everything before them is dropped as well.
  bool leading = true;
  for (int i = 0; i < x.rank(); ++i) {
    const bool dropped = axes.reduced[i] && !axes.kept[i];
    if (dropped && !leading) {
      return Spread(g, d, x.dims, site.attrs.Ints("dims"), site.attrs.Ints("keep"));
    }
    if (!dropped) leading = false;
  }
  return d;
}

// d in the element type of the operand.
Value InOperandType(GraphBuilder& g, const CallSite& site, Value d) {
  return Cast(g, d, g.type(site.in[0]).dtype);
}

std::vector<Value> SumGradient(GraphBuilder& g, const CallSite& site, Value d) {
  d = InOperandType(g, site, d);
  return {Spread(g, d, g.type(site.in[0]).dims, site.attrs.Ints("dims"),
                 site.attrs.Ints("keep"))};
}

std::vector<Value> MeanGradient(GraphBuilder& g, const CallSite& site, Value d) {
  const double share = static_cast<double>(g.type(site.out).num_elements()) /
                       g.type(site.in[0]).num_elements();
  return SumGradient(g, site, Affine(g, d, share, 0));
}

std::vector<Value> SumSquaresGradient(GraphBuilder& g, const CallSite& site, Value d) {
  d = InOperandType(g, site, d);
  return {Mul(g, site.in[0], AgainstInput(g, site, Affine(g, d, 2, 0)))};
}

// Every element equal to the maximum takes an equal share.
std::vector<Value> MaxGradient(GraphBuilder& g, const CallSite& site, Value d) {
  if (g.type(site.out).dtype == DType::kI32) return {Value{}};
  const Value best = Equal(g, site.in[0], AgainstInput(g, site, site.out));
  const Value ties = g.Call(ReduceSumOp(), {best}, site.attrs);
  return {Mul(g, best, AgainstInput(g, site, Div(g, d, ties)))};
}

std::vector<OpSample> ReduceSamples() {
  using List = std::vector<int64_t>;
  const auto sample = [](std::string name, Dims dims, List reduced, List keep,
                         DType dtype = DType::kF32) {
    return OpSample{std::move(name),
                    {TensorType{dtype, std::move(dims)}},
                    Attrs{{"dims", std::move(reduced)}, {"keep", std::move(keep)}}};
  };
  return {sample("all", {3, 5, 4}, {0, 1, 2}, {}),
          sample("long_all", {7, 37}, {0, 1}, {}),
          sample("leading", {3, 4, 5}, {0, 1}, {}),
          sample("many_rows", {9, 2, 11}, {0, 1}, {}),
          sample("last_kept", {4, 45}, {1}, {1}),
          sample("pool", {2, 3, 4, 5}, {1, 2}, {}),
          sample("pool_kept", {2, 3, 4, 5}, {1, 2}, {1, 2}),
          sample("broadcast", {2, 3, 4}, {0, 2}, {2}),
          sample("alternate", {3, 2, 4, 3}, {0, 2}, {}),
          sample("none", {3, 2}, {}, {}),
          sample("scalar", {}, {}, {}),
          sample("bf16", {4, 6}, {0}, {}, DType::kBF16)};
}

std::vector<OpSample> SumSamples() {
  std::vector<OpSample> samples = ReduceSamples();
  OpSample wide = samples.back();
  wide.name += "_to_f32";
  wide.attrs.Set("dtype", std::string("f32"));
  samples.push_back(std::move(wide));
  return samples;
}

template <typename Policy, KernelFn kRun>
OpDef MakeReduceOp(absl::string_view name, absl::string_view summary, InferFn infer,
                   RuleFn rule, GradientFn gradient, ErrorModel error) {
  return {
      .name = name,
      .summary = summary,
      .infer = infer,
      .rule = rule,
      .cost = Cost<Policy>,
      .gradient = gradient,
      .reference = Reference::Of<ReduceReference<Policy>>(),
      .kernels = absl::MakeConstSpan(kKernels<kRun>),
      .error = error,
      .may_overwrite = kNoAlias,
      .absorb = nullptr,
      .narrow = Operands::All(),
      .samples = ReduceSamples,
  };
}

template <typename Policy, KernelFn kRun>
OpDef MakeSumOp(absl::string_view name, absl::string_view summary,
                GradientFn gradient) {
  OpDef op =
      MakeReduceOp<Policy, kRun>(name, summary, InferSum, Rule<Combine::kSum>, gradient,
                                 ErrorModel{ErrorModel::kSumOfProducts});
  op.absorb.value = AbsorbCastToF32;
  op.samples.value = SumSamples;
  return op;
}

Value Reduce(GraphBuilder& g, const OpDef& op, Value x, std::vector<int64_t> dims,
             ReduceOptions options) {
  for (int64_t& d : dims) d += d < 0 ? g.type(x).rank() : 0;
  std::sort(dims.begin(), dims.end());
  std::vector<int64_t> keep = options.keep_dims != 0 ? dims : std::vector<int64_t>();
  return g.Call(op, {x}, Attrs{{"dims", std::move(dims)}, {"keep", std::move(keep)}});
}

}  // namespace

Value ReduceSum(GraphBuilder& g, Value x, std::vector<int64_t> dims,
                ReduceOptions options) {
  return Reduce(g, ReduceSumOp(), x, std::move(dims), options);
}
Value ReduceMean(GraphBuilder& g, Value x, std::vector<int64_t> dims,
                 ReduceOptions options) {
  return Reduce(g, ReduceMeanOp(), x, std::move(dims), options);
}
Value ReduceMax(GraphBuilder& g, Value x, std::vector<int64_t> dims,
                ReduceOptions options) {
  return Reduce(g, ReduceMaxOp(), x, std::move(dims), options);
}
Value ReduceSumSquares(GraphBuilder& g, Value x, std::vector<int64_t> dims,
                       ReduceOptions options) {
  return Reduce(g, ReduceSumSquaresOp(), x, std::move(dims), options);
}

std::vector<int64_t> AllDims(const TensorType& type) {
  std::vector<int64_t> dims;
  for (int d = 0; d < type.rank(); ++d) dims.push_back(d);
  return dims;
}

Value SumTo(GraphBuilder& g, Value x, const TensorType& type) {
  const TensorType from = g.type(x);
  const int lead = from.rank() - type.rank();
  std::vector<int64_t> dims, keep;
  for (int d = 0; d < from.rank(); ++d) {
    if (d >= lead && type.dim(d - lead) == from.dim(d)) continue;
    dims.push_back(d);
    if (d >= lead) keep.push_back(d);
  }
  if (dims.empty()) return x;
  return g.Call(ReduceSumOp(), {x}, Attrs{{"dims", dims}, {"keep", keep}});
}

const OpDef& ReduceSumOp() {
  static const OpDef kOp = MakeSumOp<SumPolicy, RunF32<reduce::SumTerm>>(
      "reduce_sum", "the sum over dims", SumGradient);
  return kOp;
}

const OpDef& ReduceMeanOp() {
  static const OpDef kOp = MakeSumOp<MeanPolicy, RunMeanF32>(
      "reduce_mean", "the mean over dims of the whole tensor", MeanGradient);
  return kOp;
}

const OpDef& ReduceMaxOp() {
  static const OpDef kOp = MakeReduceOp<MaxPolicy, RunF32<reduce::MaxTerm>>(
      "reduce_max", "the largest element over dims", InferReduce, Rule<Combine::kMax>,
      MaxGradient, ErrorModel{ErrorModel::kExact});
  return kOp;
}

const OpDef& ReduceSumSquaresOp() {
  static const OpDef kOp = MakeSumOp<SumSquaresPolicy, RunF32<reduce::SquareTerm>>(
      "reduce_sum_squares", "the sum of squares over dims", SumSquaresGradient);
  return kOp;
}

}  // namespace tatami
