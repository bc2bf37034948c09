#include "compiler/collective/link_model.h"

#include <algorithm>

namespace tatami {

Pipeline BestPipeline(int64_t bytes, int64_t hops, double lambda,
                      const LinkModel& link) {
  Pipeline best;
  if (bytes == 0 || hops == 0) return best;
  const int64_t packets = (bytes + link.packet_bytes - 1) / link.packet_bytes;
  for (int64_t chunks = 1; chunks <= std::min(packets, kChunksMax); ++chunks) {
    // Rounding up to whole packets can leave fewer chunks than asked for.
    const int64_t size = (packets + chunks - 1) / chunks;
    Pipeline p{.chunk_bytes = size * link.packet_bytes,
               .chunks = (packets + size - 1) / size};
    const double chunk_s = link.ChunkSeconds(p.chunk_bytes);
    p.seconds = static_cast<double>(hops) * (link.hop_s + chunk_s) +
                std::max(0.0, lambda * static_cast<double>(p.chunks) - 1) * chunk_s;
    if (best.chunks == 0 || p.seconds < best.seconds) best = p;
  }
  return best;
}

}  // namespace tatami
