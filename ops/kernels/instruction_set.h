// Which instructions the oneDNN kernels of this process use: their sums run in another
// order with others.
#pragma once

#include <string>

namespace tatami {

// As DNNL_MAX_CPU_ISA spells it: "AVX2".
std::string KernelInstructionSet();

}  // namespace tatami
