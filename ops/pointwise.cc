#include "ops/pointwise.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "core/error.h"

namespace tatami {

absl::StatusOr<TensorType> InferPointwise(const Attrs&,
                                          absl::Span<const TensorType> in) {
  TensorType out = in[0];
  for (const TensorType& type : in) {
    if (type.rank() > out.rank()) out.dims = type.dims;
  }
  for (const TensorType& type : in) {
    const auto fail = [&](absl::string_view what) {
      return MakeError(ErrorCode::kBadGraph,
                       absl::StrCat("pointwise operands need ", what, "; got ",
                                    in[0].ToString(), " and ", type.ToString()));
    };
    if (type.dtype != out.dtype) return fail("one element type: insert a cast");
    const int lead = out.rank() - type.rank();
    for (int d = 0; d < type.rank(); ++d) {
      int64_t& size = out.dims[lead + d];
      if (size == 1) size = type.dim(d);
      if (type.dim(d) != 1 && type.dim(d) != size)
        return fail("dims that are equal or 1");
    }
  }
  return out;
}

namespace pointwise {

std::vector<int64_t> BroadcastStrides(const LocalCall& call, int in) {
  const Box& box = call.in[in];
  const int rank = static_cast<int>(call.out.size());
  const int lead = rank - static_cast<int>(box.size());
  std::vector<int64_t> strides(rank, 0);
  int64_t stride = 1;
  for (int d = static_cast<int>(box.size()) - 1; d >= 0; --d) {
    const bool broadcast =
        call.call->in[in].dim(d) == 1 && call.call->out.dim(lead + d) != 1;
    strides[lead + d] = broadcast ? 0 : stride;
    stride *= box[d].size();
  }
  return strides;
}

absl::Status SupportsF32(const LocalCall& call) {
  if (IsEmpty(call.out)) return absl::UnimplementedError("empty output");
  for (const TensorType& type : call.call->in) {
    if (type.dtype != DType::kF32)
      return absl::UnimplementedError("an operand is not f32");
  }
  return absl::OkStatus();
}

}  // namespace pointwise
}  // namespace tatami
