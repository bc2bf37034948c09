// The order in which training visits its clips: every clip once per epoch, in an order
// that is a pure function of seed and position. The state of the order is one integer.
#pragma once

#include <cstdint>

namespace tatami {

// The image of `i` under a permutation of [0, count) picked by (seed, epoch). O(1)
// memory and time, so that any position can be resumed or drawn by any rank.
// REQUIRES: 0 <= i < count.
int64_t PermutedIndex(uint64_t seed, int64_t epoch, int64_t count, int64_t i);

// Which of `count` clips is at `position`, counted in samples from the start of
// training: epoch position / count. Slot s of step t with batch b is position t * b +
// s.
int64_t SampleAt(uint64_t seed, int64_t count, int64_t position);

}  // namespace tatami
