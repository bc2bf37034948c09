#include "ops/transpose.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/error.h"
#include "ops/strided_copy.h"

namespace tatami {
namespace {

using Types = absl::Span<const TensorType>;

absl::StatusOr<TensorType> InferTranspose(const Attrs& attrs, Types in) {
  const std::vector<int64_t>& perm = attrs.Ints("perm");
  const auto fail = [&] {
    return MakeError(
        ErrorCode::kBadGraph,
        absl::StrCat("transpose needs one operand and each of its dims once; got ",
                     in.empty() ? "none" : in[0].ToString(), " and perm [",
                     absl::StrJoin(perm, ","), "]"));
  };
  if (in.size() != 1 || static_cast<int>(perm.size()) != in[0].rank()) return fail();
  TensorType out = in[0];
  std::vector<int> uses(perm.size());
  for (size_t d = 0; d < perm.size(); ++d) {
    if (perm[d] < 0 || perm[d] >= in[0].rank() || uses[perm[d]]++ > 0) return fail();
    out.dims[d] = in[0].dims[perm[d]];
  }
  return out;
}

IndexRule TransposeRule(const OpCall& call) {
  const std::vector<int64_t>& perm = call.attrs.Ints("perm");
  IndexRule rule = PointwiseRule({}, call.out);
  rule.inputs = {OperandRule(perm.size())};
  for (size_t d = 0; d < perm.size(); ++d) {
    rule.inputs[0][perm[d]] = {static_cast<int>(d), {}};
  }
  return rule;
}

OpCost TransposeCost(const OpCall&, const Box&) { return {}; }

std::vector<Value> TransposeGradient(GraphBuilder& g, const CallSite& site,
                                     Value d_out) {
  const std::vector<int64_t>& perm = site.attrs.Ints("perm");
  std::vector<int64_t> inverse(perm.size());
  for (size_t d = 0; d < perm.size(); ++d) inverse[perm[d]] = static_cast<int64_t>(d);
  return {Transpose(g, d_out, inverse)};
}

struct TransposeReference {
  template <typename T>
  static void Run(const LocalCall& at, In<T> in, const View<T>& out) {
    const std::vector<int64_t>& perm = at.call->attrs.Ints("perm");
    ForEachPoint(out.box(), [&](absl::Span<const int64_t> o) {
      Dims i(perm.size());
      for (size_t d = 0; d < perm.size(); ++d) i[perm[d]] = o[d];
      out.at(o) = in[0].at(i);
    });
  }
};

void RunTranspose(const LocalCall& at, absl::Span<const std::byte* const> in,
                  std::byte* out) {
  const std::vector<int64_t>& perm = at.call->attrs.Ints("perm");
  const Dims from = RowMajorStrides(at.in[0]);
  StridedCopy copy{.extents = Extents(at.out),
                   .to_strides = RowMajorStrides(at.out),
                   .element_bytes = ByteSize(at.call->out.dtype)};
  for (int64_t p : perm) copy.from_strides.push_back(from[p]);
  RunStridedCopy(copy, in[0], out);
}

absl::Status Supports(const LocalCall&) { return absl::OkStatus(); }
absl::StatusOr<std::shared_ptr<PreparedKernel>> Prepare(const LocalCall&) {
  return MakeSimpleKernel(RunTranspose);
}
constexpr Kernel kKernels[] = {{"tiled_copy", Supports, nullptr, Prepare}};

// Integers far enough apart to tell elements from each other.
std::vector<InputDomain> DomainsOf(DType dtype) {
  if (dtype != DType::kI32) return {};
  return {{-99, 99, true}};
}

std::vector<OpSample> TransposeSamples() {
  const auto sample = [](std::string name, Dims dims, std::vector<int64_t> perm,
                         DType dtype = DType::kF32) {
    return OpSample{std::move(name),
                    {{dtype, std::move(dims)}},
                    {{"perm", perm}},
                    DomainsOf(dtype)};
  };
  return {sample("matrix", {5, 7}, {1, 0}),
          sample("over_one_tile", {37, 18}, {1, 0}),
          sample("heads", {2, 5, 3, 4}, {0, 2, 1, 3}),
          sample("channels_first", {2, 4, 5, 3}, {0, 3, 1, 2}),
          sample("channels_last", {2, 3, 4, 5}, {0, 2, 3, 1}),
          sample("rotate", {2, 3, 4, 5}, {3, 0, 2, 1}),
          sample("identity", {3, 4}, {0, 1}),
          sample("scalar", {}, {}),
          sample("bf16", {6, 3, 5}, {2, 0, 1}, DType::kBF16),
          sample("i32", {4, 6}, {1, 0}, DType::kI32)};
}

}  // namespace

Value Transpose(GraphBuilder& g, Value x, std::vector<int64_t> perm) {
  return g.Call(TransposeOp(), {x}, Attrs{{"perm", std::move(perm)}});
}

const OpDef& TransposeOp() {
  static const OpDef kOp = {
      .name = "transpose",
      .summary = "output dim d is input dim perm[d]",
      .infer = InferTranspose,
      .rule = TransposeRule,
      .cost = TransposeCost,
      .gradient = TransposeGradient,
      .reference = Reference::Of<TransposeReference>(),
      .kernels = absl::MakeConstSpan(kKernels),
      .error = ErrorModel{ErrorModel::kExact},
      .may_overwrite = kNoAlias,
      .absorb = nullptr,
      .narrow = Operands::All(),
      .samples = TransposeSamples,
  };
  return kOp;
}

}  // namespace tatami
