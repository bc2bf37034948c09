// Spread: the adjoint of a reduction's index map.
#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "core/status_macros.h"
#include "ops/reduce.h"
#include "ops/reduce_rule.h"

namespace tatami {
namespace {

using reduce::Axes;

Axes AxesOf(const OpCall& call) {
  return *reduce::ReadAxes(call.attrs, call.out.rank());
}

absl::StatusOr<TensorType> InferSpread(const Attrs& attrs,
                                       absl::Span<const TensorType> in) {
  const auto& shape = attrs.Ints("shape");
  const Dims full(shape.begin(), shape.end());
  TATAMI_ASSIGN_OR_RETURN(const Axes axes,
                          reduce::ReadAxes(attrs, static_cast<int>(full.size())));
  const TensorType want{in.empty() ? DType::kF32 : in[0].dtype,
                        reduce::ReducedDims(full, axes)};
  if (in.size() != 1 || in[0] != want) {
    return MakeError(ErrorCode::kBadGraph,
                     absl::StrCat("spread needs the one operand ", want.ToString(),
                                  "; got ", in.empty() ? "none" : in[0].ToString()));
  }
  return TensorType{in[0].dtype, full};
}

IndexRule SpreadRule(const OpCall& call) {
  const Axes axes = AxesOf(call);
  IndexRule rule{.inputs = {{}}};
  for (int d = 0; d < call.out.rank(); ++d) {
    rule.factors.push_back(
        {absl::StrCat("d", d), call.out.dim(d), FactorKind::kParallel});
    rule.output.push_back({d, {}});
    if (!axes.reduced[d]) rule.inputs[0].push_back({d, {}});
    if (axes.kept[d]) rule.inputs[0].push_back({});
  }
  return rule;
}

OpCost SpreadCost(const OpCall&, const Box&) { return {}; }

std::vector<Value> SpreadGradient(GraphBuilder& g, const CallSite& site, Value d) {
  if (g.type(d).dtype == DType::kI32) return {Value{}};
  return {g.Call(
      ReduceSumOp(), {d},
      Attrs{{"dims", site.attrs.Ints("dims")}, {"keep", site.attrs.Ints("keep")}})};
}

struct SpreadReference {
  template <typename T>
  static void Run(const LocalCall& at, In<T> in, const View<T>& out) {
    const Axes axes = AxesOf(*at.call);
    ForEachPoint(out.box(), [&](absl::Span<const int64_t> o) {
      out.at(o) = in[0].at(reduce::ReducedIndex(o, axes));
    });
  }
};

template <typename Element>
void RunSpread(const LocalCall& at, absl::Span<const std::byte* const> in,
               std::byte* out) {
  if (IsEmpty(at.out)) return;
  const reduce::Nest nest = reduce::MakeNest(Extents(at.out), AxesOf(*at.call));
  const auto* from = reinterpret_cast<const Element*>(in[0]);
  auto* to = reinterpret_cast<Element*>(out);
  if (nest.dims.empty()) {
    *to = *from;
    return;
  }
  const reduce::Nest::Dim& last = nest.dims.back();
  reduce::ForEachOuter(nest, nest.dims.size() - 1, [&](int64_t full, int64_t reduced) {
    if (last.reduced_stride == 0) {
      std::fill_n(to + full, last.extent, from[reduced]);
    } else {
      std::memcpy(to + full, from + reduced, last.extent * sizeof(Element));
    }
  });
}

void RunSpreadBySize(const LocalCall& at, absl::Span<const std::byte* const> in,
                     std::byte* out) {
  if (ByteSize(at.call->out.dtype) == 2) {
    RunSpread<uint16_t>(at, in, out);
  } else {
    RunSpread<uint32_t>(at, in, out);
  }
}

constexpr Kernel kSpreadKernels[] = {
    {"copies", [](const LocalCall&) { return absl::OkStatus(); }, nullptr,
     [](const LocalCall&) -> absl::StatusOr<std::shared_ptr<PreparedKernel>> {
       return MakeSimpleKernel(RunSpreadBySize);
     }}};

std::vector<OpSample> SpreadSamples() {
  using List = std::vector<int64_t>;
  const auto sample = [](std::string name, Dims in, List shape, List dims, List keep,
                         DType dtype = DType::kF32) {
    return OpSample{std::move(name),
                    {TensorType{dtype, std::move(in)}},
                    Attrs{{"shape", std::move(shape)},
                          {"dims", std::move(dims)},
                          {"keep", std::move(keep)}}};
  };
  return {sample("scalar", {}, {3, 4}, {0, 1}, {}),
          sample("rows", {5}, {2, 3, 5}, {0, 1}, {}),
          sample("pool", {2, 5}, {2, 3, 4, 5}, {1, 2}, {}),
          sample("kept", {2, 1, 3}, {2, 4, 3}, {1}, {1}),
          sample("last", {3, 1}, {3, 7}, {1}, {1}),
          sample("mixed", {2, 1}, {3, 2, 4}, {0, 2}, {2}),
          sample("nothing", {}, {}, {}, {}),
          sample("bf16", {3}, {4, 3}, {0}, {}, DType::kBF16)};
}

}  // namespace

Value Spread(GraphBuilder& g, Value x, const Dims& shape, std::vector<int64_t> dims,
             std::vector<int64_t> keep) {
  if (dims.empty()) return x;
  return g.Call(SpreadOp(), {x},
                Attrs{{"shape", std::vector<int64_t>(shape.begin(), shape.end())},
                      {"dims", std::move(dims)},
                      {"keep", std::move(keep)}});
}

const OpDef& SpreadOp() {
  static const OpDef kOp = {
      .name = "spread",
      .summary = "repeats a tensor along dims",
      .infer = InferSpread,
      .rule = SpreadRule,
      .cost = SpreadCost,
      .gradient = SpreadGradient,
      .reference = Reference::Of<SpreadReference>(),
      .kernels = absl::MakeConstSpan(kSpreadKernels),
      .error = ErrorModel{ErrorModel::kExact},
      .may_overwrite = kNoAlias,
      .absorb = nullptr,
      .narrow = Operands::All(),
      .samples = SpreadSamples,
  };
  return kOp;
}

}  // namespace tatami
