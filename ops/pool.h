// Pooling over 2 or 3 spatial dims of channels-last activations. Positions in padding
// never count as values; every window must meet the tensor.
#pragma once

#include "core/graph.h"
#include "ops/window.h"

namespace tatami {

struct PoolOptions {
  std::vector<int64_t> kernel;  // one per spatial dim
  WindowOptions window;
};

// y[n,o..,c] = the largest x in the window of o; NaN where one is in the window.
// Errors: E0107.
Value MaxPool(GraphBuilder& g, Value x, const PoolOptions& options);
// Its gradient: dy goes to the first maximum of each window in row-major order, a NaN
// counting as smaller than what precedes it.
Value MaxPoolGrad(GraphBuilder& g, Value x, Value dy, const PoolOptions& options);

struct AveragePoolOptions {
  PoolOptions pool;
  // 1: divide by the taps of the window, 0: by those that meet the tensor.
  int64_t count_include_pad = 1;
};
// y[n,o..,c] = the sum of x in the window of o over the count above. Errors: E0107.
Value AveragePool(GraphBuilder& g, Value x, const AveragePoolOptions& options);
// Its gradient, with the spatial sizes `input_dims`.
Value AveragePoolGrad(GraphBuilder& g, Value dy, const std::vector<int64_t>& input_dims,
                      const AveragePoolOptions& options);

const OpDef& MaxPoolOp();
const OpDef& MaxPoolGradOp();
const OpDef& AveragePoolOp();
const OpDef& AveragePoolGradOp();

}  // namespace tatami
