// The elements that a set of boxes covers, each counted once.
#pragma once

#include <cstdint>
#include <vector>

#include "core/box.h"

namespace tatami {

// Boxes of one rank. Cost of Add: that of cutting the box at each piece held so far, so
// it is meant for sets of few pieces; boxes within what is there cost one comparison a
// piece.
class BoxUnion {
 public:
  // Returns how many elements of `box` were not covered before.
  int64_t Add(const Box& box);

 private:
  std::vector<Box> pieces_;  // disjoint
};

}  // namespace tatami
