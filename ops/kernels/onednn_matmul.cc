#include "ops/kernels/onednn_matmul.h"

#include <numeric>

#include "ops/kernels/onednn_runtime.h"

namespace tatami {
namespace {

using dnnl::memory;

// Collapses the leading dims to one batch dim and swaps the last two where asked.
memory::desc OperandDesc(const Box& box, DType dtype, bool transpose) {
  const Dims extents = Extents(box);
  const size_t rank = extents.size();
  int64_t batch = 1;
  for (size_t d = 0; d + 2 < rank; ++d) batch *= extents[d];
  const int64_t rows = extents[rank - 2], cols = extents[rank - 1];
  if (transpose) {
    return {{batch, cols, rows}, onednn::DataType(dtype), {rows * cols, 1, cols}};
  }
  return {{batch, rows, cols}, onednn::DataType(dtype), {rows * cols, cols, 1}};
}

onednn::BoundPrimitive MatmulOf(const LocalCall& call) {
  const OpCall& op = *call.call;
  const memory::desc a =
      OperandDesc(call.in[0], op.in[0].dtype, op.attrs.Int("transpose_a"));
  const memory::desc b =
      OperandDesc(call.in[1], op.in[1].dtype, op.attrs.Int("transpose_b"));
  const memory::desc c = OperandDesc(call.out, op.out.dtype, false);
  const dnnl::matmul::primitive_desc desc(dnnl::matmul::desc(a, b, c),
                                          onednn::PrimitiveAttr(), onednn::Engine());
  return {dnnl::matmul(desc),
          desc.scratchpad_desc(),
          {{DNNL_ARG_SRC, a}, {DNNL_ARG_WEIGHTS, b}, {DNNL_ARG_DST, c}}};
}

class OneDnnMatmul : public PreparedKernel {
 public:
  explicit OneDnnMatmul(const LocalCall& call) : matmul_(MatmulOf(call)) {}

  void Run(const LocalCall&, absl::Span<const std::byte* const> in,
           std::byte* out) const override {
    matmul_.Run(
        {{DNNL_ARG_SRC, in[0]}, {DNNL_ARG_WEIGHTS, in[1]}, {DNNL_ARG_DST, out}});
  }

 private:
  onednn::BoundPrimitive matmul_;
};

}  // namespace

absl::Status OneDnnMatmulSupports(const LocalCall& call) {
  if (IsEmpty(call.out) || IsEmpty(call.in[0])) {
    return absl::UnimplementedError("an operand is empty");
  }
  try {
    MatmulOf(call);
  } catch (const dnnl::error& error) {  // bf16 where the processor has no such unit
    return absl::UnimplementedError(onednn::FromException(error, call).message());
  }
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<PreparedKernel>> PrepareOneDnnMatmul(
    const LocalCall& call) {
  try {
    return std::make_shared<OneDnnMatmul>(call);
  } catch (const dnnl::error& error) {
    return onednn::FromException(error, call);
  }
}

}  // namespace tatami
