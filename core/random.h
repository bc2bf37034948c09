// Counter-based random numbers: a pure function of (seed, stream, index), so that
// values do not depend on how work is split. Philox4x32-10 of Salmon et al., "Parallel
// random numbers: as easy as 1, 2, 3", SC'11.
#pragma once

#include <array>
#include <cstdint>

#include "absl/strings/string_view.h"

namespace tatami {

std::array<uint32_t, 4> Philox4x32(std::array<uint32_t, 4> counter,
                                   std::array<uint32_t, 2> key);

// 64 random bits for element `index` of `stream` under `seed`.
uint64_t RandomBits(uint64_t seed, uint64_t stream, uint64_t index);

// Uniform in [0, 1) with 53 bits.
double RandomUniform(uint64_t seed, uint64_t stream, uint64_t index);

// Standard normal, by Box-Muller on two uniforms of the same index.
double RandomNormal(uint64_t seed, uint64_t stream, uint64_t index);

// A stream number for a name (FNV-1a), so that tensors draw independent numbers.
uint64_t StreamOf(absl::string_view name);

}  // namespace tatami
