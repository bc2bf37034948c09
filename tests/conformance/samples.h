// Numbers for the samples of ops: drawn, rounded to storage, cut to boxes.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "core/op_def.h"

namespace tatami::conformance {

// One row of numbers per input of the call.
using Arrays = std::vector<std::vector<double>>;

// The call of a sample; fails as op.infer does.
absl::StatusOr<std::shared_ptr<const OpCall>> CallOfSample(const OpDef& op,
                                                           const OpSample& sample);

// False for labels, indices and flags: whole numbers that no slope can be taken along.
bool IsContinuous(const OpSample& sample, size_t input);

// Independent uniform draws from the sample's domains, then sample.derive.
Arrays DrawInputs(const OpSample& sample, uint64_t seed);

// The numbers as the storage types of the sample hold them.
Arrays RoundToStorage(const OpSample& sample, Arrays in);

// The elements of `box` of a whole tensor, dense and row-major.
std::vector<double> CutOut(const std::vector<double>& whole, const Dims& dims,
                           const Box& box);

// The f64 reference on exactly the operand boxes of `at`; returns the elements of
// at.out. Reading outside a box aborts.
std::vector<double> RunReference(const LocalCall& at, const Arrays& whole_inputs);

double LargestMagnitude(const Arrays& arrays);

// The largest magnitude that the continuous inputs have on the boxes of `at`, which
// ErrorModel::kUlps is counted in; 1 where no input is continuous. Labels and steps do
// not count: nothing rounds them, and a large one would excuse any error.
double LargestContinuousMagnitude(const OpSample& sample, const LocalCall& at,
                                  const Arrays& whole_inputs);

}  // namespace tatami::conformance
