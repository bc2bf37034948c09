// Whether two results of one call differ by more than rounding explains.
#pragma once

#include <string>
#include <vector>

#include "absl/types/span.h"
#include "core/op_def.h"

namespace tatami {

// Results as f32. `magnitude`, where errors grow with the number of terms of a sum, is
// by element the sum of the sizes of the terms; empty where the op's own error model
// holds for any shape.
struct ResultsToCompare {
  std::vector<float> ours, peer, magnitude;
  double largest_input = 0;  // magnitude of a continuous input
};

// Empty when each element is within what the two sides may be off by together, or a
// sentence that names the worst one. One side may be off by:
// - with magnitudes, gamma_t times them, gamma_t = t u / (1 - t u), u = 2^-24, t = the
//   op's own flops per element of the output, rounded up, plus 2 (Higham, Accuracy and
//   Stability of Numerical Algorithms, 2002, section 3.1: in any order of the sum);
// - else what the op's error model says (core/op_def.h);
// - and half a unit in the last place of a stored bf16.
std::string FindDisagreement(const LocalCall& at, const ResultsToCompare& results);

}  // namespace tatami
