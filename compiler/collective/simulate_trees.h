// All-reduce or broadcast over a packing of trees, chunk by chunk and link by link:
// what the time model of choose.h leaves out (chunks that wait for each other) is in
// here.
#pragma once

#include <cstdint>
#include <functional>

#include "compiler/collective/tree_packing.h"

namespace tatami {

struct ChunkTimes {
  int64_t chunks = 1;     // chunk k goes over tree k mod m
  int64_t link_time = 1;  // a link direction is busy with one chunk for so long
  int64_t hop_time = 0;   // after which the chunk is still under way for so long
};

enum class TreeWork { kAllReduce, kBroadcast };  // broadcast: from the trees' roots
enum class TreePhase { kReduce, kBroadcast };

// A chunk that arrived over a link. In kReduce it carries the sum of the subtree of
// `from`, in kBroadcast the sum of all nodes.
struct Arrival {
  int64_t time = 0;
  int64_t chunk = 0;
  TreePhase phase = TreePhase::kReduce;
  int32_t tree = 0, link = 0, from = 0, to = 0;
};

// Runs the work and returns the time of the last arrival. A node sends a chunk to
// its parent once all its children's have arrived, the root sends it down at once, and
// a node passes on what comes down at once; adding takes no time and every node has
// room for all that waits in it. A link direction carries one chunk at a time: of those
// ready, a broadcast before a reduce, then the lowest chunk, then the lowest tree.
// `on_arrival` (may be empty) sees every arrival in order of time; arrivals of one time
// come in a fixed order. Events: 2 (N - 1) per chunk, some 4 million a second.
int64_t SimulateTrees(const LinkGraph& graph, const TreePacking& packing,
                      const ChunkTimes& times, TreeWork work,
                      const std::function<void(const Arrival&)>& on_arrival);

}  // namespace tatami
