// Index rules: what an op does with indices, as data. Legal cuts, halos, partial sums
// and shard costs are all derived from the rule; no pass knows an op by name.
//
// A rule names factors. Each output dim runs over one parallel factor. Each input dim
// is an affine interval map of one factor, or is needed whole. Matmul is
//     factors  m n parallel, k reduce;   A[m, k]  B[k, n]  ->  C[m, n].
// A window (kernel k, stride s, dilation d, padding p) is the map of an output interval
// to the input interval [o.begin*s - p, (o.end-1)*s - p + (k-1)*d + 1), clipped to the
// tensor.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/box.h"
#include "core/tensor_type.h"

namespace tatami {

enum class FactorKind : uint8_t {
  kParallel,  // may be cut; each part computes its own part of the output
  kReduce,    // may be cut; each part computes partial results over all of the output
  kWhole,     // may not be cut
};

struct Factor {
  std::string name;
  int64_t size = 1;
  FactorKind kind = FactorKind::kParallel;
};

// Maps a factor interval to a dim interval:
//   [floor((num*begin + lo) / den), floor((num*(end-1) + hi) / den) + 1), clipped.
// It may be a superset of what is read, never a subset. An empty interval maps to
// empty.
struct IndexMap {
  int64_t num = 1, den = 1, lo = 0, hi = 0;

  Interval Apply(const Interval& factor, int64_t dim_size) const;
  bool IsIdentity() const { return num == 1 && den == 1 && lo == 0 && hi == 0; }
  std::string ToString() const;
  friend bool operator==(const IndexMap&, const IndexMap&) = default;

  // What output interval o of a sliding window reads.
  static IndexMap Window(int64_t kernel, int64_t stride, int64_t dilation,
                         int64_t padding) {
    return {stride, 1, -padding, (kernel - 1) * dilation - padding};
  }
  // The window outputs that a given input interval takes part in: the adjoint's need.
  static IndexMap Adjoint(int64_t kernel, int64_t stride, int64_t dilation,
                          int64_t padding) {
    return {1, stride, padding - (kernel - 1) * dilation + stride - 1, padding};
  }
  static IndexMap Shift(int64_t offset) { return {1, 1, offset, offset}; }
};

constexpr int kWholeDim = -1;

// One dim of an operand: a map of one factor, or the whole dim.
struct OperandDim {
  int factor = kWholeDim;
  IndexMap map;
};
using OperandRule = std::vector<OperandDim>;

struct IndexRule {
  std::vector<Factor> factors;
  std::vector<OperandRule> inputs;
  // Output dims are identities of parallel or whole factors; each factor at most once.
  OperandRule output;
  Combine combine = Combine::kSum;  // how parts of a cut reduce factor combine

  int FindFactor(absl::string_view name) const;  // -1 when absent
  Box WholeFactors() const;
  std::string ToString() const;
};

// "m k!, k n -> m n" with the operand shapes: letters are factors, one per dim,
// separated by spaces; a factor absent from the output is a reduction; '!' forbids
// cutting; '_' is a dim needed whole. Sizes are read off the operands and must agree.
absl::StatusOr<IndexRule> ParseIndexRule(absl::string_view text,
                                         absl::Span<const TensorType> in,
                                         const TensorType& out);

// Every output dim is its own factor d0, d1..; inputs broadcast from the right as in
// NumPy. `whole_dims` (negative from the end) may not be cut.
IndexRule PointwiseRule(absl::Span<const TensorType> in, const TensorType& out,
                        absl::Span<const int> whole_dims = {});

// The box of an operand that the given factor intervals need (inputs) or make (output).
Box OperandBox(const OperandRule& operand, const Box& factors, const Dims& dims);

// Empty or a sentence that says which clause of the contract above the rule breaks.
std::string FindRuleFault(const IndexRule& rule, absl::Span<const TensorType> in,
                          const TensorType& out);

}  // namespace tatami
