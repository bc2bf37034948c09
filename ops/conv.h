// Convolution over 2 or 3 spatial dims, and the two ops its gradients are made of.
// The three are closed under differentiation.
//
// Activations are channels-last, [N,H,W,C] or [N,T,H,W,C]; weights have PyTorch's
// order, [K, C/groups, kh, kw] or [K, C/groups, kt, kh, kw]. The rank decides which.
#pragma once

#include "core/graph.h"
#include "ops/window.h"

namespace tatami {

struct ConvOptions {
  WindowOptions window;
  int64_t groups = 1;  // divides C and K; group i joins the i-th share of both
};

// y[n,o..,k] = sum over c and taps q of x[n, o*stride-pad_lo+q*dilation, c] w[k,c,q].
// Without groups the reduction over c may be cut; with groups == C == K (depthwise) the
// channels may be; with other groups no channel is cut. Errors: E0107.
Value Conv(GraphBuilder& g, Value x, Value w, const ConvOptions& options = {});
// As Conv, plus bias[K], which the part whose reduction interval begins at 0 adds.
Value ConvBias(GraphBuilder& g, Value x, Value w, Value bias,
               const ConvOptions& options = {});

// The gradient of Conv by x: dx[N,input_dims..,C] from dy[N,O..,K]. `input_dims` are
// the spatial sizes of x, of which a strided Conv makes the sizes of dy.
Value ConvInputGrad(GraphBuilder& g, Value dy, Value w,
                    const std::vector<int64_t>& input_dims, const ConvOptions& options);
// The gradient of Conv by w: dw[K,C/groups,kernel..] from x and dy.
Value ConvWeightGrad(GraphBuilder& g, Value x, Value dy,
                     const std::vector<int64_t>& kernel, const ConvOptions& options);

// Transposed convolution as PyTorch defines it: w is [C_in, C_out/groups, kernel..] and
// an output dim is (in-1)*stride - pad_lo - pad_hi + (kernel-1)*dilation + 1 +
// output_padding. `output_padding` (below the stride) may be empty.
Value ConvTranspose(GraphBuilder& g, Value x, Value w, const ConvOptions& options,
                    std::vector<int64_t> output_padding = {});

// The options of a call of any of the three ops.
ConvOptions ReadConvOptions(const Attrs& attrs);

const OpDef& ConvOp();
const OpDef& ConvInputGradOp();
const OpDef& ConvWeightGradOp();

}  // namespace tatami
