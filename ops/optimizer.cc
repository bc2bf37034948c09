#include "ops/optimizer.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "ops/arithmetic.h"
#include "ops/cast.h"
#include "ops/fill.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"

namespace tatami {
namespace {

constexpr Gradient kNone =
    Gradient::None("nothing is differentiated through an update");

template <typename T>
T OneMinusPower(double base, T exponent) {
  // Through expm1: 1 - 0.999 in f32 would lose four digits.
  return T(-std::expm1(static_cast<double>(exponent) * std::log(base)));
}
template <>
Counted OneMinusPower(double base, Counted exponent) {
  return Count(-std::expm1(exponent.value * std::log(base)));
}

// keep * old + (1 - keep) * x
struct BlendF {
  static constexpr int kArity = 2;
  static constexpr int64_t kFlops = 3;
  explicit BlendF(const Attrs& attrs) : keep(attrs.Double("keep")) {}
  template <typename T>
  T operator()(T old, T x) const {
    return T(keep) * old + T(1 - keep) * x;
  }
  double keep;
};
struct BlendSquareF : BlendF {
  static constexpr int64_t kFlops = 4;
  using BlendF::BlendF;
  template <typename T>
  T operator()(T old, T x) const {
    return T(keep) * old + T(1 - keep) * (x * x);
  }
};
struct OneMinusPowerF {
  static constexpr int kArity = 1;
  static constexpr int64_t kFlops = 1;
  explicit OneMinusPowerF(const Attrs& attrs) : base(attrs.Double("base")) {}
  template <typename T>
  T operator()(T exponent) const {
    return OneMinusPower<T>(base, exponent);
  }
  double base;
};
// p (1 - lr decay) - size m / (sqrt(v) / root + epsilon), with size = lr / (1 -
// beta1^t) and root = sqrt(1 - beta2^t).
struct AdamWUpdateF {
  static constexpr int kArity = 6;
  static constexpr int64_t kFlops = 9;
  explicit AdamWUpdateF(const Attrs& attrs)
      : epsilon(attrs.Double("epsilon")), decay(attrs.Double("weight_decay")) {}
  template <typename T>
  T operator()(T p, T m, T v, T lr, T size, T root) const {
    const T scale = Sqrt(v) / root + T(epsilon);
    return p * (T(1) - lr * T(decay)) - size * m / scale;
  }
  double epsilon, decay;
};
// momentum * velocity + gradient + decay * p
struct SgdVelocityF {
  static constexpr int kArity = 3;
  static constexpr int64_t kFlops = 4;
  explicit SgdVelocityF(const Attrs& attrs)
      : momentum(attrs.Double("momentum")), decay(attrs.Double("weight_decay")) {}
  template <typename T>
  T operator()(T velocity, T gradient, T p) const {
    return T(momentum) * velocity + (gradient + T(decay) * p);
  }
  double momentum, decay;
};
struct SubScaledF : NoAttrs {
  using NoAttrs::NoAttrs;
  static constexpr int kArity = 3;
  static constexpr int64_t kFlops = 2;
  template <typename T>
  T operator()(T p, T direction, T scale) const {
    return p - scale * direction;
  }
};

TensorType F32(Dims dims) { return {DType::kF32, std::move(dims)}; }

// `arrays` operands of one shape, then `scalars` of shape [].
std::vector<OpSample> UpdateSamples(int arrays, int scalars, Attrs attrs,
                                    InputDomain domain) {
  std::vector<OpSample> samples;
  for (const Dims& dims : {Dims{3, 5}, Dims{2, 300}, Dims{}}) {
    OpSample s{absl::StrCat("rank", dims.size(), "_", NumElements(dims)), {}, attrs};
    s.in.assign(arrays, F32(dims));
    s.in.insert(s.in.end(), scalars, F32({}));
    s.domains.assign(arrays + scalars, domain);
    samples.push_back(std::move(s));
  }
  OpSample bf16 = samples[0];
  bf16.name = "bf16";
  for (TensorType& type : bf16.in) type.dtype = DType::kBF16;
  samples.push_back(std::move(bf16));
  return samples;
}

// A zero state of the parameter's shape, named after it.
Value Moment(GraphBuilder& g, Value param, absl::string_view what) {
  const std::string name = g.graph().values[param.id].name;
  return g.State(absl::StrCat(name, ".", what), F32(g.type(param).dims), {},
                 /*trainable=*/false);
}

void UpdateParam(GraphBuilder& g, Value param, Value next) {
  g.Update(param, Cast(g, next, g.type(param).dtype));
}

}  // namespace

void AddAdamW(GraphBuilder& g, std::vector<Value> params, std::vector<Value> grads,
              Value learning_rate, Value step, AdamWOptions options) {
  const auto correction = [&](double beta) {
    return g.Call(OneMinusPowerOp(), {step}, Attrs{{"base", beta}});
  };
  const Value size = Div(g, learning_rate, correction(options.beta1));
  const Value root = Sqrt(g, correction(options.beta2));
  for (size_t i = 0; i < params.size(); ++i) {
    if (!params[i].valid() || !grads[i].valid()) continue;
    const Value p = Cast(g, params[i], DType::kF32);
    const Value d = Cast(g, grads[i], DType::kF32);
    const Value m = Moment(g, params[i], "adam_m"), v = Moment(g, params[i], "adam_v");
    const Value next_m = g.Call(BlendOp(), {m, d}, Attrs{{"keep", options.beta1}});
    const Value next_v =
        g.Call(BlendSquareOp(), {v, d}, Attrs{{"keep", options.beta2}});
    const Value next_p = g.Call(
        AdamWUpdateOp(), {p, next_m, next_v, learning_rate, size, root},
        Attrs{{"epsilon", options.epsilon}, {"weight_decay", options.weight_decay}});
    g.Update(m, next_m);
    g.Update(v, next_v);
    UpdateParam(g, params[i], next_p);
  }
}

void AddSgd(GraphBuilder& g, std::vector<Value> params, std::vector<Value> grads,
            Value learning_rate, SgdOptions options) {
  const auto accumulate = [&](Value velocity, Value d, Value p, double momentum) {
    return g.Call(
        SgdVelocityOp(), {velocity, d, p},
        Attrs{{"momentum", momentum}, {"weight_decay", options.weight_decay}});
  };
  for (size_t i = 0; i < params.size(); ++i) {
    if (!params[i].valid() || !grads[i].valid()) continue;
    const Value p = Cast(g, params[i], DType::kF32);
    const Value d = Cast(g, grads[i], DType::kF32);
    Value direction = d;
    if (options.momentum != 0) {
      const Value velocity = Moment(g, params[i], "sgd_velocity");
      const Value next = accumulate(velocity, d, p, options.momentum);
      g.Update(velocity, next);
      direction =
          options.nesterov != 0 ? accumulate(next, d, p, options.momentum) : next;
    } else if (options.weight_decay != 0) {
      direction = accumulate(d, d, p, 0);
    }
    UpdateParam(g, params[i], g.Call(SubScaledOp(), {p, direction, learning_rate}));
  }
}

Value GlobalNorm(GraphBuilder& g, const std::vector<Value>& grads) {
  Value sum;
  for (Value d : grads) {
    if (!d.valid()) continue;
    const Value part = ReduceSumSquares(g, Cast(g, d, DType::kF32), AllDims(g.type(d)));
    sum = sum.valid() ? Add(g, sum, part) : part;
  }
  return sum.valid() ? Sqrt(g, sum) : Fill(g, F32({}), 0);
}

std::vector<Value> ClipByGlobalNorm(GraphBuilder& g, const std::vector<Value>& grads,
                                    double max_norm, Value* norm) {
  const Value length = GlobalNorm(g, grads);
  if (norm != nullptr) *norm = length;
  const Value scale =
      Clamp(g, Div(g, Fill(g, F32({}), max_norm), Affine(g, length, 1, 1e-6)), 0, 1);
  std::vector<Value> clipped;
  for (Value d : grads) {
    clipped.push_back(d.valid() ? Mul(g, d, Cast(g, scale, g.type(d).dtype)) : d);
  }
  return clipped;
}

const OpDef& BlendOp() {
  static const OpDef kOp = MakePointwiseOp<BlendF>(
      "blend", "keep old + (1 - keep) x", kNone, 2,
      [] {
        return UpdateSamples(2, 0, Attrs{{"keep", 0.9}}, {});
      },
      Operands::None());
  return kOp;
}
const OpDef& BlendSquareOp() {
  static const OpDef kOp = MakePointwiseOp<BlendSquareF>(
      "blend_square", "keep old + (1 - keep) x^2", kNone, 2,
      [] {
        return UpdateSamples(2, 0, Attrs{{"keep", 0.999}}, {});
      },
      Operands::None());
  return kOp;
}
const OpDef& OneMinusPowerOp() {
  static const OpDef kOp = MakePointwiseOp<OneMinusPowerF>(
      "one_minus_power", "1 - base^x", kNone, 0.5,
      [] {
        return UpdateSamples(0, 1, Attrs{{"base", 0.999}}, {1, 3});
      },
      Operands::None());
  return kOp;
}
const OpDef& AdamWUpdateOp() {
  static const OpDef kOp = MakePointwiseOp<AdamWUpdateF>(
      "adamw_update", "the parameter after one step of AdamW", kNone, 6,
      [] {
        const Attrs attrs{{"epsilon", 1e-8}, {"weight_decay", 0.01}};
        return UpdateSamples(3, 3, attrs, {0.1, 1});
      },
      Operands::None());
  return kOp;
}
const OpDef& SgdVelocityOp() {
  static const OpDef kOp = MakePointwiseOp<SgdVelocityF>(
      "sgd_velocity", "momentum velocity + gradient + decay p", kNone, 4,
      [] {
        const Attrs attrs{{"momentum", 0.9}, {"weight_decay", 0.01}};
        return UpdateSamples(3, 0, attrs, {});
      },
      Operands::None());
  return kOp;
}
const OpDef& SubScaledOp() {
  static const OpDef kOp = MakePointwiseOp<SubScaledF>(
      "sub_scaled", "p - scale direction", kNone, 2,
      [] { return UpdateSamples(2, 1, {}, {}); }, Operands::None());
  return kOp;
}

}  // namespace tatami
