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

class OneDnnMatmul : public PreparedKernel {
 public:
  explicit OneDnnMatmul(const LocalCall& call) {
    const OpCall& c = *call.call;
    a_ = OperandDesc(call.in[0], c.in[0].dtype, c.attrs.Int("transpose_a"));
    b_ = OperandDesc(call.in[1], c.in[1].dtype, c.attrs.Int("transpose_b"));
    c_ = OperandDesc(call.out, c.out.dtype, false);
    dnnl::primitive_attr attr;
    attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    const dnnl::matmul::primitive_desc desc(dnnl::matmul::desc(a_, b_, c_), attr,
                                            onednn::Engine());
    scratch_ = desc.scratchpad_desc();
    primitive_ = dnnl::matmul(desc);
  }

  void Run(const LocalCall&, absl::Span<const std::byte* const> in,
           std::byte* out) const override {
    const auto bind = [](const memory::desc& desc, const void* data) {
      return memory(desc, onednn::Engine(), const_cast<void*>(data));
    };
    primitive_.execute(
        onednn::ThreadStream(),
        {{DNNL_ARG_SRC, bind(a_, in[0])},
         {DNNL_ARG_WEIGHTS, bind(b_, in[1])},
         {DNNL_ARG_DST, bind(c_, out)},
         {DNNL_ARG_SCRATCHPAD,
          bind(scratch_, onednn::ThreadScratch(0, scratch_.get_size()))}});
  }

 private:
  memory::desc a_, b_, c_, scratch_;
  dnnl::matmul primitive_;
};

}  // namespace

absl::Status OneDnnMatmulSupports(const LocalCall& call) {
  if (IsEmpty(call.out) || IsEmpty(call.in[0])) {
    return absl::UnimplementedError("an operand is empty");
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
