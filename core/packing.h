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

// The same, and where greedy placement ends above `limit` though the sizes alive at
// each tick would fit below it, searches for offsets that do (core/packing_search.h, up
// to `node_limit` placements). What lives throughout lies at the bottom, in the order
// of `items`: no packing is the worse for that. Deterministic.
int64_t PackBelow(int64_t limit, int64_t node_limit, int64_t base, int64_t alignment,
                  std::vector<PackedItem>& items);

// The largest sum of sizes alive at one tick: no packing can be lower.
int64_t PackingLowerBound(const std::vector<PackedItem>& items);

}  // namespace tatami
