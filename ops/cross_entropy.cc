#include "ops/cross_entropy.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "ops/vector_math.h"

namespace tatami {
namespace {

// No i32 label is this.
constexpr int64_t kIgnoreNone = std::numeric_limits<int64_t>::min();

absl::Status CheckOperands(absl::Span<const TensorType> in, size_t count) {
  const bool ok = in.size() == count && in[0].rank() >= 1 &&
                  in[0].dtype != DType::kI32 && in[1].dtype == DType::kI32 &&
                  in[1].dims == Dims(in[0].dims.begin(), in[0].dims.end() - 1) &&
                  (count == 2 || in[2].dims == in[1].dims);
  if (ok) return absl::OkStatus();
  std::string got;
  for (const TensorType& type : in) absl::StrAppend(&got, " ", type.ToString());
  return MakeError(ErrorCode::kBadGraph,
                   absl::StrCat("cross entropy needs floating logits [..,classes] and "
                                "i32 labels [..]; got",
                                got));
}

absl::StatusOr<TensorType> InferLoss(const Attrs&, absl::Span<const TensorType> in) {
  if (absl::Status s = CheckOperands(in, 2); !s.ok()) return s;
  return TensorType{DType::kF32, in[1].dims};
}

// logits, labels, gradient by the row losses.
absl::StatusOr<TensorType> InferGrad(const Attrs&, absl::Span<const TensorType> in) {
  if (absl::Status s = CheckOperands(in, 3); !s.ok()) return s;
  return in[0];
}

// Rows are parallel; a softmax needs all classes.
IndexRule Rule(const OpCall& call) {
  const TensorType& logits = call.in[0];
  IndexRule rule;
  OperandRule row;
  for (int d = 0; d + 1 < logits.rank(); ++d) {
    rule.factors.push_back(
        {absl::StrCat("d", d), logits.dim(d), FactorKind::kParallel});
    row.push_back({d, {}});
  }
  rule.factors.push_back({"classes", logits.dim(-1), FactorKind::kWhole});
  OperandRule full = row;
  full.push_back({logits.rank() - 1, {}});
  rule.inputs = {full, row};
  rule.output = call.in.size() == 2 ? row : full;
  if (call.in.size() == 3) rule.inputs.push_back(row);
  return rule;
}

// Per class: 5 of the loss (max, subtract, exp, two sums); the gradient takes 9 in all.
OpCost Cost(const OpCall& call, const Box& factors) {
  const int64_t classes = factors.back().size();
  const int64_t rows = classes == 0 ? 0 : NumElements(factors) / classes;
  const int64_t per_row = call.in.size() == 2 ? 5 * classes + 6 : 9 * classes + 1;
  return {.vector_flops = rows * per_row};
}

struct Settings {
  explicit Settings(const OpCall& call)
      : ignore(call.attrs.Int("ignore_label")),
        smoothing(call.attrs.Double("label_smoothing")),
        classes(call.in[0].dim(-1)) {}
  bool IsClass(int64_t label) const { return 0 <= label && label < classes; }
  int64_t ignore;
  double smoothing;
  int64_t classes;
};

// The maximum of a row and the sum of exp(x - maximum); at(c) is logit c.
template <typename T, typename At>
std::pair<T, T> MaxAndSum(int64_t classes, const At& at) {
  T best(-std::numeric_limits<double>::infinity());
  for (int64_t c = 0; c < classes; ++c) best = Max(best, at(c));
  T sum(0);
  for (int64_t c = 0; c < classes; ++c) sum += vector_math::Exp(at(c) - best);
  return {best, sum};
}

struct LossReference {
  template <typename T>
  static void Run(const LocalCall& at, In<T> in, const View<T>& out) {
    const Settings set(*at.call);
    ForEachPoint(out.box(), [&](absl::Span<const int64_t> row) {
      Dims index(row.begin(), row.end());
      index.push_back(0);
      const auto logit = [&](int64_t c) {
        index.back() = c;
        return in[0].at(index);
      };
      const auto [best, sum] = MaxAndSum<T>(set.classes, logit);
      T total(0);
      for (int64_t c = 0; c < set.classes; ++c) total += logit(c);
      const int64_t label = AsIndex(in[1].at(row));
      const T chosen = set.IsClass(label) ? logit(label) : T(NAN);
      const T loss = Log(sum) + best - T(1 - set.smoothing) * chosen -
                     T(set.smoothing / set.classes) * total;
      out.at(row) = label == set.ignore ? T(0) : loss;
    });
  }
};

struct GradReference {
  template <typename T>
  static void Run(const LocalCall& at, In<T> in, const View<T>& out) {
    const Settings set(*at.call);
    ForEachPoint(at.in[1], [&](absl::Span<const int64_t> row) {
      Dims index(row.begin(), row.end());
      index.push_back(0);
      const auto logit = [&](int64_t c) {
        index.back() = c;
        return in[0].at(index);
      };
      const auto [best, sum] = MaxAndSum<T>(set.classes, logit);
      const int64_t label = AsIndex(in[1].at(row));
      const bool ignored = label == set.ignore;
      const T d = set.IsClass(label) || ignored ? in[2].at(row) : T(NAN);
      const T share = T(1) / sum;
      for (int64_t c = 0; c < set.classes; ++c) {
        const T softmax = vector_math::Exp(logit(c) - best) * share;
        const T target((c == label ? 1 - set.smoothing : 0) +
                       set.smoothing / set.classes);
        const T gradient = (softmax - target) * d;
        out.at(index) = ignored ? T(0) : gradient;
      }
    });
  }
};

absl::Status SupportsF32(const LocalCall& call) {
  if (call.call->in[0].dtype != DType::kF32) {
    return absl::UnimplementedError("the logits are not f32");
  }
  if (call.call->in.size() == 3 && call.call->in[2].dtype != DType::kF32) {
    return absl::UnimplementedError("the gradient is not f32");
  }
  return absl::OkStatus();
}

// exp(x - max) of a row into `to`, and their sum, in double so that the error does not
// grow with the number of classes.
double ExpRow(const float* x, int64_t classes, float* to, float& best) {
  best = *std::max_element(x, x + classes);
  const float top = best;
  for (int64_t c = 0; c < classes; ++c) to[c] = vector_math::ExpF32(x[c] - top);
  double sum = 0;
  for (int64_t c = 0; c < classes; ++c) sum += to[c];
  return sum;
}

void RunLoss(const LocalCall& at, absl::Span<const std::byte* const> in,
             std::byte* out) {
  const Settings set(*at.call);
  const auto* x = reinterpret_cast<const float*>(in[0]);
  const auto* labels = reinterpret_cast<const int32_t*>(in[1]);
  auto* losses = reinterpret_cast<float*>(out);
  std::vector<float> exps(set.classes);
  const int64_t rows = NumElements(at.out);
  for (int64_t r = 0; r < rows; ++r, x += set.classes) {
    const int64_t label = labels[r];
    float best = 0;
    const double sum = ExpRow(x, set.classes, exps.data(), best);
    double total = 0;
    if (set.smoothing != 0) {
      for (int64_t c = 0; c < set.classes; ++c) total += x[c];
    }
    const double chosen = set.IsClass(label) ? x[label] : NAN;
    const double loss = std::log(sum) + best - (1 - set.smoothing) * chosen -
                        set.smoothing / set.classes * total;
    losses[r] = label == set.ignore ? 0 : static_cast<float>(loss);
  }
}

void RunGrad(const LocalCall& at, absl::Span<const std::byte* const> in,
             std::byte* out) {
  const Settings set(*at.call);
  const auto* x = reinterpret_cast<const float*>(in[0]);
  const auto* labels = reinterpret_cast<const int32_t*>(in[1]);
  const auto* d = reinterpret_cast<const float*>(in[2]);
  auto* dx = reinterpret_cast<float*>(out);
  const auto spread = static_cast<float>(set.smoothing / set.classes);
  const int64_t rows = NumElements(at.in[1]);
  for (int64_t r = 0; r < rows; ++r, x += set.classes, dx += set.classes) {
    const int64_t label = labels[r];
    if (label == set.ignore) {
      std::fill_n(dx, set.classes, 0.0f);
      continue;
    }
    if (!set.IsClass(label)) {
      std::fill_n(dx, set.classes, NAN);
      continue;
    }
    float best = 0;
    const auto share = static_cast<float>(1 / ExpRow(x, set.classes, dx, best));
    const float chosen = dx[label] * share;
    const float scale = d[r];
    for (int64_t c = 0; c < set.classes; ++c) dx[c] = (dx[c] * share - spread) * scale;
    dx[label] =
        (chosen - static_cast<float>(1 - set.smoothing + set.smoothing / set.classes)) *
        scale;
  }
}

template <KernelFn kRun>
constexpr Kernel kKernels[] = {
    {"rows", SupportsF32, nullptr,
     [](const LocalCall&) -> absl::StatusOr<std::shared_ptr<PreparedKernel>> {
       return MakeSimpleKernel(kRun);
     }}};

std::vector<Value> LossGradient(GraphBuilder& g, const CallSite& site, Value d) {
  return {g.Call(CrossEntropyGradOp(), {site.in[0], site.in[1], d}, site.attrs),
          Value{}};
}

std::vector<OpSample> Samples(bool gradient) {
  const auto sample = [&](std::string name, DType dtype, Dims rows, int64_t classes,
                          int64_t ignore, double smoothing) {
    Dims full = rows;
    full.push_back(classes);
    const InputDomain labels{0, static_cast<double>(classes - 1), true};
    OpSample s{std::move(name),
               {TensorType{dtype, full}, TensorType{DType::kI32, rows}},
               Attrs{{"ignore_label", ignore}, {"label_smoothing", smoothing}},
               {{-3, 3}, labels}};
    if (gradient) {
      s.in.push_back(TensorType{DType::kF32, rows});
      s.domains.push_back({});
    }
    return s;
  };
  return {sample("plain", DType::kF32, {5}, 7, kIgnoreNone, 0),
          sample("image", DType::kF32, {2, 3, 4}, 3, kIgnoreNone, 0),
          sample("ignore", DType::kF32, {9}, 4, 1, 0),
          sample("smooth", DType::kF32, {3, 2}, 11, kIgnoreNone, 0.1),
          sample("smooth_ignore", DType::kF32, {8}, 3, 2, 0.3),
          sample("one_row", DType::kF32, {}, 5, kIgnoreNone, 0),
          sample("bf16", DType::kBF16, {4}, 6, kIgnoreNone, 0)};
}

}  // namespace

Value CrossEntropyRows(GraphBuilder& g, Value logits, Value labels,
                       CrossEntropyOptions options) {
  return g.Call(CrossEntropyOp(), {logits, labels},
                Attrs{{"ignore_label", options.ignore_label.value_or(kIgnoreNone)},
                      {"label_smoothing", options.label_smoothing}});
}

const OpDef& CrossEntropyOp() {
  static const OpDef kOp = {
      .name = "cross_entropy",
      .summary = "the cross entropy of each row's softmax with its label",
      .infer = InferLoss,
      .rule = Rule,
      .cost = Cost,
      .gradient = LossGradient,
      .reference = Reference::Of<LossReference>(),
      .kernels = absl::MakeConstSpan(kKernels<RunLoss>),
      // The kernel rounds once after exp within 2 ulps; the f32 reference sums classes
      // one by one, so this holds for it up to some 16 classes.
      .error = ErrorModel{ErrorModel::kUlps, 8},
      .may_overwrite = kNoAlias,
      .absorb = nullptr,
      .narrow = Operands::None(),
      .samples = [] { return Samples(/*gradient=*/false); },
  };
  return kOp;
}

const OpDef& CrossEntropyGradOp() {
  static const OpDef kOp = {
      .name = "cross_entropy_grad",
      .summary = "the gradient of cross_entropy by the logits",
      .infer = InferGrad,
      .rule = Rule,
      .cost = Cost,
      .gradient = Gradient::None("gradients are not differentiated again"),
      .reference = Reference::Of<GradReference>(),
      .kernels = absl::MakeConstSpan(kKernels<RunGrad>),
      .error = ErrorModel{ErrorModel::kUlps, 8},
      .may_overwrite = kNoAlias,
      .absorb = nullptr,
      .narrow = Operands::None(),
      .samples = [] { return Samples(/*gradient=*/true); },
  };
  return kOp;
}

}  // namespace tatami
