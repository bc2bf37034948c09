// What repeated runs of one measurement have in common.
#pragma once

#include <vector>

namespace tatami {

struct Spread {
  double min = 0, median = 0, max = 0;
};

// The median of an even number of runs is the mean of the two in the middle.
// REQUIRES: runs is not empty.
Spread SpreadOf(std::vector<double> runs);

}  // namespace tatami
