#include "runtime/simulator/ring_collectives.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "core/status_macros.h"

namespace tatami {
namespace {

// Times of one dimension.
class Ring {
 public:
  Ring(const RingDimension& dimension, const RingRates& rates)
      : dimension_(dimension), rates_(rates) {}

  int64_t ReduceScatterNs(int64_t bytes) const {
    const int64_t message = bytes / dimension_.nodes;
    const int64_t memory_ns = 3 * (message / rates_.memory_bytes_per_ns);
    return StageNs(dimension_.nodes - 1, NetNs(message) + memory_ns);
  }
  int64_t AllGatherNs(int64_t bytes) const {
    return StageNs(dimension_.nodes - 1, NetNs(bytes));
  }
  int64_t AllToAllNs(int64_t bytes) const {
    return StageNs(dimension_.nodes * (dimension_.nodes - 1) / 2,
                   NetNs(bytes / dimension_.nodes));
  }
  // Reduce-scatter and all-gather in one stage, which ends once.
  int64_t AllReduceNs(int64_t bytes) const {
    return ReduceScatterNs(bytes) + AllGatherNs(bytes / dimension_.nodes) -
           rates_.endpoint_ns;
  }

 private:
  int64_t StageNs(int64_t messages, int64_t message_ns) const {
    return messages * (message_ns + rates_.endpoint_ns) + rates_.endpoint_ns;
  }
  int64_t NetNs(int64_t message) const {
    const double latency_ns = static_cast<double>(rates_.link_latency_ns);
    const double wire_ns = static_cast<double>(message) / rates_.link_bytes_per_ns;
    switch (dimension_.wire) {
      case RingWire::kRing:
        return static_cast<int64_t>(latency_ns + wire_ns);
      case RingWire::kSwitch:
        return static_cast<int64_t>(2 * latency_ns + wire_ns);
      case RingWire::kStoreAndForwardSwitch:
        return static_cast<int64_t>(2 * (latency_ns + wire_ns));
    }
    return 0;
  }

  RingDimension dimension_;
  RingRates rates_;
};

struct Stage {
  size_t dimension = 0;
  int64_t ns = 0;
};

// The stages that a chunk of `bytes` passes through.
std::vector<Stage> StagesOf(RingCollective collective,
                            const std::vector<RingDimension>& dimensions, int64_t bytes,
                            const RingRates& rates) {
  std::vector<Stage> stages;
  const size_t last = dimensions.size() - 1;
  for (size_t d = 0; d <= last; ++d) {
    const Ring ring(dimensions[d], rates);
    switch (collective) {
      case RingCollective::kAllReduce:
        stages.push_back(
            {d, d == last ? ring.AllReduceNs(bytes) : ring.ReduceScatterNs(bytes)});
        if (d < last) bytes /= dimensions[d].nodes;
        break;
      case RingCollective::kReduceScatter:
        stages.push_back({d, ring.ReduceScatterNs(bytes)});
        bytes /= dimensions[d].nodes;
        break;
      case RingCollective::kAllGather:
        stages.push_back({d, ring.AllGatherNs(bytes)});
        bytes *= dimensions[d].nodes;
        break;
      case RingCollective::kAllToAll:
        stages.push_back({d, ring.AllToAllNs(bytes)});
        break;
    }
  }
  if (collective == RingCollective::kAllReduce) {
    for (size_t d = last; d-- > 0;) {
      stages.push_back({d, Ring(dimensions[d], rates).AllGatherNs(bytes)});
      bytes *= dimensions[d].nodes;
    }
  }
  return stages;
}

// Chunks in a row of servers, one a dimension.
class ChunkPipeline {
 public:
  ChunkPipeline(std::vector<Stage> stages, size_t dimensions)
      : stages_(std::move(stages)), waiting_(dimensions), busy_(dimensions, 0) {}

  // The time when the last chunk has passed its last stage.
  int64_t Run(int64_t chunks) {
    for (int64_t chunk = 0; chunk < chunks; ++chunk) Enter({chunk, 0});
    while (!running_.empty()) {
      const auto [end_ns, work] = *running_.begin();
      running_.erase(running_.begin());
      now_ns_ = end_ns;
      const size_t dimension = stages_[work.second].dimension;
      busy_[dimension] = 0;
      if (work.second + 1 < stages_.size()) Enter({work.first, work.second + 1});
      Serve(dimension);
    }
    return now_ns_;
  }

 private:
  using Work = std::pair<int64_t, size_t>;  // chunk and stage

  void Enter(Work work) {
    const size_t dimension = stages_[work.second].dimension;
    waiting_[dimension].insert(work);
    Serve(dimension);
  }
  void Serve(size_t dimension) {
    std::set<Work>& waiting = waiting_[dimension];
    if (busy_[dimension] != 0 || waiting.empty()) return;
    const Work newest = *waiting.rbegin();
    waiting.erase(newest);
    busy_[dimension] = 1;
    running_.insert({now_ns_ + stages_[newest.second].ns, newest});
  }

  std::vector<Stage> stages_;
  std::vector<std::set<Work>> waiting_;  // by dimension, the newest chunk last
  std::vector<char> busy_;               // by dimension
  std::set<std::pair<int64_t, Work>> running_;
  int64_t now_ns_ = 0;
};

absl::Status CheckArguments(const std::vector<RingDimension>& dimensions, int64_t bytes,
                            const RingRates& rates) {
  for (const RingDimension& d : dimensions) {
    if (d.nodes < 2) {
      return MakeError(ErrorCode::kBadFlag,
                       absl::StrCat("a ring of ", d.nodes,
                                    " nodes sends nothing; leave the dimension out."));
    }
  }
  if (dimensions.empty() || bytes < 1 || rates.chunks < 1 ||
      !(rates.link_bytes_per_ns > 0) || rates.memory_bytes_per_ns < 1 ||
      rates.link_latency_ns < 0 || rates.endpoint_ns < 0) {
    return MakeError(
        ErrorCode::kBadFlag,
        absl::StrCat("a ring collective needs a dimension, bytes, chunks and rates "
                     "above 0 and no negative latency; got ",
                     dimensions.size(), " dimensions, ", bytes, " bytes, ",
                     rates.chunks, " chunks, links of ", rates.link_bytes_per_ns,
                     " B/ns and ", rates.link_latency_ns, " ns, endpoints of ",
                     rates.endpoint_ns, " ns, memory of ", rates.memory_bytes_per_ns,
                     " B/ns."));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<int64_t> RingCollectiveNs(RingCollective collective,
                                         const std::vector<RingDimension>& dimensions,
                                         int64_t bytes, const RingRates& rates) {
  TATAMI_RETURN_IF_ERROR(CheckArguments(dimensions, bytes, rates));
  ChunkPipeline pipeline(StagesOf(collective, dimensions, bytes / rates.chunks, rates),
                         dimensions.size());
  return pipeline.Run(rates.chunks);
}

}  // namespace tatami
