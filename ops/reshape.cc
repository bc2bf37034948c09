#include "ops/reshape.h"

#include "absl/strings/str_cat.h"
#include "core/check.h"
#include "core/error.h"

namespace tatami {
namespace {

using Types = absl::Span<const TensorType>;

// Dims of input and output, outermost first and without dims of size 1, over which the
// same linear range runs.
struct Group {
  std::vector<int> in, out;
};

std::vector<Group> GroupDims(const Dims& in, const Dims& out) {
  std::vector<Group> groups;
  size_t i = 0, o = 0;
  while (true) {
    while (i < in.size() && in[i] == 1) ++i;
    while (o < out.size() && out[o] == 1) ++o;
    if (i == in.size() || o == out.size()) return groups;
    Group group{{static_cast<int>(i)}, {static_cast<int>(o)}};
    int64_t a = in[i++], b = out[o++];
    while (a != b) {  // ends: the products over all dims are equal
      const bool take_in = a < b;
      const int dim = static_cast<int>(take_in ? i++ : o++);
      const int64_t size = take_in ? in[dim] : out[dim];
      (take_in ? a : b) *= size;
      if (size != 1) (take_in ? group.in : group.out).push_back(dim);
    }
    groups.push_back(std::move(group));
  }
}

// Elements of the group per step of its leading dim.
int64_t InnerSize(absl::Span<const int> dims, const Dims& sizes) {
  int64_t n = 1;
  for (int d : dims.subspan(1)) n *= sizes[d];
  return n;
}

// The box as intervals of the groups' linear indices. Dims after the leading one of a
// group are never cut, so such a box is dense in the group.
Box Collapse(const std::vector<Group>& groups, std::vector<int> Group::*side,
             const Box& box, const Dims& sizes) {
  Box out;
  for (const Group& group : groups) {
    const std::vector<int>& dims = group.*side;
    for (size_t d = 1; d < dims.size(); ++d) {
      TATAMI_CHECK(box[dims[d]].size() == sizes[dims[d]]) << "cut inside a group";
    }
    const int64_t inner = InnerSize(dims, sizes);
    out.push_back({box[dims[0]].begin * inner, box[dims[0]].end * inner});
  }
  return out;
}

absl::StatusOr<TensorType> InferReshape(const Attrs& attrs, Types in) {
  if (in.size() != 1) {
    return MakeError(ErrorCode::kBadGraph, "reshape needs one operand");
  }
  const std::vector<int64_t>& dims = attrs.Ints("dims");
  TensorType out{in[0].dtype, Dims(dims.begin(), dims.end())};
  for (int64_t d : dims) {
    if (d > 0) continue;
    return MakeError(ErrorCode::kBadGraph, absl::StrCat("reshape needs dims above 0; "
                                                        "got ",
                                                        out.ToString()));
  }
  if (out.num_elements() != in[0].num_elements()) {
    return MakeError(
        ErrorCode::kBadGraph,
        absl::StrCat("reshape keeps the number of elements; got ", in[0].ToString(),
                     " with ", in[0].num_elements(), " into ", out.ToString(), " with ",
                     out.num_elements()));
  }
  return out;
}

// Per group: output lead dim o with D elements a step, input lead dim with B. Output
// interval [b, e) is the linear range [b D, e D), so the input rows floor(b D / B) up
// to floor((e D - 1) / B).
IndexRule ReshapeRule(const OpCall& call) {
  IndexRule rule;
  for (int d = 0; d < call.out.rank(); ++d) {
    const bool cuttable = call.out.dim(d) == 1;
    rule.factors.push_back({absl::StrCat("d", d), call.out.dim(d),
                            cuttable ? FactorKind::kParallel : FactorKind::kWhole});
    rule.output.push_back({d, {}});
  }
  rule.inputs = {OperandRule(call.in[0].rank())};
  for (const Group& group : GroupDims(call.in[0].dims, call.out.dims)) {
    const int64_t in_inner = InnerSize(group.in, call.in[0].dims);
    const int64_t out_inner = InnerSize(group.out, call.out.dims);
    const int lead = group.out[0];
    rule.factors[lead].kind = FactorKind::kParallel;
    OperandDim& dim = rule.inputs[0][group.in[0]];
    dim.factor = lead;
    if (in_inner == out_inner) continue;
    // Lowest terms where one side divides the other, so that printed rules read well.
    dim.map = out_inner % in_inner == 0
                  ? IndexMap{out_inner / in_inner, 1, 0, out_inner / in_inner - 1}
              : in_inner % out_inner == 0
                  ? IndexMap{1, in_inner / out_inner, 0, 0}
                  : IndexMap{out_inner, in_inner, 0, out_inner - 1};
  }
  return rule;
}

OpCost ReshapeCost(const OpCall&, const Box&) { return {}; }

std::vector<Value> ReshapeGradient(GraphBuilder& g, const CallSite& site, Value d_out) {
  return {Reshape(g, d_out, g.type(site.in[0]).dims)};
}

struct ReshapeReference {
  template <typename T>
  static void Run(const LocalCall& at, In<T> in, const View<T>& out) {
    const Dims &from = at.call->in[0].dims, &to = at.call->out.dims;
    ForEachPoint(out.box(), [&](absl::Span<const int64_t> o) {
      int64_t linear = 0;
      for (size_t d = 0; d < to.size(); ++d) linear = linear * to[d] + o[d];
      Dims i(from.size());
      for (size_t d = from.size(); d-- > 0; linear /= from[d]) i[d] = linear % from[d];
      out.at(o) = in[0].at(i);
    });
  }
};

void RunReshape(const LocalCall& at, absl::Span<const std::byte* const> in,
                std::byte* out) {
  if (IsEmpty(at.out)) return;
  const OpCall& call = *at.call;
  const auto groups = GroupDims(call.in[0].dims, call.out.dims);
  const Box from = Collapse(groups, &Group::in, at.in[0], call.in[0].dims);
  const Box to = Collapse(groups, &Group::out, at.out, call.out.dims);
  TATAMI_CHECK(Contains(from, to))
      << ToString(from) << " lacks part of " << ToString(to);
  const int64_t element_bytes = ByteSize(call.out.dtype);
  if (in[0] != out) return CopyBox(to, from, in[0], to, out, element_bytes);
  if (from == to) return;  // in place: the bytes are where they belong
  const std::vector<std::byte> copy(in[0],
                                    in[0] + NumElements(at.in[0]) * element_bytes);
  CopyBox(to, from, copy.data(), to, out, element_bytes);
}

absl::Status Supports(const LocalCall&) { return absl::OkStatus(); }
absl::StatusOr<std::shared_ptr<PreparedKernel>> Prepare(const LocalCall&) {
  return MakeSimpleKernel(RunReshape);
}
constexpr Kernel kKernels[] = {{"copy", Supports, nullptr, Prepare}};

// Integers far enough apart to tell elements from each other.
std::vector<InputDomain> DomainsOf(DType dtype) {
  if (dtype != DType::kI32) return {};
  return {{-99, 99, true}};
}

std::vector<OpSample> ReshapeSamples() {
  const auto sample = [](std::string name, Dims from, std::vector<int64_t> to,
                         DType dtype = DType::kF32) {
    return OpSample{
        std::move(name), {{dtype, std::move(from)}}, {{"dims", to}}, DomainsOf(dtype)};
  };
  return {sample("add_ones", {6, 5}, {6, 1, 1, 5}),
          sample("drop_ones", {6, 1, 5, 1}, {6, 5}),
          sample("merge", {2, 4, 3, 5}, {2, 12, 5}),
          sample("split", {2, 12, 5}, {2, 4, 3, 5}),
          sample("regroup", {6, 4, 3}, {8, 9}),
          sample("unaligned", {4, 9}, {6, 3, 2}),
          sample("one_inside", {4, 1, 6}, {3, 8}),
          sample("scalar", {1, 1}, {}),
          sample("bf16", {3, 8}, {4, 6}, DType::kBF16),
          sample("i32", {3, 8}, {3, 2, 4}, DType::kI32)};
}

}  // namespace

Value Reshape(GraphBuilder& g, Value x, Dims dims) {
  return g.Call(ReshapeOp(), {x},
                Attrs{{"dims", std::vector<int64_t>(dims.begin(), dims.end())}});
}

const OpDef& ReshapeOp() {
  static const OpDef kOp = {
      .name = "reshape",
      .summary = "the same elements in row-major order under other dims",
      .infer = InferReshape,
      .rule = ReshapeRule,
      .cost = ReshapeCost,
      .gradient = ReshapeGradient,
      .reference = Reference::Of<ReshapeReference>(),
      .kernels = absl::MakeConstSpan(kKernels),
      .error = ErrorModel{ErrorModel::kExact},
      .may_overwrite = 0,
      .absorb = nullptr,
      .narrow = Operands::All(),
      .samples = ReshapeSamples,
  };
  return kOp;
}

}  // namespace tatami
