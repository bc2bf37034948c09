// Resize: the H and W dims of channels-last images to other sizes.
#pragma once

#include "core/graph.h"
#include "ops/resize_axis.h"

namespace tatami {

// x is [N,H,W,C] or [N,T,H,W,C]; the result has H = out_h and W = out_w. Nearest takes
// any element type and reads pixel floor(o in / out). Bilinear takes floating types and
// is PyTorch's interpolate with align_corners=false and without antialiasing. Every dim
// can be cut. Errors: E0107.
struct ResizeOptions {
  ResizeMethod method = ResizeMethod::kNearest;
};
Value Resize(GraphBuilder& g, Value x, int64_t out_h, int64_t out_w,
             ResizeOptions options = {});

// The gradient of Resize by an x with sizes in_h and in_w: each input pixel sums over
// the output pixels that read it, rows before columns, both ascending.
Value ResizeGrad(GraphBuilder& g, Value d_out, int64_t in_h, int64_t in_w,
                 ResizeOptions options = {});

const OpDef& ResizeNearestOp();
const OpDef& ResizeNearestGradOp();
const OpDef& ResizeBilinearOp();
const OpDef& ResizeBilinearGradOp();

}  // namespace tatami
