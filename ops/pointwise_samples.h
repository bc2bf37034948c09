// Samples that pointwise ops share: dense, broadcast, scalar, bf16, and rows longer
// than one chunk of the kernel.
#pragma once

#include <vector>

#include "core/op_def.h"

namespace tatami {

std::vector<OpSample> UnarySamples(InputDomain domain = {}, Attrs attrs = {});
std::vector<OpSample> BinarySamples(InputDomain a = {}, InputDomain b = {},
                                    Attrs attrs = {});

}  // namespace tatami
