#include "core/toy_ops.h"

#include "absl/strings/str_cat.h"
#include "core/check.h"
#include "core/error.h"

namespace tatami {
namespace {

// Nothing in core runs an op.
struct NoReference {
  template <typename T>
  static void Run(const LocalCall&, In<T>, const View<T>&) {}
};

absl::StatusOr<TensorType> InferMatmul(const Attrs&, absl::Span<const TensorType> in) {
  if (in.size() != 2 || in[0].rank() != 2 || in[1].rank() != 2 ||
      in[0].dim(1) != in[1].dim(0)) {
    return MakeError(ErrorCode::kBadGraph, "toy_matmul needs A[m,k] and B[k,n]");
  }
  return TensorType{in[0].dtype, {in[0].dim(0), in[1].dim(1)}};
}

IndexRule MatmulRule(const OpCall& call) {
  auto rule = ParseIndexRule("m k, k n -> m n", call.in, call.out);
  TATAMI_CHECK(rule.ok()) << rule.status();
  return *std::move(rule);
}

absl::StatusOr<TensorType> InferRows(const Attrs&, absl::Span<const TensorType> in) {
  if (in.size() != 1 || in[0].rank() == 0 || in[0].dtype != DType::kF32) {
    return MakeError(ErrorCode::kBadGraph, "toy_rows needs one f32 with rows");
  }
  return in[0];
}

IndexRule RowsRule(const OpCall& call) {
  const int whole[] = {-call.out.rank()};
  return PointwiseRule(call.in, call.out, whole);
}

OpCost NoCost(const OpCall&, const Box&) { return {}; }

std::vector<OpSample> MatmulSamples() {
  return {{.name = "2x3x4",
           .in = {{DType::kF32, {2, 3}}, {DType::kF32, {3, 4}}},
           .attrs = {{"scale", 1.0}}}};
}
std::vector<OpSample> RowsSamples() {
  return {{.name = "2x3", .in = {{DType::kF32, {2, 3}}}}};
}

}  // namespace

const OpDef& ToyMatmulOp() {
  static const OpDef kOp = {
      .name = "toy_matmul",
      .summary = "C[m,n] from A[m,k] and B[k,n]",
      .infer = InferMatmul,
      .rule = MatmulRule,
      .cost = NoCost,
      .gradient = Gradient::None("core differentiates nothing"),
      .reference = Reference::Of<NoReference>(),
      .kernels = absl::Span<const Kernel>(),
      .error = ErrorModel{},
      .may_overwrite = kNoAlias,
      .absorb = nullptr,
      .narrow = Operands::All(),
      .samples = MatmulSamples,
  };
  return kOp;
}

const OpDef& ToyRowsOp() {
  static const OpDef kOp = {
      .name = "toy_rows",
      .summary = "by element, rows whole",
      .infer = InferRows,
      .rule = RowsRule,
      .cost = NoCost,
      .gradient = Gradient::None("core differentiates nothing"),
      .reference = Reference::Of<NoReference>(),
      .kernels = absl::Span<const Kernel>(),
      .error = ErrorModel{},
      .may_overwrite = 0,
      .absorb = nullptr,
      .narrow = Operands::All(),
      .samples = RowsSamples,
  };
  return kOp;
}

}  // namespace tatami
