#include "ops/slice.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/error.h"
#include "ops/pad.h"
#include "ops/strided_copy.h"

namespace tatami {
namespace {

using Types = absl::Span<const TensorType>;

absl::StatusOr<TensorType> InferSlice(const Attrs& attrs, Types in) {
  const std::vector<int64_t>&begin = attrs.Ints("begin"), &size = attrs.Ints("size"),
        &step = attrs.Ints("step");
  const auto fail = [&](absl::string_view what) {
    return MakeError(
        ErrorCode::kBadGraph,
        absl::StrCat("slice needs ", what, "; got ",
                     in.empty() ? "no operand" : in[0].ToString(), ", begin [",
                     absl::StrJoin(begin, ","), "], size [", absl::StrJoin(size, ","),
                     "], step [", absl::StrJoin(step, ","), "]"));
  };
  if (in.size() != 1) return fail("one operand");
  const size_t rank = in[0].dims.size();
  if (begin.size() != rank || size.size() != rank || step.size() != rank) {
    return fail("one begin, size and step per dim");
  }
  for (size_t d = 0; d < rank; ++d) {
    if (begin[d] < 0 || size[d] < 1 || step[d] < 1 ||
        begin[d] + (size[d] - 1) * step[d] >= in[0].dims[d]) {
      return fail(absl::StrCat("indices inside dim ", d));
    }
  }
  return TensorType{in[0].dtype, Dims(size.begin(), size.end())};
}

IndexRule SliceRule(const OpCall& call) {
  const std::vector<int64_t>&begin = call.attrs.Ints("begin"),
        &step = call.attrs.Ints("step");
  IndexRule rule = PointwiseRule({}, call.out);
  rule.inputs.emplace_back();
  for (int d = 0; d < call.out.rank(); ++d) {
    rule.inputs[0].push_back({d, IndexMap{step[d], 1, begin[d], begin[d]}});
  }
  return rule;
}

OpCost SliceCost(const OpCall&, const Box&) { return {}; }

std::vector<Value> SliceGradient(GraphBuilder& g, const CallSite& site, Value d_out) {
  const std::vector<int64_t>&begin = site.attrs.Ints("begin"),
        &size = site.attrs.Ints("size"), &step = site.attrs.Ints("step");
  const Dims& dims = g.type(site.in[0]).dims;
  std::vector<int64_t> hi(dims.size());
  for (size_t d = 0; d < dims.size(); ++d) {
    hi[d] = dims[d] - (begin[d] + (size[d] - 1) * step[d] + 1);
  }
  return {Pad(g, d_out, begin, hi, 0, step)};
}

struct SliceReference {
  template <typename T>
  static void Run(const LocalCall& at, In<T> in, const View<T>& out) {
    const std::vector<int64_t>&begin = at.call->attrs.Ints("begin"),
          &step = at.call->attrs.Ints("step");
    ForEachPoint(out.box(), [&](absl::Span<const int64_t> o) {
      Dims i(o.begin(), o.end());
      for (size_t d = 0; d < i.size(); ++d) i[d] = begin[d] + step[d] * o[d];
      out.at(o) = in[0].at(i);
    });
  }
};

void RunSlice(const LocalCall& at, absl::Span<const std::byte* const> in,
              std::byte* out) {
  if (IsEmpty(at.out)) return;
  const std::vector<int64_t>&begin = at.call->attrs.Ints("begin"),
        &step = at.call->attrs.Ints("step");
  StridedCopy copy{.extents = Extents(at.out),
                   .from_strides = RowMajorStrides(at.in[0]),
                   .to_strides = RowMajorStrides(at.out),
                   .element_bytes = ByteSize(at.call->out.dtype)};
  int64_t offset = 0;  // of the first element read, in elements
  for (size_t d = 0; d < begin.size(); ++d) {
    const int64_t first = begin[d] + step[d] * at.out[d].begin;
    offset += (first - at.in[0][d].begin) * copy.from_strides[d];
    copy.from_strides[d] *= step[d];
  }
  RunStridedCopy(copy, in[0] + offset * copy.element_bytes, out);
}

absl::Status Supports(const LocalCall&) { return absl::OkStatus(); }
absl::StatusOr<std::shared_ptr<PreparedKernel>> Prepare(const LocalCall&) {
  return MakeSimpleKernel(RunSlice);
}
constexpr Kernel kKernels[] = {{"copy", Supports, nullptr, Prepare}};

// Integers far enough apart to tell elements from each other.
std::vector<InputDomain> DomainsOf(DType dtype) {
  if (dtype != DType::kI32) return {};
  return {{-99, 99, true}};
}

std::vector<OpSample> SliceSamples() {
  using Ints = std::vector<int64_t>;
  const auto sample = [](std::string name, Dims dims, Ints begin, Ints size, Ints step,
                         DType dtype = DType::kF32) {
    return OpSample{std::move(name),
                    {{dtype, std::move(dims)}},
                    {{"begin", begin}, {"size", size}, {"step", step}},
                    DomainsOf(dtype)};
  };
  return {sample("box", {5, 8, 3}, {1, 2, 0}, {3, 5, 3}, {1, 1, 1}),
          sample("everything", {4, 3}, {0, 0}, {4, 3}, {1, 1}),
          sample("every_second", {2, 9, 3}, {0, 1, 0}, {2, 4, 3}, {1, 2, 1}),
          sample("strided_channels", {4, 11}, {2, 1}, {2, 4}, {1, 3}),
          sample("scalar", {}, {}, {}, {}),
          sample("bf16", {4, 7}, {1, 3}, {3, 4}, {1, 1}, DType::kBF16),
          sample("i32", {6, 5}, {1, 0}, {2, 5}, {3, 1}, DType::kI32)};
}

}  // namespace

Value Slice(GraphBuilder& g, Value x, std::vector<int64_t> begin,
            std::vector<int64_t> size, std::vector<int64_t> step) {
  if (step.empty()) step.assign(begin.size(), 1);
  return g.Call(SliceOp(), {x},
                Attrs{{"begin", std::move(begin)},
                      {"size", std::move(size)},
                      {"step", std::move(step)}});
}

const OpDef& SliceOp() {
  static const OpDef kOp = {
      .name = "slice",
      .summary = "out[i] = x[begin + step i]",
      .infer = InferSlice,
      .rule = SliceRule,
      .cost = SliceCost,
      .gradient = SliceGradient,
      .reference = Reference::Of<SliceReference>(),
      .kernels = absl::MakeConstSpan(kKernels),
      .error = ErrorModel{ErrorModel::kExact},
      .may_overwrite = kNoAlias,
      .absorb = nullptr,
      .narrow = Operands::All(),
      .samples = SliceSamples,
  };
  return kOp;
}

}  // namespace tatami
