#include "tests/differential/rounding_model.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "core/check.h"
#include "core/random.h"
#include "core/status_macros.h"
#include "ops/interpret.h"

namespace tatami::testing {
namespace {

using Vector = std::vector<double>;

constexpr double kUnit = 0x1p-24, kStoredUnit = 0x1p-8;  // of f32, of bf16

// Ops whose sums have terms of both signs inside: what to give the reference so that it
// adds magnitudes. '+' the magnitude, '-' its negative where the op subtracts the
// operand, '=' the operand itself. Each does fewer than kPerChannel roundings once for
// a channel, such as those of the reciprocal deviation.
struct SignedTerms {
  absl::string_view op, signs;
};
constexpr SignedTerms kSignedTerms[] = {
    {"batch_norm", "+-=++"},
    {"channel_variance", "=="},  // squares: the terms are their own magnitudes
    {"batch_norm_grad_sums", "+-=+"},
    {"batch_norm_input_grad", "+-=+-+"},
};
constexpr double kPerChannel = 12;

const SignedTerms* FindSignedTerms(const OpCall& call) {
  const auto known =
      std::find_if(std::begin(kSignedTerms), std::end(kSignedTerms),
                   [&](const auto& terms) { return terms.op == *call.op->name; });
  return known == std::end(kSignedTerms) ? nullptr : known;
}

bool Reduces(const IndexRule& rule) {
  return std::any_of(rule.factors.begin(), rule.factors.end(),
                     [](const Factor& f) { return f.kind == FactorKind::kReduce; });
}

Vector TermMagnitudes(const OpCall& call, std::vector<Vector> in) {
  const SignedTerms* known = FindSignedTerms(call);
  const absl::string_view signs = known == nullptr ? absl::string_view() : known->signs;
  for (size_t i = 0; i < in.size(); ++i) {
    const char sign = signs.empty() ? '+' : signs[i];
    if (sign == '=' || call.in[i].dtype == DType::kI32) continue;
    for (double& x : in[i]) x = sign == '-' ? -std::abs(x) : std::abs(x);
  }
  return ReferenceF64(call, in);
}

double Length(const Vector& a, const Vector& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return std::sqrt(sum);
}

Vector ToF64(DType dtype, const Bytes& bytes) {
  std::vector<float> x(bytes.size() / ByteSize(dtype));
  LoadAsFloat(dtype, bytes.data(), static_cast<int64_t>(x.size()), x.data());
  return {x.begin(), x.end()};
}

// Runs the steps in f64, first without noise, then with.
class F64Runner {
 public:
  F64Runner(const Graph& graph, const std::map<std::string, Bytes>& given,
            const RoundingOptions& options)
      : graph_(graph), given_(given), options_(options) {}

  F64Run Truth() {
    own_.clear();
    return Run([this](int, int c, const std::vector<Vector>& in, Vector& out) {
      own_.push_back(OwnRoundingOf(graph_.CallOf(c), in, out, options_.nodes));
    });
  }

  // REQUIRES: Truth() ran.
  F64Run Noisy(uint64_t seed) const {
    const size_t calls = graph_.calls.size();
    return Run([&](int step, int c, const std::vector<Vector>&, Vector& out) {
      const size_t at = step * calls + c;
      const OwnRounding& own = own_[at];
      const Dims& dims = graph_.values[graph_.calls[c].out].type.dims;
      const size_t channels = dims.empty() ? 1 : static_cast<size_t>(dims.back());
      const auto sign = [&](int kind, size_t index) {
        return RandomBits(seed, at * 3 + kind, index) & 1 ? 1.0 : -1.0;
      };
      for (size_t i = 0; i < own.element.size(); ++i) {
        if (out[i] == 0) continue;  // chosen by a relu or a mask, not rounded
        out[i] += own.element[i] * sign(0, i) + own.channel[i] * sign(1, i % channels) +
                  own.call[i] * sign(2, 0);
      }
    });
  }

 private:
  template <typename Visit>
  F64Run Run(Visit visit) const {
    std::vector<Vector> values(graph_.values.size());
    for (size_t v = 0; v < values.size(); ++v) {
      const GraphValue& value = graph_.values[v];
      if (value.kind == ValueKind::kComputed) continue;
      values[v] = GivenF64(value);
    }
    F64Run run;
    for (int step = 0; step < options_.steps; ++step) {
      for (size_t c = 0; c < graph_.calls.size(); ++c) {
        const GraphCall& call = graph_.calls[c];
        std::vector<Vector> in;
        for (const int v : call.in) in.push_back(values[v]);
        Vector out = ReferenceF64(graph_.CallOf(static_cast<int>(c)), in);
        visit(step, static_cast<int>(c), in, out);
        values[call.out] = std::move(out);
      }
      for (const auto& [name, v] : graph_.outputs) run.outputs[name] = values[v];
      std::vector<Vector> next;
      for (const auto& [state, v] : graph_.updates) next.push_back(values[v]);
      for (size_t u = 0; u < next.size(); ++u) {
        values[graph_.updates[u].first] = std::move(next[u]);
      }
    }
    for (size_t v = 0; v < values.size(); ++v) {
      const GraphValue& value = graph_.values[v];
      if (value.kind == ValueKind::kState) run.states[value.name] = values[v];
    }
    return run;
  }

  // Of an input: its part of what is fed.
  Vector GivenF64(const GraphValue& value) const {
    if (value.kind != ValueKind::kInput) {
      return ToF64(value.type.dtype, given_.at(value.name));
    }
    const Vector whole = ToF64(value.type.dtype, given_.at(value.fed_as));
    const auto begin = whole.begin() + value.part.index * value.type.num_elements();
    return {begin, begin + value.type.num_elements()};
  }

  const Graph& graph_;
  const std::map<std::string, Bytes>& given_;
  const RoundingOptions& options_;
  std::vector<OwnRounding> own_;  // by step and call
};

using Tensors = std::map<std::string, Vector>;

void AddSquares(const Tensors& noisy, const Tensors& truth,
                std::map<std::string, double>& squares) {
  for (const auto& [name, want] : truth) {
    const double length = Length(noisy.at(name), want);
    squares[name] += length * length;
  }
}

std::string FindExcess(const std::map<std::string, Bytes>& got, const Tensors& truth,
                       const std::map<std::string, double>& bounds, double* worst) {
  for (const auto& [name, want] : truth) {
    const double error = Length(ToF64(DType::kF32, got.at(name)), want);
    const double bound = bounds.at(name);
    if (worst != nullptr && bound > 0) *worst = std::max(*worst, error / bound);
    if (!(error <= bound)) {
      return absl::StrCat(name, " is off by ", error, ", allowed ", bound);
    }
  }
  return "";
}

// What a call rounds in f32, wherever it stores.
OwnRounding ArithmeticRoundingOf(const OpCall& call, const std::vector<Vector>& in,
                                 const Vector& out, int64_t nodes) {
  const ErrorModel& model = *call.op->error;
  if (model.kind == ErrorModel::kExact) return {};
  const Vector none(out.size(), 0);
  OwnRounding own{.element = none, .channel = none, .call = none};
  const IndexRule rule = (*call.op->rule)(call);
  const bool reduces = Reduces(rule);
  const SignedTerms* known = FindSignedTerms(call);
  const bool is_known = known != nullptr;
  if (model.kind == ErrorModel::kUlps && model.ulps <= 0.5) {
    // One correctly rounded operation.
    for (size_t e = 0; e < out.size(); ++e) own.element[e] = kUnit * std::abs(out[e]);
    return own;
  }
  if (model.kind == ErrorModel::kUlps && !is_known) {
    TATAMI_CHECK(!reduces) << *call.op->name << " sums, but its terms are not known";
    double largest = 0;
    for (size_t i = 0; i < in.size(); ++i) {
      if (call.in[i].dtype == DType::kI32) continue;
      for (const double x : in[i]) largest = std::max(largest, std::abs(x));
    }
    for (size_t e = 0; e < out.size(); ++e) {
      own.element[e] = model.ulps * 2 * kUnit * std::max(std::abs(out[e]), largest);
      own.call[e] = kUnit * std::abs(out[e]);
    }
    return own;
  }
  const OpCost cost = (*call.op->cost)(call, rule.WholeFactors());
  const double t =
      std::ceil(double(cost.total()) / double(std::max<size_t>(1, out.size()))) + 2 +
      (reduces ? double(nodes - 1) : 0);
  const Vector magnitudes = TermMagnitudes(call, in);
  for (size_t e = 0; e < out.size(); ++e) {
    const double m = std::abs(magnitudes[e]);
    own.element[e] = std::sqrt(t) * kUnit * m;
    own.channel[e] = is_known ? kPerChannel * kUnit * m : 0;
    own.call[e] = kUnit * m;
  }
  return own;
}

// Adds what storing in bf16 rounds: the result, and each sum of two of `nodes` parts.
void AddStorageRounding(const OpCall& call, const std::vector<Vector>& in,
                        const Vector& out, int64_t nodes, OwnRounding& own) {
  const ErrorModel& model = *call.op->error;
  const bool exact = model.kind == ErrorModel::kExact ||
                     (model.kind == ErrorModel::kUlps && model.ulps == 0);
  const bool from_f32 = std::any_of(call.in.begin(), call.in.end(), [](const auto& t) {
    return t.dtype == DType::kF32;
  });
  if (exact && !from_f32) return;  // moves what is stored in bf16 already
  if (own.element.empty()) {
    const Vector none(out.size(), 0);
    own = {.element = none, .channel = none, .call = none};
  }
  const bool sums = !exact && Reduces((*call.op->rule)(call));
  const Vector magnitudes = sums ? TermMagnitudes(call, in) : out;
  for (size_t e = 0; e < out.size(); ++e) {
    const double parts = sums ? double(nodes - 1) * magnitudes[e] * magnitudes[e] : 0;
    own.element[e] =
        std::hypot(own.element[e], kStoredUnit * std::sqrt(out[e] * out[e] + parts));
  }
}

}  // namespace

OwnRounding OwnRoundingOf(const OpCall& call, const std::vector<Vector>& in,
                          const Vector& out, int64_t nodes) {
  OwnRounding own = ArithmeticRoundingOf(call, in, out, nodes);
  if (call.out.dtype == DType::kBF16) AddStorageRounding(call, in, out, nodes, own);
  return own;
}

absl::StatusOr<RoundingModel> ModelRounding(const Graph& graph,
                                            const std::map<std::string, Bytes>& values,
                                            const RoundingOptions& options) {
  F64Runner runner(graph, values, options);
  RoundingModel model{.truth = runner.Truth()};
  for (int trial = 0; trial < options.trials; ++trial) {
    const F64Run noisy = runner.Noisy(100 + trial);
    AddSquares(noisy.outputs, model.truth.outputs, model.output_bounds);
    AddSquares(noisy.states, model.truth.states, model.state_bounds);
  }
  for (auto* bounds : {&model.output_bounds, &model.state_bounds}) {
    for (auto& [name, square] : *bounds) {
      square = kLambda * std::sqrt(square / options.trials);
    }
  }
  return model;
}

std::string FindExcess(const RunResult& got, const RoundingModel& model,
                       double* worst) {
  const std::string outputs =
      FindExcess(got.outputs, model.truth.outputs, model.output_bounds, worst);
  if (!outputs.empty()) return outputs;
  return FindExcess(got.states, model.truth.states, model.state_bounds, worst);
}

}  // namespace tatami::testing
