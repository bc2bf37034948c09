// A checkpoint of a few hundred bytes that has every case: dtypes, a scalar, an empty
// tensor, tensors of several chunks, several shards.
#pragma once

#include <cstdint>

#include "runtime/checkpoint/checkpoint.h"

namespace tatami::testing {

// Other values at each step, the same shapes.
Checkpoint SampleCheckpoint(int64_t step);

// Three shards and an index; chunks of 16 bytes.
inline constexpr CheckpointOptions kTinyShards = {
    .shard_bytes_max = 80, .chunk_bytes = 16, .keep = 2};

bool SameCheckpoint(const Checkpoint& a, const Checkpoint& b);

}  // namespace tatami::testing
