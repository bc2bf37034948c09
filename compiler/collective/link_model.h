// What a link costs, and how long a pipeline of chunks over links takes by that.
#pragma once

#include <cstdint>

namespace tatami {

struct LinkModel {
  double bytes_per_s = 1;     // one direction
  double hop_s = 0;           // latency of one hop
  int64_t packet_bytes = 64;  // chunks are whole packets, each led by one of header

  double ChunkSeconds(int64_t chunk_bytes) const {
    return static_cast<double>(chunk_bytes + packet_bytes) / bytes_per_s;
  }
};

// Chunks of a tensor. The number is limited because each chunk is an entry in the
// program of every node, and an event per link in the simulation.
constexpr int64_t kChunksMax = 4096;

struct Pipeline {
  int64_t chunk_bytes = 0;
  int64_t chunks = 0;
  double seconds = 0;  // modelled
};

// The best chunk size for `bytes` that cross `hops` links one after the other when the
// busiest link carries the share `lambda` of all chunks:
//   T = hops (hop_s + c) + max(0, lambda chunks - 1) c,  c = (chunk + header) / B.
// With bytes = 0 nothing is sent.
Pipeline BestPipeline(int64_t bytes, int64_t hops, double lambda,
                      const LinkModel& link);

}  // namespace tatami
