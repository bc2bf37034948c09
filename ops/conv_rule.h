// Shapes, index rules and costs of the three convolution ops.
#pragma once

#include "core/op_def.h"
#include "ops/window.h"

namespace tatami {

// The sizes of y = conv(x, w), whichever of x, w, y a call makes.
struct ConvShape {
  int64_t n = 0, c = 0, k = 0, groups = 1;
  std::vector<WindowDim> windows;  // one per spatial dim
  std::vector<int64_t> in, out;    // spatial sizes of x and of y

  int spatial() const { return static_cast<int>(windows.size()); }
  // Each channel is convolved with its own filter: channels can be cut.
  bool depthwise() const { return groups > 1 && groups == c && groups == k; }
  int64_t group_c() const { return c / groups; }
  int64_t group_k() const { return k / groups; }
};

ConvShape ShapeOfConv(const OpCall& call);
ConvShape ShapeOfConvInputGrad(const OpCall& call);
ConvShape ShapeOfConvWeightGrad(const OpCall& call);

absl::StatusOr<TensorType> InferConv(const Attrs&, absl::Span<const TensorType>);
absl::StatusOr<TensorType> InferConvInputGrad(const Attrs&,
                                              absl::Span<const TensorType>);
absl::StatusOr<TensorType> InferConvWeightGrad(const Attrs&,
                                               absl::Span<const TensorType>);

// Factors, in order: the output's dims, then what is reduced, then taps (whole).
IndexRule ConvRule(const OpCall& call);
IndexRule ConvInputGradRule(const OpCall& call);
IndexRule ConvWeightGradRule(const OpCall& call);

// Two operations for each tap that meets the tensor; taps in padding cost nothing.
OpCost ConvCost(const OpCall& call, const Box& factors);
OpCost ConvInputGradCost(const OpCall& call, const Box& factors);
OpCost ConvWeightGradCost(const OpCall& call, const Box& factors);

// True when this part of a cut conv call adds the bias: its reduction begins at 0.
inline bool AddsBias(const LocalCall& at) {
  const bool cuts_reduction = at.call->attrs.Int("groups") == 1;
  return at.call->in.size() == 3 && !(cuts_reduction && at.in[0].back().begin > 0);
}

}  // namespace tatami
