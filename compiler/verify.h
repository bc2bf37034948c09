// What must hold of every Program, whatever made it.
#pragma once

#include "absl/status/status.h"
#include "core/program.h"

namespace tatami {

// Checks, node class by node class and superstep by superstep:
//  1. every call reads buffers placed as its rule needs, written before in the same
//  step;
//  2. an exchange reads only partitions, whose boxes cover what is needed, each element
//  once
//     per term;
//  3. no exchange or call writes over bytes that are still to be read;
//  4. every buffer lies inside the SRAM and outside the code.
// Returns Internal naming property, superstep, tensor and node: it is our bug.
absl::Status VerifyProgram(const Program& program);

}  // namespace tatami
