// Reductions over dims, their adjoint (spread), and sums that undo broadcasting.
#pragma once

#include <vector>

#include "core/graph.h"

namespace tatami {

struct ReduceOptions {
  int64_t keep_dims = 0;  // 1: reduced dims stay, with size 1; 0: they disappear
};

// `dims` may be negative (from the end). Results have the type of x. Errors: E0107 for
// a dim out of range or named twice, and for i32 (except ReduceMax).
Value ReduceSum(GraphBuilder& g, Value x, std::vector<int64_t> dims,
                ReduceOptions options = {});
// Divides by the number of elements of the whole tensor, however it is cut.
Value ReduceMean(GraphBuilder& g, Value x, std::vector<int64_t> dims,
                 ReduceOptions options = {});
// The gradient goes to the largest elements, in equal shares where several tie.
Value ReduceMax(GraphBuilder& g, Value x, std::vector<int64_t> dims,
                ReduceOptions options = {});
// The sum of squares.
Value ReduceSumSquares(GraphBuilder& g, Value x, std::vector<int64_t> dims,
                       ReduceOptions options = {});

// 0, 1, .., rank - 1.
std::vector<int64_t> AllDims(const TensorType& type);

// Sums x over the dims along which a tensor of `type` was broadcast to x's shape: the
// gradient of broadcasting. x itself when there are none.
Value SumTo(GraphBuilder& g, Value x, const TensorType& type);

// The inverse of a reduction's index map: repeats x along `dims` of the result, which
// has the shape `shape`. x lacks those dims except the ones in `keep`, where it has
// size 1.
Value Spread(GraphBuilder& g, Value x, const Dims& shape, std::vector<int64_t> dims,
             std::vector<int64_t> keep);

const OpDef& ReduceSumOp();
const OpDef& ReduceMeanOp();
const OpDef& ReduceMaxOp();
const OpDef& ReduceSumSquaresOp();
const OpDef& SpreadOp();

}  // namespace tatami
