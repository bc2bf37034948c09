#include "ops/dropout.h"

#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "core/random.h"

namespace tatami {
namespace {

using Types = absl::Span<const TensorType>;

absl::StatusOr<TensorType> InferDropout(const Attrs& attrs, Types in) {
  const double p = attrs.Double("probability");
  const auto fail = [&](absl::string_view what) {
    return MakeError(ErrorCode::kBadGraph,
                     absl::StrCat("dropout needs ", what, "; got ",
                                  in.empty() ? "none" : in[0].ToString(), ", step ",
                                  in.size() < 2 ? "none" : in[1].ToString(),
                                  " and probability ", p));
  };
  if (in.size() != 2 || in[0].dtype == DType::kI32) {
    return fail("a floating operand and the step");
  }
  if (in[1] != TensorType{DType::kF32, {}}) return fail("a step of type f32[]");
  if (!(p >= 0 && p < 1)) return fail("a probability in [0, 1)");
  return in[0];
}

IndexRule DropoutRule(const OpCall& call) {
  return PointwiseRule(call.in, call.out);  // the scalar step broadcasts
}

// One multiply per element, by the scale or by zero.
OpCost DropoutCost(const OpCall&, const Box& factors) {
  return {.vector_flops = NumElements(factors)};
}

std::vector<Value> DropoutGradient(GraphBuilder& g, const CallSite& site, Value d_out) {
  return {g.Call(DropoutOp(), {d_out, site.in[1]}, site.attrs), Value{}};
}

// Element e of part i of a batch is element e + i * n of the whole, for parts of n.
Attrs DropoutOfPart(const OpCall& call, int64_t index) {
  Attrs attrs = call.attrs;
  attrs.Set("first", attrs.Int("first") + index * call.out.num_elements());
  return attrs;
}

// The factor of each element: 0 or 1 / (1 - p).
class Mask {
 public:
  Mask(const OpCall& call, int64_t step)
      : probability_(call.attrs.Double("probability")),
        scale_(1 / (1 - probability_)),
        seed_(static_cast<uint64_t>(call.attrs.Int("seed"))),
        // The multiplier of splitmix64 spreads consecutive steps over all 64 bits.
        stream_(static_cast<uint64_t>(call.attrs.Int("stream")) ^
                (static_cast<uint64_t>(step) * 0x9E3779B97F4A7C15)),
        first_(call.attrs.Int("first")),
        dims_(call.out.dims) {}

  // The number by which a point of the whole tensor draws: its row-major position
  // behind the first.
  int64_t Linear(absl::Span<const int64_t> point) const {
    int64_t linear = 0;
    for (size_t d = 0; d < dims_.size(); ++d) linear = linear * dims_[d] + point[d];
    return first_ + linear;
  }
  double Factor(int64_t linear) const {
    const auto index = static_cast<uint64_t>(linear);
    return RandomUniform(seed_, stream_, index) >= probability_ ? scale_ : 0;
  }

 private:
  double probability_, scale_;
  uint64_t seed_, stream_;
  int64_t first_;
  Dims dims_;
};

struct DropoutReference {
  template <typename T>
  static void Run(const LocalCall& at, In<T> in, const View<T>& out) {
    if (IsEmpty(out.box())) return;
    const Mask mask(*at.call, AsIndex(in[1]()));
    ForEachPoint(out.box(), [&](absl::Span<const int64_t> o) {
      out.at(o) = in[0].at(o) * static_cast<T>(mask.Factor(mask.Linear(o)));
    });
  }
};

// Row by row of the innermost dim; products are formed in double and rounded once. In
// place when in[0] == out.
void RunDropout(const LocalCall& at, absl::Span<const std::byte* const> in,
                std::byte* out) {
  if (IsEmpty(at.out)) return;
  const DType dtype = at.call->out.dtype;
  float step = 0;
  LoadAsFloat(DType::kF32, in[1], 1, &step);
  const Mask mask(*at.call, AsIndex(step));
  Box starts = at.out;  // the first element of each row
  const int64_t length = starts.empty() ? 1 : starts.back().size();
  if (!starts.empty()) starts.back().end = starts.back().begin + 1;
  const int64_t row_bytes = length * ByteSize(dtype);
  std::vector<float> row(length);
  const std::byte* from = in[0];
  ForEachPoint(starts, [&](absl::Span<const int64_t> start) {
    const int64_t first = mask.Linear(start);
    LoadAsFloat(dtype, from, length, row.data());
    for (int64_t i = 0; i < length; ++i) {
      row[i] = static_cast<float>(row[i] * mask.Factor(first + i));
    }
    StoreFromFloat(dtype, row.data(), length, out);
    from += row_bytes;
    out += row_bytes;
  });
}

absl::Status Supports(const LocalCall&) { return absl::OkStatus(); }
absl::StatusOr<std::shared_ptr<PreparedKernel>> Prepare(const LocalCall&) {
  return MakeSimpleKernel(RunDropout);
}
constexpr Kernel kKernels[] = {{"loops", Supports, nullptr, Prepare}};

std::vector<OpSample> DropoutSamples() {
  const auto sample = [](std::string name, Dims dims, double probability,
                         DType dtype = DType::kF32, int64_t first = 0) {
    return OpSample{std::move(name),
                    {{dtype, std::move(dims)}, {DType::kF32, {}}},
                    {{"probability", probability},
                     {"seed", int64_t{7}},
                     {"stream", int64_t{-3}},
                     {"first", first}},
                    {InputDomain{}, InputDomain{0, 1000, true}}};
  };
  return {sample("half", {4, 5, 6}, 0.5),
          sample("rare", {3, 37}, 0.1),
          sample("never", {4, 3}, 0.0),
          sample("scalar", {}, 0.3),
          sample("bf16", {5, 9}, 0.4, DType::kBF16),
          sample("second_part", {3, 7}, 0.4, DType::kF32, 21)};
}

}  // namespace

Value Dropout(GraphBuilder& g, Value x, Value step, DropoutOptions options) {
  return g.Call(DropoutOp(), {x, step},
                Attrs{{"probability", options.probability},
                      {"seed", options.seed},
                      {"stream", options.stream},
                      {"first", int64_t{0}}});
}

const OpDef& DropoutOp() {
  static const OpDef kOp = {
      .name = "dropout",
      .summary = "x / (1 - p) where a counter-based random mask keeps it, else 0",
      .infer = InferDropout,
      .rule = DropoutRule,
      .cost = DropoutCost,
      .gradient = DropoutGradient,
      .reference = Reference::Of<DropoutReference>(),
      .kernels = absl::MakeConstSpan(kKernels),
      // The f32 reference rounds the scale and the product; the kernel the product
      // only.
      .error = ErrorModel{ErrorModel::kUlps, 2},
      .may_overwrite = 0,
      .absorb = nullptr,
      .narrow = Operands::Of({0}),
      .samples = DropoutSamples,
      .of_part = DropoutOfPart,
  };
  return kOp;
}

}  // namespace tatami
