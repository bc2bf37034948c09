// Offset packing: places buffers with lifetimes in one address range. The planner and
// the emulator's arenas use the same offsets, so what fits here fits there.
#pragma once

#include <cstdint>
#include <vector>

namespace tatami {

struct PackedItem {
  int64_t bytes = 0;
  int first = 0, last = 0;  // alive in ticks [first, last]
  int64_t offset = 0;       // result
};

// Sets every offset (a multiple of `alignment`, from `base` up) so that items alive at
// one tick do not overlap, and returns the end of the highest. Greedy best fit over
// several orders, the best kept; deterministic. O(n^2) per order.
int64_t PackOffsets(int64_t base, int64_t alignment, std::vector<PackedItem>& items);

// The largest sum of sizes alive at one tick: no packing can be lower.
int64_t PackingLowerBound(const std::vector<PackedItem>& items);

}  // namespace tatami
