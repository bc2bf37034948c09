#include "ops/softmax.h"

#include "core/status_macros.h"
#include "ops/channel_shape.h"
#include "ops/kernels/row_loops.h"

namespace tatami {
namespace {

using Types = absl::Span<const TensorType>;

absl::StatusOr<TensorType> InferOne(const Attrs&, Types in) {
  TATAMI_RETURN_IF_ERROR(CheckChannelOperands("softmax", in, 1, {}, {}));
  return in[0];
}

absl::StatusOr<TensorType> InferTwo(const Attrs&, Types in) {
  TATAMI_RETURN_IF_ERROR(CheckChannelOperands("softmax_grad", in, 2, {}, {1}));
  return in[0];
}

IndexRule RowsRule(const OpCall& call) {
  IndexRule rule = ChannelRule(call.out, FactorKind::kParallel, FactorKind::kWhole);
  rule.output = ChannelOperand(call.out);
  rule.inputs.assign(call.in.size(), rule.output);
  return rule;
}

// Operations of a row of n: per_element * n + per_row.
template <int64_t per_element, int64_t per_row>
OpCost RowsCost(const OpCall&, const Box& factors) {
  if (IsEmpty(factors)) return {};
  const int64_t elements = NumElements(factors);
  return {.vector_flops =
              per_element * elements + per_row * (elements / factors.back().size())};
}

// Calls run(index) for the first element of each row; run moves along index.back().
template <typename Run>
void ForEachRowOf(const Box& box, Run run) {
  Box rows = box;
  rows.back() = {0, 1};
  ForEachPoint(rows,
               [&](absl::Span<const int64_t> i) { run(Dims(i.begin(), i.end())); });
}

template <typename T>
T LargestOf(const View<const T>& x, Dims i) {
  i.back() = 0;
  T largest = x.at(i);
  for (i.back() = 1; i.back() < x.dim(-1); ++i.back()) largest = Max(largest, x.at(i));
  return largest;
}

struct SoftmaxReference {
  template <typename T>
  static void Run(const LocalCall&, In<T> in, const View<T>& y) {
    ForEachRowOf(y.box(), [&](Dims i) {
      const T largest = LargestOf(in[0], i);
      T sum{};
      for (i.back() = 0; i.back() < y.dim(-1); ++i.back()) {
        y.at(i) = Exp(in[0].at(i) - largest);
        sum += y.at(i);
      }
      for (i.back() = 0; i.back() < y.dim(-1); ++i.back()) y.at(i) = y.at(i) / sum;
    });
  }
};

struct LogSoftmaxReference {
  template <typename T>
  static void Run(const LocalCall&, In<T> in, const View<T>& y) {
    ForEachRowOf(y.box(), [&](Dims i) {
      const T largest = LargestOf(in[0], i);
      T sum{};
      for (i.back() = 0; i.back() < y.dim(-1); ++i.back()) {
        sum += Exp(in[0].at(i) - largest);
      }
      const T log_sum = Log(sum);  // apart, lest a large maximum drown it
      for (i.back() = 0; i.back() < y.dim(-1); ++i.back()) {
        y.at(i) = (in[0].at(i) - largest) - log_sum;
      }
    });
  }
};

struct SoftmaxGradReference {
  template <typename T>
  static void Run(const LocalCall&, In<T> in, const View<T>& dx) {
    ForEachRowOf(dx.box(), [&](Dims i) {
      T sum{};
      for (i.back() = 0; i.back() < dx.dim(-1); ++i.back()) {
        sum += in[0].at(i) * in[1].at(i);
      }
      for (i.back() = 0; i.back() < dx.dim(-1); ++i.back()) {
        dx.at(i) = in[0].at(i) * (in[1].at(i) - sum);
      }
    });
  }
};

struct LogSoftmaxGradReference {
  template <typename T>
  static void Run(const LocalCall&, In<T> in, const View<T>& dx) {
    ForEachRowOf(dx.box(), [&](Dims i) {
      T sum{};
      for (i.back() = 0; i.back() < dx.dim(-1); ++i.back()) sum += in[1].at(i);
      for (i.back() = 0; i.back() < dx.dim(-1); ++i.back()) {
        dx.at(i) = in[1].at(i) - Exp(in[0].at(i)) * sum;
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

std::vector<Value> SoftmaxGradient(GraphBuilder& g, const CallSite& site, Value dy) {
  return {SoftmaxGrad(g, site.out, dy)};
}
std::vector<Value> LogSoftmaxGradient(GraphBuilder& g, const CallSite& site, Value dy) {
  return {LogSoftmaxGrad(g, site.out, dy)};
}

constexpr absl::string_view kNoGradient =
    "a gradient itself; second derivatives are not offered";

// Rows of at most 37 elements: the error bounds below use n = 37.
std::vector<OpSample> Samples() {
  return {{"rows", {{DType::kF32, {5, 6}}}, {}},
          {"attention", {{DType::kF32, {2, 3, 4, 37}}}, {}},
          {"one", {{DType::kF32, {3, 1}}}, {}},
          {"bf16", {{DType::kBF16, {4, 7}}}, {}}};
}

std::vector<OpSample> GradSamples(InputDomain y) {
  std::vector<OpSample> samples = Samples();
  for (OpSample& sample : samples) {
    sample.in.push_back(sample.in[0]);
    sample.domains = {y, {}};
  }
  return samples;
}

}  // namespace

Value Softmax(GraphBuilder& g, Value x) { return g.Call(SoftmaxOp(), {x}); }
Value LogSoftmax(GraphBuilder& g, Value x) { return g.Call(LogSoftmaxOp(), {x}); }
Value SoftmaxGrad(GraphBuilder& g, Value y, Value dy) {
  return g.Call(SoftmaxGradOp(), {y, dy});
}
Value LogSoftmaxGrad(GraphBuilder& g, Value y, Value dy) {
  return g.Call(LogSoftmaxGradOp(), {y, dy});
}

// In the bounds u = 2^-24 is half a unit of 1, and inputs are within [-1,1] but for the
// domains given in the samples.

const OpDef& SoftmaxOp() {
  static const OpDef kOp = {
      .name = "softmax",
      .summary = "exp(x) over its sum along the last dim",
      .infer = InferOne,
      .rule = RowsRule,
      .cost = RowsCost<5, -1>,
      .gradient = SoftmaxGradient,
      .reference = Reference::Of<SoftmaxReference>(),
      .kernels = absl::MakeConstSpan(kLoops<RunSoftmax>),
      // Relative: each exp 2u from its argument and 4u of its own, in numerator and
      // sum; n - 1 additions; reciprocal and product: (12 + 36 + 2) u of y <= 1.
      .error = ErrorModel{ErrorModel::kUlps, 25},
      .may_overwrite = 0,
      .absorb = nullptr,
      .narrow = Operands::All(),
      .samples = Samples,
  };
  return kOp;
}

const OpDef& LogSoftmaxOp() {
  static const OpDef kOp = {
      .name = "log_softmax",
      .summary = "x minus the logarithm of the sum of exp(x) along the last dim",
      .infer = InferOne,
      .rule = RowsRule,
      .cost = RowsCost<6, 0>,
      .gradient = LogSoftmaxGradient,
      .reference = Reference::Of<LogSoftmaxReference>(),
      .kernels = absl::MakeConstSpan(kLoops<RunLogSoftmax>),
      // Absolute: the sum's relative 6u + 36u becomes absolute, the logarithm (below 4)
      // adds 8u, its addition 5u, the difference (below 6) 6u: 61u, and some |y| or
      // |x| is at least 1/2.
      .error = ErrorModel{ErrorModel::kUlps, 61},
      .may_overwrite = 0,
      .absorb = nullptr,
      .narrow = Operands::All(),
      .samples = Samples,
  };
  return kOp;
}

const OpDef& SoftmaxGradOp() {
  static const OpDef kOp = {
      .name = "softmax_grad",
      .summary = "y (dy - sum of y dy along the last dim)",
      .infer = InferTwo,
      .rule = RowsRule,
      .cost = RowsCost<4, 0>,
      .gradient = Gradient::None(kNoGradient),
      .reference = Reference::Of<SoftmaxGradReference>(),
      .kernels = absl::MakeConstSpan(kLoops<RunSoftmaxGrad>),
      // y <= 1/8, so |sum| <= 37/8, off by 38u * 37/8 = 176u; difference and product
      // add 2u * 45/8: (176 + 12) u / 8 = 24u, and the largest |dy| is at least 1/4
      // even in the short rows.
      .error = ErrorModel{ErrorModel::kUlps, 48},
      .may_overwrite = 1,
      .absorb = nullptr,
      .narrow = Operands::All(),
      .samples =
          [] {
            return GradSamples({0, 0.125});
          },
  };
  return kOp;
}

const OpDef& LogSoftmaxGradOp() {
  static const OpDef kOp = {
      .name = "log_softmax_grad",
      .summary = "dy - exp(y) times the sum of dy along the last dim",
      .infer = InferTwo,
      .rule = RowsRule,
      .cost = RowsCost<4, 0>,
      .gradient = Gradient::None(kNoGradient),
      .reference = Reference::Of<LogSoftmaxGradReference>(),
      .kernels = absl::MakeConstSpan(kLoops<RunLogSoftmaxGrad>),
      // exp(y) <= exp(-2) < 1/7 and |sum| <= 37: the sum is off by 36u * 37, the
      // product by (36 + 5)u * 37/7 = 217u, the difference by 7u; |y| is at least 2.
      .error = ErrorModel{ErrorModel::kUlps, 56},
      .may_overwrite = 1,
      .absorb = nullptr,
      .narrow = Operands::All(),
      .samples =
          [] {
            return GradSamples({-4, -2});
          },
  };
  return kOp;
}

}  // namespace tatami
