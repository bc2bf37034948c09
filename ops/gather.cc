#include "ops/gather.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "core/error.h"

namespace tatami {
namespace {

using Types = absl::Span<const TensorType>;
using Point = absl::Span<const int64_t>;

absl::StatusOr<TensorType> InferGather(const Attrs&, Types in) {
  if (in.size() != 2 || in[0].rank() < 1 || in[0].dim(0) < 1 ||
      in[1].dtype != DType::kI32) {
    return MakeError(
        ErrorCode::kBadGraph,
        absl::StrCat("gather needs a table [V, D..] and an i32 index; got ",
                     in.empty() ? "none" : in[0].ToString(), " and ",
                     in.size() < 2 ? "none" : in[1].ToString()));
  }
  TensorType out{in[0].dtype, in[1].dims};
  for (int d = 1; d < in[0].rank(); ++d) out.dims.push_back(in[0].dim(d));
  return out;
}

// Factors are the output dims: first those of the index, then those of a row.
IndexRule GatherRule(const OpCall& call) {
  IndexRule rule = PointwiseRule({}, call.out);
  const int lead = call.in[1].rank();
  OperandRule table = {OperandDim{}}, index;
  for (int d = 0; d < call.out.rank(); ++d) {
    (d < lead ? index : table).push_back({d, {}});
  }
  rule.inputs = {table, index};
  return rule;
}

OpCost GatherCost(const OpCall&, const Box&) { return {}; }

std::vector<Value> GatherGradient(GraphBuilder& g, const CallSite& site, Value d_out) {
  if (g.type(site.in[0]).dtype == DType::kI32) return {Value{}, Value{}};
  return {GatherGrad(g, site.in[1], d_out, g.type(site.in[0]).dim(0)), Value{}};
}

struct GatherReference {
  template <typename T>
  static void Run(const LocalCall& at, In<T> in, const View<T>& out) {
    const size_t lead = in[1].rank();
    const bool has_nan = at.call->out.dtype != DType::kI32;
    const T outside(has_nan ? std::numeric_limits<double>::quiet_NaN() : 0.0);
    ForEachPoint(out.box(), [&](Point o) {
      Dims row = {AsIndex(in[1].at(o.subspan(0, lead)))};
      row.insert(row.end(), o.begin() + lead, o.end());
      const bool inside = row[0] >= 0 && row[0] < in[0].dim(0);
      out.at(o) = inside ? in[0].at(row) : outside;
    });
  }
};

void FillOutside(DType dtype, int64_t n, std::byte* to) {
  constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> row(n, dtype == DType::kI32 ? 0.0f : kNaN);
  StoreFromFloat(dtype, row.data(), n, to);
}

void RunGather(const LocalCall& at, absl::Span<const std::byte* const> in,
               std::byte* out) {
  if (IsEmpty(at.out)) return;
  const int64_t rows = at.call->in[0].dim(0);
  const int64_t row_elements = NumElements(at.in[0]) / rows;
  const int64_t row_bytes = row_elements * ByteSize(at.call->out.dtype);
  const auto* index = reinterpret_cast<const int32_t*>(in[1]);
  const int64_t positions = NumElements(at.in[1]);
  for (int64_t i = 0; i < positions; ++i, out += row_bytes) {
    if (index[i] >= 0 && index[i] < rows) {
      std::memcpy(out, in[0] + index[i] * row_bytes, row_bytes);
    } else {
      FillOutside(at.call->out.dtype, row_elements, out);
    }
  }
}

absl::StatusOr<TensorType> InferGatherGrad(const Attrs& attrs, Types in) {
  const int64_t rows = attrs.Int("rows");
  const auto fail = [&](absl::string_view what) {
    return MakeError(ErrorCode::kBadGraph,
                     absl::StrCat("gather_grad needs ", what, "; got ",
                                  in.empty() ? "none" : in[0].ToString(), " and ",
                                  in.size() < 2 ? "none" : in[1].ToString(), " for ",
                                  rows, " rows"));
  };
  if (in.size() != 2 || in[0].dtype != DType::kI32 || in[1].dtype == DType::kI32) {
    return fail("an i32 index and a floating gradient");
  }
  const Dims &index = in[0].dims, &d_out = in[1].dims;
  if (index.size() > d_out.size() ||
      !std::equal(index.begin(), index.end(), d_out.begin())) {
    return fail("a gradient whose leading dims are those of the index");
  }
  if (rows < 1) return fail("at least one row");
  TensorType out{in[1].dtype, {rows}};
  for (size_t d = index.size(); d < d_out.size(); ++d) out.dims.push_back(d_out[d]);
  return out;
}

// Factors: the rows, whole (which index hits a part of them is known only at run time,
// so neither is its cost); the dims of a row; then the positions, reduced.
IndexRule GatherGradRule(const OpCall& call) {
  IndexRule rule = PointwiseRule({}, call.out, {0});
  const int lead = call.in[0].rank();
  OperandRule index;
  for (int d = 0; d < lead; ++d) {
    index.push_back({static_cast<int>(rule.factors.size()), {}});
    rule.factors.push_back(
        {absl::StrCat("i", d), call.in[0].dim(d), FactorKind::kReduce});
  }
  OperandRule d_out = index;
  for (int d = 1; d < call.out.rank(); ++d) d_out.push_back({d, {}});
  rule.inputs = {index, d_out};
  return rule;
}

// One add per element of the gradient.
OpCost GatherGradCost(const OpCall&, const Box& factors) {
  const Box elements(factors.begin() + 1, factors.end());
  return {.vector_flops = IsEmpty(factors) ? 0 : NumElements(elements)};
}

std::vector<Value> GatherGradGradient(GraphBuilder& g, const CallSite& site, Value d) {
  return {Value{}, Gather(g, d, site.in[0])};
}

struct GatherGradReference {
  template <typename T>
  static void Run(const LocalCall&, In<T> in, const View<T>& out) {
    const size_t lead = in[0].rank();
    ForEachPoint(out.box(), [&](Point o) { out.at(o) = T{}; });
    ForEachPoint(in[1].box(), [&](Point i) {
      Dims row = {AsIndex(in[0].at(i.subspan(0, lead)))};
      row.insert(row.end(), i.begin() + lead, i.end());
      if (row[0] >= 0 && row[0] < out.dim(0)) out.at(row) += in[1].at(i);
    });
  }
};

// Positions are sorted by row (stable: within a row they keep their order), so that
// each row is summed in double in one go and rounded once.
void RunGatherGrad(const LocalCall& at, absl::Span<const std::byte* const> in,
                   std::byte* out) {
  if (IsEmpty(at.out)) return;
  const DType dtype = at.call->out.dtype;
  const int64_t rows = at.call->out.dim(0), positions = NumElements(at.in[0]);
  const int64_t row_elements = NumElements(at.out) / rows;
  const int64_t row_bytes = row_elements * ByteSize(dtype);
  const auto* index = reinterpret_cast<const int32_t*>(in[0]);
  const auto inside = [&](int64_t i) { return index[i] >= 0 && index[i] < rows; };

  std::vector<int64_t> begin(rows + 1, 0);  // begin[r]: first slot of row r in `order`
  for (int64_t i = 0; i < positions; ++i) {
    if (inside(i)) ++begin[index[i] + 1];
  }
  std::partial_sum(begin.begin(), begin.end(), begin.begin());
  std::vector<int64_t> order(begin.back()), slot(begin.begin(), begin.end() - 1);
  for (int64_t i = 0; i < positions; ++i) {
    if (inside(i)) order[slot[index[i]]++] = i;
  }

  std::vector<float> row(row_elements);
  std::vector<double> sum(row_elements);
  for (int64_t r = 0; r < rows; ++r, out += row_bytes) {
    std::fill(sum.begin(), sum.end(), 0.0);
    for (int64_t s = begin[r]; s < begin[r + 1]; ++s) {
      LoadAsFloat(dtype, in[1] + order[s] * row_bytes, row_elements, row.data());
      for (int64_t d = 0; d < row_elements; ++d) sum[d] += row[d];
    }
    for (int64_t d = 0; d < row_elements; ++d) row[d] = static_cast<float>(sum[d]);
    StoreFromFloat(dtype, row.data(), row_elements, out);
  }
}

absl::Status Supports(const LocalCall&) { return absl::OkStatus(); }
template <KernelFn kRun>
absl::StatusOr<std::shared_ptr<PreparedKernel>> Prepare(const LocalCall&) {
  return MakeSimpleKernel(kRun);
}
constexpr Kernel kGatherKernels[] = {
    {"copy_rows", Supports, nullptr, Prepare<RunGather>}};
constexpr Kernel kGatherGradKernels[] = {
    {"sum_rows", Supports, nullptr, Prepare<RunGatherGrad>}};

std::vector<OpSample> GatherSamples() {
  const auto sample = [](std::string name, Dims table, Dims index,
                         DType dtype = DType::kF32) {
    const double last = static_cast<double>(table[0] - 1);
    return OpSample{std::move(name),
                    {{dtype, table}, {DType::kI32, std::move(index)}},
                    {},
                    {dtype == DType::kI32 ? InputDomain{-99, 99, true} : InputDomain{},
                     InputDomain{0, last, true}}};
  };
  return {sample("embedding", {7, 5}, {2, 3}),
          sample("vector_table", {9}, {4}),
          sample("one_index", {4, 3}, {}),
          sample("deep_rows", {5, 2, 3}, {6}),
          sample("bf16", {6, 4}, {5}, DType::kBF16),
          sample("i32", {6, 4}, {5}, DType::kI32)};
}

std::vector<OpSample> GatherGradSamples() {
  const auto sample = [](std::string name, Dims index, Dims d_out, int64_t rows,
                         DType dtype = DType::kF32) {
    const double last = static_cast<double>(rows - 1);
    return OpSample{std::move(name),
                    {{DType::kI32, std::move(index)}, {dtype, std::move(d_out)}},
                    {{"rows", rows}},
                    {InputDomain{0, last, true}, InputDomain{}}};
  };
  return {sample("embedding", {2, 3}, {2, 3, 5}, 7),
          sample("collisions", {12}, {12, 3}, 2),
          sample("vector_table", {4}, {4}, 9),
          sample("one_index", {}, {3}, 4),
          sample("deep_rows", {6}, {6, 2, 3}, 5),
          sample("bf16", {5}, {5, 4}, 6, DType::kBF16)};
}

}  // namespace

Value Gather(GraphBuilder& g, Value table, Value index) {
  return g.Call(GatherOp(), {table, index});
}

Value GatherGrad(GraphBuilder& g, Value index, Value d_out, int64_t rows) {
  return g.Call(GatherGradOp(), {index, d_out}, Attrs{{"rows", rows}});
}

const OpDef& GatherOp() {
  static const OpDef kOp = {
      .name = "gather",
      .summary = "out[i.., d..] = table[index[i..], d..]",
      .infer = InferGather,
      .rule = GatherRule,
      .cost = GatherCost,
      .gradient = GatherGradient,
      .reference = Reference::Of<GatherReference>(),
      .kernels = absl::MakeConstSpan(kGatherKernels),
      .error = ErrorModel{ErrorModel::kExact},
      .may_overwrite = kNoAlias,
      .absorb = nullptr,
      .narrow = Operands::All(),
      .samples = GatherSamples,
  };
  return kOp;
}

const OpDef& GatherGradOp() {
  static const OpDef kOp = {
      .name = "gather_grad",
      .summary = "out[r, d..] = sum of d_out[i.., d..] over index[i..] = r",
      .infer = InferGatherGrad,
      .rule = GatherGradRule,
      .cost = GatherGradCost,
      .gradient = GatherGradGradient,
      .reference = Reference::Of<GatherGradReference>(),
      .kernels = absl::MakeConstSpan(kGatherGradKernels),
      .error = ErrorModel{ErrorModel::kSumOfProducts},
      .may_overwrite = kNoAlias,
      .absorb = nullptr,
      .narrow = Operands::All(),
      .samples = GatherGradSamples,
  };
  return kOp;
}

}  // namespace tatami
