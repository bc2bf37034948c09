// oneDNN's convolution for conv, conv_input_grad and conv_weight_grad.
//
// Activations stay channels-last; weights are reordered inside each run from PyTorch's
// order into the layout that oneDNN prefers, in scratch that the thread owns. Measured
// (1 thread, AVX-512, f32, batches of 1 to 8): the reorder takes about 1 % of a run,
// and oneDNN's direct algorithm on whole, idle-machine shapes is at or above PyTorch's
// rate, so there is no second algorithm. Weak: the gradient by x of a first layer (C =
// 3).
#pragma once

#include "core/op_def.h"

namespace tatami {

// Which operand of y = conv(x, w) a call makes.
enum class ConvPass { kForward, kInputGrad, kWeightGrad };

// Refuses empty operands and what oneDNN has no implementation for.
template <ConvPass pass>
absl::Status OneDnnConvSupports(const LocalCall& call);
// Equal for shards whose extents and whose own padding are equal.
template <ConvPass pass>
std::string OneDnnConvKey(const LocalCall& call);
template <ConvPass pass>
absl::StatusOr<std::shared_ptr<PreparedKernel>> PrepareOneDnnConv(
    const LocalCall& call);

}  // namespace tatami
