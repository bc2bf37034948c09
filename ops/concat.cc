#include "ops/concat.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/error.h"
#include "ops/slice.h"

namespace tatami {
namespace {

using Types = absl::Span<const TensorType>;

int DimOf(const Attrs& attrs) { return static_cast<int>(attrs.Int("dim")); }

absl::StatusOr<TensorType> InferConcat(const Attrs& attrs, Types in) {
  const int dim = DimOf(attrs);
  const auto fail = [&](absl::string_view what) {
    return MakeError(
        ErrorCode::kBadGraph,
        absl::StrCat("concat along dim ", dim, " needs ", what, "; got ",
                     absl::StrJoin(in, ", ", [](std::string* s, const TensorType& t) {
                       absl::StrAppend(s, t.ToString());
                     })));
  };
  if (in.empty()) return fail("at least one operand");
  TensorType out = in[0];
  if (dim < 0 || dim >= out.rank()) return fail("operands that have this dim");
  out.dims[dim] = 0;
  for (const TensorType& type : in) {
    TensorType expected = out;
    if (type.rank() == out.rank()) expected.dims[dim] = type.dim(dim);
    if (type != expected) return fail("operands that differ in this dim only");
    out.dims[dim] += type.dim(dim);
  }
  return out;
}

IndexRule ConcatRule(const OpCall& call) {
  const int dim = DimOf(call.attrs);
  IndexRule rule = PointwiseRule({}, call.out);
  int64_t offset = 0;
  for (const TensorType& type : call.in) {
    OperandRule operand;
    for (int d = 0; d < call.out.rank(); ++d) {
      operand.push_back({d, d == dim ? IndexMap::Shift(-offset) : IndexMap{}});
    }
    rule.inputs.push_back(std::move(operand));
    offset += type.dim(dim);
  }
  return rule;
}

OpCost ConcatCost(const OpCall&, const Box&) { return {}; }

std::vector<Value> ConcatGradient(GraphBuilder& g, const CallSite& site, Value d_out) {
  const int dim = DimOf(site.attrs);
  std::vector<Value> grads;
  std::vector<int64_t> begin(g.type(site.in[0]).rank(), 0);
  for (Value v : site.in) {
    const Dims dims = g.type(v).dims;
    grads.push_back(
        Slice(g, d_out, begin, std::vector<int64_t>(dims.begin(), dims.end())));
    begin[dim] += dims[dim];
  }
  return grads;
}

struct ConcatReference {
  template <typename T>
  static void Run(const LocalCall& at, In<T> in, const View<T>& out) {
    const int dim = DimOf(at.call->attrs);
    ForEachPoint(out.box(), [&](absl::Span<const int64_t> o) {
      Dims i(o.begin(), o.end());
      size_t operand = 0;
      while (i[dim] >= in[operand].dim(dim)) i[dim] -= in[operand++].dim(dim);
      out.at(o) = in[operand].at(i);
    });
  }
};

void RunConcat(const LocalCall& at, absl::Span<const std::byte* const> in,
               std::byte* out) {
  const int dim = DimOf(at.call->attrs);
  int64_t offset = 0;
  for (size_t i = 0; i < in.size(); ++i) {
    Box from = at.in[i];  // in coordinates of the output
    from[dim].begin += offset;
    from[dim].end += offset;
    CopyBox(Intersect(from, at.out), from, in[i], at.out, out,
            ByteSize(at.call->out.dtype));
    offset += at.call->in[i].dim(dim);
  }
}

absl::Status Supports(const LocalCall&) { return absl::OkStatus(); }
absl::StatusOr<std::shared_ptr<PreparedKernel>> Prepare(const LocalCall&) {
  return MakeSimpleKernel(RunConcat);
}
constexpr Kernel kKernels[] = {{"copy", Supports, nullptr, Prepare}};

std::vector<OpSample> ConcatSamples() {
  const auto sample = [](std::string name, std::vector<Dims> dims, int64_t dim,
                         DType dtype = DType::kF32) {
    OpSample s{std::move(name), {}, {{"dim", dim}}};
    for (Dims& d : dims) {
      s.in.push_back({dtype, std::move(d)});
      if (dtype == DType::kI32) s.domains.push_back({-99, 99, true});
    }
    return s;
  };
  return {sample("channels", {{2, 3, 4}, {2, 3, 1}, {2, 3, 5}}, 2),
          sample("rows", {{1, 4}, {5, 4}}, 0),
          sample("middle", {{2, 3, 4}, {2, 2, 4}}, 1),
          sample("single", {{3, 4}}, 1),
          sample("bf16", {{3, 4}, {3, 3}}, 1, DType::kBF16),
          sample("i32", {{3, 4}, {2, 4}}, 0, DType::kI32)};
}

}  // namespace

Value Concat(GraphBuilder& g, std::vector<Value> values, int dim) {
  if (dim < 0 && !values.empty()) dim += g.type(values[0]).rank();
  return g.Call(ConcatOp(), std::move(values), Attrs{{"dim", int64_t{dim}}});
}

const OpDef& ConcatOp() {
  static const OpDef kOp = {
      .name = "concat",
      .summary = "the operands end to end along one dim",
      .infer = InferConcat,
      .rule = ConcatRule,
      .cost = ConcatCost,
      .gradient = ConcatGradient,
      .reference = Reference::Of<ConcatReference>(),
      .kernels = absl::MakeConstSpan(kKernels),
      .error = ErrorModel{ErrorModel::kExact},
      .may_overwrite = kNoAlias,
      .absorb = nullptr,
      .narrow = Operands::All(),
      .samples = ConcatSamples,
  };
  return kOp;
}

}  // namespace tatami
