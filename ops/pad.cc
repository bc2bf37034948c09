#include "ops/pad.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/error.h"
#include "ops/slice.h"
#include "ops/strided_copy.h"

namespace tatami {
namespace {

using Types = absl::Span<const TensorType>;

absl::StatusOr<TensorType> InferPad(const Attrs& attrs, Types in) {
  const std::vector<int64_t>&lo = attrs.Ints("lo"), &hi = attrs.Ints("hi"),
        &step = attrs.Ints("step");
  const auto fail = [&](absl::string_view what) {
    return MakeError(
        ErrorCode::kBadGraph,
        absl::StrCat("pad needs ", what, "; got ",
                     in.empty() ? "no operand" : in[0].ToString(), ", lo [",
                     absl::StrJoin(lo, ","), "], hi [", absl::StrJoin(hi, ","),
                     "], step [", absl::StrJoin(step, ","), "]"));
  };
  if (in.size() != 1) return fail("one operand");
  TensorType out = in[0];
  const size_t rank = out.dims.size();
  if (lo.size() != rank || hi.size() != rank || step.size() != rank) {
    return fail("one lo, hi and step per dim");
  }
  for (size_t d = 0; d < rank; ++d) {
    if (lo[d] < 0 || hi[d] < 0) return fail("borders of 0 or more: use slice to crop");
    if (step[d] < 1) return fail("steps of 1 or more");
    out.dims[d] = lo[d] + (out.dims[d] - 1) * step[d] + 1 + hi[d];
  }
  return out;
}

// Output o holds x[(o - lo) / step] where that is whole, so the interval [b, e) reads
// from ceil((b - lo) / step) to floor((e - 1 - lo) / step).
IndexMap PadMap(int64_t lo, int64_t step) { return {1, step, step - 1 - lo, -lo}; }

IndexRule PadRule(const OpCall& call) {
  const std::vector<int64_t>&lo = call.attrs.Ints("lo"),
        &step = call.attrs.Ints("step");
  IndexRule rule = PointwiseRule({}, call.out);
  rule.inputs.emplace_back();
  for (int d = 0; d < call.out.rank(); ++d) {
    rule.inputs[0].push_back({d, PadMap(lo[d], step[d])});
  }
  return rule;
}

OpCost PadCost(const OpCall&, const Box&) { return {}; }

std::vector<Value> PadGradient(GraphBuilder& g, const CallSite& site, Value d_out) {
  const Dims& dims = g.type(site.in[0]).dims;
  return {Slice(g, d_out, site.attrs.Ints("lo"),
                std::vector<int64_t>(dims.begin(), dims.end()),
                site.attrs.Ints("step"))};
}

struct PadReference {
  template <typename T>
  static void Run(const LocalCall& at, In<T> in, const View<T>& out) {
    const std::vector<int64_t>&lo = at.call->attrs.Ints("lo"),
          &step = at.call->attrs.Ints("step");
    const T value = static_cast<T>(at.call->attrs.Double("value"));
    ForEachPoint(out.box(), [&](absl::Span<const int64_t> o) {
      Dims i(o.begin(), o.end());
      bool inside = true;
      for (size_t d = 0; d < i.size(); ++d) {
        const int64_t offset = o[d] - lo[d];
        i[d] = offset / step[d];
        inside &= offset >= 0 && offset % step[d] == 0 && i[d] < in[0].dim(d);
      }
      out.at(o) = inside ? in[0].at(i) : value;
    });
  }
};

void Fill(double value, DType dtype, int64_t n, std::byte* to) {
  switch (dtype) {
    case DType::kF32:
      std::fill_n(reinterpret_cast<float*>(to), n, static_cast<float>(value));
      return;
    case DType::kBF16:
      std::fill_n(reinterpret_cast<uint16_t*>(to), n,
                  BF16FromFloat(static_cast<float>(value)));
      return;
    case DType::kI32:
      std::fill_n(reinterpret_cast<int32_t*>(to), n, static_cast<int32_t>(value));
      return;
  }
}

void RunPad(const LocalCall& at, absl::Span<const std::byte* const> in,
            std::byte* out) {
  if (IsEmpty(at.out)) return;
  const OpCall& call = *at.call;
  const std::vector<int64_t>&lo = call.attrs.Ints("lo"),
        &step = call.attrs.Ints("step");
  Fill(call.attrs.Double("value"), call.out.dtype, NumElements(at.out), out);
  StridedCopy copy{.from_strides = RowMajorStrides(at.in[0]),
                   .to_strides = RowMajorStrides(at.out),
                   .element_bytes = ByteSize(call.out.dtype)};
  int64_t from = 0, to = 0;  // of the first element copied, in elements
  for (size_t d = 0; d < lo.size(); ++d) {
    const Interval part = PadMap(lo[d], step[d]).Apply(at.out[d], call.in[0].dims[d]);
    copy.extents.push_back(part.size());
    from += (part.begin - at.in[0][d].begin) * copy.from_strides[d];
    to += (lo[d] + step[d] * part.begin - at.out[d].begin) * copy.to_strides[d];
    copy.to_strides[d] *= step[d];
  }
  if (NumElements(copy.extents) == 0) return;
  RunStridedCopy(copy, in[0] + from * copy.element_bytes,
                 out + to * copy.element_bytes);
}

absl::Status Supports(const LocalCall&) { return absl::OkStatus(); }
absl::StatusOr<std::shared_ptr<PreparedKernel>> Prepare(const LocalCall&) {
  return MakeSimpleKernel(RunPad);
}
constexpr Kernel kKernels[] = {{"fill_and_copy", Supports, nullptr, Prepare}};

std::vector<OpSample> PadSamples() {
  using Ints = std::vector<int64_t>;
  struct Case {
    std::string name;
    Dims dims;
    Ints lo, hi, step;
    double value = 0;
    DType dtype = DType::kF32;
  };
  const Case cases[] = {
      {"border", {3, 4, 2}, {1, 2, 0}, {2, 1, 0}, {1, 1, 1}},
      {"wide_border", {2, 3}, {7, 0}, {0, 9}, {1, 1}, -3.5},
      {"causal", {1, 4, 2, 3}, {0, 2, 0, 0}, {0, 0, 0, 0}, {1, 1, 1, 1}},
      {"nothing", {3, 4}, {0, 0}, {0, 0}, {1, 1}},
      {"dilated", {4, 3, 2}, {1, 0, 0}, {0, 2, 0}, {3, 2, 1}, 0.5},
      {"scalar", {}, {}, {}, {}},
      {"bf16", {3, 4}, {1, 1}, {0, 2}, {2, 1}, 1.5, DType::kBF16},
      {"i32", {3, 4}, {2, 0}, {1, 3}, {1, 1}, -1, DType::kI32}};
  std::vector<OpSample> samples;
  for (const Case& c : cases) {
    samples.push_back(
        {c.name,
         {{c.dtype, c.dims}},
         {{"lo", c.lo}, {"hi", c.hi}, {"step", c.step}, {"value", c.value}}});
    if (c.dtype == DType::kI32) samples.back().domains = {{-99, 99, true}};
  }
  return samples;
}

}  // namespace

Value Pad(GraphBuilder& g, Value x, std::vector<int64_t> lo, std::vector<int64_t> hi,
          double value, std::vector<int64_t> step) {
  if (step.empty()) step.assign(lo.size(), 1);
  return g.Call(PadOp(), {x},
                Attrs{{"lo", std::move(lo)},
                      {"hi", std::move(hi)},
                      {"step", std::move(step)},
                      {"value", value}});
}

const OpDef& PadOp() {
  static const OpDef kOp = {
      .name = "pad",
      .summary = "out[lo + step i] = x[i], a constant elsewhere",
      .infer = InferPad,
      .rule = PadRule,
      .cost = PadCost,
      .gradient = PadGradient,
      .reference = Reference::Of<PadReference>(),
      .kernels = absl::MakeConstSpan(kKernels),
      .error = ErrorModel{ErrorModel::kExact},
      .may_overwrite = kNoAlias,
      .absorb = nullptr,
      .narrow = Operands::All(),
      .samples = PadSamples,
  };
  return kOp;
}

}  // namespace tatami
