// Everything the system knows about matmul; the oneDNN call is in ops/kernels.
#include "ops/matmul.h"

#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "core/status_macros.h"
#include "ops/cast.h"
#include "ops/kernels/onednn_matmul.h"
#include "ops/result_type.h"

namespace tatami {
namespace {

using Types = absl::Span<const TensorType>;

absl::StatusOr<TensorType> InferMatmul(const Attrs& attrs, Types in) {
  const auto fail = [&](absl::string_view what) {
    return MakeError(ErrorCode::kBadGraph,
                     absl::StrCat("matmul needs ", what, "; got A ",
                                  in.empty() ? "" : in[0].ToString(), " and B ",
                                  in.size() < 2 ? "" : in[1].ToString()));
  };
  if (in.size() != 2) return fail("two operands");
  const TensorType &a = in[0], &b = in[1];
  if (a.rank() < 2 || a.rank() != b.rank()) return fail("operands of equal rank >= 2");
  if (a.dtype != b.dtype || a.dtype == DType::kI32) return fail("one floating type");
  const bool ta = attrs.Int("transpose_a"), tb = attrs.Int("transpose_b");
  TATAMI_ASSIGN_OR_RETURN(const DType dtype, ResultType(attrs, a.dtype));
  TensorType out{dtype, a.dims};
  for (int d = 0; d < a.rank() - 2; ++d) {
    if (a.dim(d) != b.dim(d)) return fail("equal leading dims");
  }
  if (a.dim(ta ? -2 : -1) != b.dim(tb ? -1 : -2))
    return fail("A[..,m,k] and B[..,k,n] with equal k");
  out.dims[a.rank() - 2] = a.dim(ta ? -1 : -2);
  out.dims[a.rank() - 1] = b.dim(tb ? -2 : -1);
  return out;
}

// Factors: leading dims, then m, n (parallel) and k (reduce).
IndexRule MatmulRule(const OpCall& call) {
  const int lead = call.out.rank() - 2;
  const bool ta = call.attrs.Int("transpose_a"), tb = call.attrs.Int("transpose_b");
  IndexRule rule;
  OperandRule batch;
  for (int d = 0; d < lead; ++d) {
    rule.factors.push_back(
        {absl::StrCat("b", d), call.out.dim(d), FactorKind::kParallel});
    batch.push_back({d, {}});
  }
  const int m = lead, n = lead + 1, k = lead + 2;
  rule.factors.push_back({"m", call.out.dim(-2), FactorKind::kParallel});
  rule.factors.push_back({"n", call.out.dim(-1), FactorKind::kParallel});
  rule.factors.push_back({"k", call.in[0].dim(ta ? -2 : -1), FactorKind::kReduce});
  const auto operand = [&](int first, int second) {
    OperandRule o = batch;
    o.push_back({first, {}});
    o.push_back({second, {}});
    return o;
  };
  rule.inputs = {ta ? operand(k, m) : operand(m, k),
                 tb ? operand(n, k) : operand(k, n)};
  rule.output = operand(m, n);
  return rule;
}

// One multiply and one add per point of the factor box.
OpCost MatmulCost(const OpCall&, const Box& factors) {
  return {.matrix_flops = 2 * NumElements(factors)};
}

// dA = dC B^T and dB = A^T dC, with the transposes folded into the attributes.
std::vector<Value> MatmulGradient(GraphBuilder& g, const CallSite& site, Value dc) {
  const int64_t ta = site.attrs.Int("transpose_a"), tb = site.attrs.Int("transpose_b");
  const Value a = site.in[0], b = site.in[1];
  dc = Cast(g, dc, g.type(a).dtype);
  const Value da = ta ? Matmul(g, b, dc, {.transpose_a = tb, .transpose_b = 1})
                      : Matmul(g, dc, b, {.transpose_a = 0, .transpose_b = !tb});
  const Value db = tb ? Matmul(g, dc, a, {.transpose_a = 1, .transpose_b = ta})
                      : Matmul(g, a, dc, {.transpose_a = !ta, .transpose_b = 0});
  return {da, db};
}

struct MatmulReference {
  template <typename T>
  static void Run(const LocalCall& at, In<T> in, const View<T>& c) {
    const bool ta = at.call->attrs.Int("transpose_a"),
               tb = at.call->attrs.Int("transpose_b");
    const Interval k = at.factors.back();
    ForEachPoint(c.box(), [&](absl::Span<const int64_t> i) {
      Dims a(i.begin(), i.end()), b(i.begin(), i.end());
      const size_t last = i.size() - 1;
      T sum{};
      for (int64_t x = k.begin; x < k.end; ++x) {
        a[last] = ta ? i[last - 1] : x;
        a[last - 1] = ta ? x : i[last - 1];
        b[last] = tb ? x : i[last];
        b[last - 1] = tb ? i[last] : x;
        sum += in[0].at(a) * in[1].at(b);
      }
      c.at(i) = sum;
    });
  }
};

constexpr Kernel kMatmulKernels[] = {
    {"onednn", OneDnnMatmulSupports, ShapeKey, PrepareOneDnnMatmul}};

std::vector<OpSample> MatmulSamples() {
  const auto f32 = [](Dims dims) { return TensorType{DType::kF32, std::move(dims)}; };
  const auto bf16 = [](Dims dims) { return TensorType{DType::kBF16, std::move(dims)}; };
  const auto attrs = [](int64_t ta, int64_t tb) {
    return Attrs{{"transpose_a", ta}, {"transpose_b", tb}};
  };
  const auto to_f32 = [](Attrs attrs) {
    attrs.Set("dtype", std::string("f32"));
    return attrs;
  };
  return {{"mk_kn", {f32({5, 7}), f32({7, 3})}, attrs(0, 0)},
          {"km_kn", {f32({7, 5}), f32({7, 3})}, attrs(1, 0)},
          {"mk_nk", {f32({5, 7}), f32({3, 7})}, attrs(0, 1)},
          {"km_nk", {f32({7, 5}), f32({3, 7})}, attrs(1, 1)},
          {"one", {f32({1, 1}), f32({1, 1})}, attrs(0, 0)},
          {"batched", {f32({2, 3, 4, 6}), f32({2, 3, 6, 5})}, attrs(0, 0)},
          {"bf16", {bf16({4, 9}), bf16({9, 5})}, attrs(0, 0)},
          {"bf16_to_f32", {bf16({9, 4}), bf16({9, 5})}, to_f32(attrs(1, 0))}};
}

}  // namespace

Value Matmul(GraphBuilder& g, Value a, Value b, MatmulOptions options) {
  return g.Call(MatmulOp(), {a, b},
                Attrs{{"transpose_a", options.transpose_a},
                      {"transpose_b", options.transpose_b}});
}

const OpDef& MatmulOp() {
  static const OpDef kOp = {
      .name = "matmul",
      .summary = "C[..,m,n] = sum over k of A[..,m,k] B[..,k,n]",
      .infer = InferMatmul,
      .rule = MatmulRule,
      .cost = MatmulCost,
      .gradient = MatmulGradient,
      .reference = Reference::Of<MatmulReference>(),
      .kernels = absl::MakeConstSpan(kMatmulKernels),
      .error = ErrorModel{ErrorModel::kSumOfProducts},
      .may_overwrite = kNoAlias,
      .absorb = AbsorbCastToF32,
      .narrow = Operands::All(),
      .samples = MatmulSamples,
  };
  return kOp;
}

}  // namespace tatami
