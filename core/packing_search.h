// The exact half of offset packing: does a set of buffers fit below a given height?
//
// Branch and bound over canonical packings: each buffer rests on base or on a buffer
// below it, and buffers are placed in order of offset, so every packing that matters is
// tried once (M. Moffitt, "MiniMalloc: A Lightweight Memory Allocator for
// Hardware-Accelerated Machine Learning", ASPLOS 2023). Ticks between which no buffer
// is left to place divide the rest into parts that are solved apart.
#pragma once

#include <cstdint>
#include <vector>

namespace tatami {

// A buffer of `size` units, alive in ticks [first, last].
struct PackingBlock {
  int64_t size = 0;
  int first = 0, last = 0;
};

enum class PackingAnswer { kFits, kDoesNotFit, kGaveUp };

// Finds offsets in [0, height - size] at which no two blocks alive at one tick overlap.
// `offsets` is set when the answer is kFits. Gives up after about `node_limit`
// placements; deterministic.
PackingAnswer FitBlocks(const std::vector<PackingBlock>& blocks, int64_t height,
                        int64_t node_limit, std::vector<int64_t>& offsets);

}  // namespace tatami
