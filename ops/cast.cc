#include "ops/cast.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "core/status_macros.h"

namespace tatami {
namespace {

absl::StatusOr<TensorType> InferCast(const Attrs& attrs,
                                     absl::Span<const TensorType> in) {
  if (in.size() != 1) {
    return MakeError(ErrorCode::kBadGraph,
                     absl::StrCat("cast needs one operand; got ", in.size()));
  }
  TATAMI_ASSIGN_OR_RETURN(const DType dtype, ParseDType(attrs.String("dtype")));
  return TensorType{dtype, in[0].dims};
}

IndexRule CastRule(const OpCall& call) { return PointwiseRule(call.in, call.out); }

OpCost CastCost(const OpCall&, const Box&) { return {}; }

std::vector<Value> CastGradient(GraphBuilder& g, const CallSite& site, Value d) {
  const DType from = g.type(site.in[0]).dtype;
  if (from == DType::kI32 || g.type(site.out).dtype == DType::kI32) return {Value{}};
  return {Cast(g, d, from)};
}

// Rounding to f32 and bf16 is what storing does; only truncation changes the value
// here.
struct CastReference {
  template <typename T>
  static void Run(const LocalCall& at, In<T> in, const View<T>& out) {
    const bool truncates = at.call->out.dtype == DType::kI32;
    ForEachPoint(out.box(), [&](absl::Span<const int64_t> o) {
      const T x = in[0].at(o);
      out.at(o) = truncates ? T(std::trunc(static_cast<double>(x))) : x;
    });
  }
};

void RunCast(const LocalCall& at, absl::Span<const std::byte* const> in,
             std::byte* out) {
  const DType from = at.call->in[0].dtype, to = at.call->out.dtype;
  const int64_t n = NumElements(at.out);
  if (from == DType::kF32) {
    StoreFromFloat(to, reinterpret_cast<const float*>(in[0]), n, out);
    return;
  }
  if (to == DType::kF32) {
    LoadAsFloat(from, in[0], n, reinterpret_cast<float*>(out));
    return;
  }
  constexpr int64_t kChunk = 256;
  float wide[kChunk];
  for (int64_t i = 0; i < n; i += kChunk) {
    const int64_t size = std::min(kChunk, n - i);
    LoadAsFloat(from, in[0] + i * ByteSize(from), size, wide);
    StoreFromFloat(to, wide, size, out + i * ByteSize(to));
  }
}

constexpr Kernel kCastKernels[] = {
    {"convert",
     [](const LocalCall& call) {
       // i32 to i32 would pass through f32, which is exact only up to 2^24.
       return call.call->in[0].dtype == call.call->out.dtype
                  ? absl::UnimplementedError("the element type does not change")
                  : absl::OkStatus();
     },
     nullptr,
     [](const LocalCall&) -> absl::StatusOr<std::shared_ptr<PreparedKernel>> {
       return MakeSimpleKernel(RunCast);
     }}};

std::vector<OpSample> CastSamples() {
  std::vector<OpSample> samples;
  const DType all[] = {DType::kF32, DType::kBF16, DType::kI32};
  for (DType from : all) {
    for (DType to : all) {
      samples.push_back({absl::StrCat(Name(from), "_to_", Name(to)),
                         {TensorType{from, {3, 100}}},
                         Attrs{{"dtype", std::string(Name(to))}},
                         {{-5, 5, from == DType::kI32}}});
    }
  }
  return samples;
}

}  // namespace

Value Cast(GraphBuilder& g, Value x, DType dtype) {
  if (g.type(x).dtype == dtype) return x;
  return g.Call(CastOp(), {x}, Attrs{{"dtype", std::string(Name(dtype))}});
}

const OpDef& CastOp() {
  static const OpDef kOp = {
      .name = "cast",
      .summary = "the same numbers in another element type",
      .infer = InferCast,
      .rule = CastRule,
      .cost = CastCost,
      .gradient = CastGradient,
      .reference = Reference::Of<CastReference>(),
      .kernels = absl::MakeConstSpan(kCastKernels),
      .error = ErrorModel{ErrorModel::kExact},
      .may_overwrite = kNoAlias,
      .absorb = nullptr,
      .narrow = Operands::All(),
      .samples = CastSamples,
  };
  return kOp;
}

}  // namespace tatami
