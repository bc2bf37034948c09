// The cases that the conformance suite runs the convolution ops on: one list of
// geometries, seen from each of the three ops.
#pragma once

#include <vector>

#include "core/op_def.h"

namespace tatami {

std::vector<OpSample> ConvSamples();  // also with bias and with relu
std::vector<OpSample> ConvInputGradSamples();
std::vector<OpSample> ConvWeightGradSamples();

}  // namespace tatami
