// Collectives measured between ranks: a Program's exchange, run by the emulator, beside
// the library's own on the same bytes between the same ranks.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "runtime/collective_peer.h"
#include "runtime/transport.h"
#include "tools/bench/spread.h"

namespace tatami {

enum class Collective : uint8_t { kAllReduce, kReduceScatter, kAllGather };

struct MeasureCollectivesOptions {
  std::vector<int64_t> sizes;  // bytes of the whole vector, a multiple of 4 x ranks
  int runs = 7;                // timed ones of each side
  double run_seconds = 0.05;   // a run repeats the collective for about so long
};

struct MeasuredCollective {
  std::string name;   // "all-reduce"
  int64_t bytes = 0;  // of the whole vector
  // Of one collective, on the rank where it took longest. Ours without the compute that
  // makes the terms of the next one, which is no part of it.
  Spread ours_s, peer_s;
  double ratio = 0;  // how many times as fast ours is
  // Of our time: packing, copies and sums; the rest waits for other ranks.
  double copy_share = 0;
};

// One node a rank, a row of them. Both results are compared, bit for bit on whole
// numbers, before anything is timed; the two sides take turns. Collective; the times
// are rank 0's to use. Errors: Internal naming the first element that differs; those of
// the transport.
absl::StatusOr<std::vector<MeasuredCollective>> MeasureCollectives(
    Transport& transport, CollectivePeer& peer,
    const MeasureCollectivesOptions& options);

}  // namespace tatami
