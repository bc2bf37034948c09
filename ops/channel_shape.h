// What ops share that see a tensor as rows of channels: [.., C] and vectors [C].
#pragma once

#include "core/graph.h"

namespace tatami {

// in[0] is a floating tensor of rank >= 2; the inputs numbered in `likes` are like it,
// those in `vectors` f32 [C] whatever it is stored in, and there are `count` in all.
absl::Status CheckChannelOperands(absl::string_view op, absl::Span<const TensorType> in,
                                  size_t count, std::initializer_list<size_t> vectors,
                                  std::initializer_list<size_t> likes);

// Factors d0.. of the leading dims of x, of this kind, then c, the last dim, of that.
IndexRule ChannelRule(const TensorType& x, FactorKind leading, FactorKind channel);
// The operands of ChannelRule's factors: x itself, and a vector [C].
OperandRule ChannelOperand(const TensorType& x);
OperandRule ChannelVector(const TensorType& x);

// The number of positions: elements over channels.
inline int64_t Positions(const TensorType& x) { return x.num_elements() / x.dim(-1); }

// Row `row` of a [rows,C] value, as [C].
Value ChannelRow(GraphBuilder& g, Value rows, int64_t row);

// Refuses empty operands and storage other than f32.
absl::Status ChannelLoopsSupport(const LocalCall& call);

}  // namespace tatami
