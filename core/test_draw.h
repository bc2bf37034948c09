// Whole numbers for tests of core, the same on every host.
#pragma once

#include <cstdint>
#include <random>

namespace tatami {

struct Draw {
  std::mt19937_64 bits;
  int64_t operator()(int64_t lo, int64_t hi) {  // in [lo, hi]
    return lo + static_cast<int64_t>(bits() % static_cast<uint64_t>(hi - lo + 1));
  }
};

}  // namespace tatami
