#include "ops/pointwise.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "core/check.h"
#include "core/error.h"

namespace tatami {

absl::StatusOr<TensorType> InferPointwise(const Attrs&, absl::Span<const TensorType> in,
                                          int arity) {
  if (static_cast<int>(in.size()) != arity) {
    return MakeError(ErrorCode::kBadGraph, absl::StrCat("pointwise op of ", arity,
                                                        " operands got ", in.size()));
  }
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
namespace {

// Element strides of operand `in` along each output dim; 0 where it broadcasts.
Dims BroadcastStrides(const LocalCall& call, int in) {
  const Box& box = call.in[in];
  const int rank = static_cast<int>(call.out.size());
  const int lead = rank - static_cast<int>(box.size());
  Dims strides(rank, 0);
  int64_t stride = 1;
  for (int d = static_cast<int>(box.size()) - 1; d >= 0; --d) {
    const bool broadcast =
        call.call->in[in].dim(d) == 1 && call.call->out.dim(lead + d) != 1;
    strides[lead + d] = broadcast ? 0 : stride;
    stride *= box[d].size();
  }
  return strides;
}

}  // namespace

RowWalk::RowWalk(const LocalCall& call, int arity)
    : extents_(Extents(call.out)), arity_(arity) {
  TATAMI_CHECK(arity <= kMaxArity) << *call.call->op->name;
  for (int i = 0; i < arity; ++i) strides_[i] = BroadcastStrides(call, i);
  // A dim of one element is walked by nobody, so its stride does not matter.
  for (int d = static_cast<int>(extents_.size()) - 1; d >= 0; --d) {
    if (extents_[d] != 1) continue;
    extents_.erase(extents_.begin() + d);
    for (int i = 0; i < arity; ++i) strides_[i].erase(strides_[i].begin() + d);
  }
  if (extents_.empty()) return;
  for (int i = 0; i < arity; ++i) moves_[i] = strides_[i].back() != 0;
  const auto merges = [&](size_t d) {
    for (int i = 0; i < arity; ++i) {
      if (strides_[i][d] != (moves_[i] ? row_ : 0)) return false;
    }
    return true;
  };
  while (!extents_.empty() && merges(extents_.size() - 1)) {
    row_ *= extents_.back();
    extents_.pop_back();
  }
  index_.assign(extents_.size(), 0);
}

bool RowWalk::Next() {
  for (int d = static_cast<int>(extents_.size()) - 1; d >= 0; --d) {
    for (int i = 0; i < arity_; ++i) offsets_[i] += strides_[i][d];
    if (++index_[d] < extents_[d]) return true;
    for (int i = 0; i < arity_; ++i) {
      offsets_[i] -= index_[d] * strides_[i][d];
    }
    index_[d] = 0;
  }
  return false;
}

}  // namespace pointwise
}  // namespace tatami
