// Ring collectives of a torus in closed form, in nanoseconds: what the ring algorithm
// of ASTRA-sim's analytical network takes, to the nanosecond.
//
// It is a check for collectives of the same algorithm, not a model of a mesh: a ring
// keeps one of a node's four outgoing links busy, so a mesh may well be four times
// faster. The constants and the 33 published times that it reproduces are in the test.
//
// A collective is cut into equal chunks. A chunk passes through stages, one ring each;
// a stage sends its messages one after the other:
//
//   reduce-scatter  N - 1 messages of D / N   each net + endpoint + 3 memory passes
//   all-gather      N - 1 messages of D       each net + endpoint
//   all-to-all      N (N - 1) / 2 of D / N    each net + endpoint
//   each stage      one endpoint more
//
// for a ring of N nodes and a chunk of D bytes a node; net = latency + message / rate,
// rounded down. A reduce-scatter leaves D / N for the next ring, an all-gather D * N.
// An all-reduce is reduce-scatters along the dimensions, then all-gathers back; the
// last dimension does both in one stage. Each dimension serves one chunk at a time. The
// first chunk is there before the others and starts at once; after that the newest that
// waits goes first.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"

namespace tatami {

enum class RingCollective { kAllReduce, kReduceScatter, kAllGather, kAllToAll };

// What a message of one dimension crosses.
enum class RingWire {
  kRing,                   // one link
  kSwitch,                 // two links, sent through
  kStoreAndForwardSwitch,  // two links, received whole before it goes on
};

struct RingDimension {
  int64_t nodes = 2;
  RingWire wire = RingWire::kRing;
};

struct RingRates {
  double link_bytes_per_ns = 0;
  int64_t link_latency_ns = 0;
  int64_t endpoint_ns = 0;          // of a node, for each message
  int64_t memory_bytes_per_ns = 0;  // of a node; two reads and a write to reduce
  int64_t chunks = 1;
};

// Time of a collective over all `dimensions`, which is entered with `bytes` a node.
// Errors: kBadFlag for no dimension, one below 2 nodes, bytes or rates below 1.
absl::StatusOr<int64_t> RingCollectiveNs(RingCollective collective,
                                         const std::vector<RingDimension>& dimensions,
                                         int64_t bytes, const RingRates& rates);

}  // namespace tatami
