// Cases for batch_norm and its gradient ops; statistics are derived from x.
#pragma once

#include <vector>

#include "core/op_def.h"

namespace tatami {

std::vector<OpSample> BatchNormSamples();
std::vector<OpSample> BatchNormGradSumsSamples();
std::vector<OpSample> BatchNormInputGradSamples();

}  // namespace tatami
