#include "runtime/simulator/flit.h"

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "core/random.h"
#include "core/status_macros.h"

namespace tatami {
namespace {

// Where a node's packets go. Uniform traffic draws by (seed, node, number).
class Destinations {
 public:
  Destinations(const Mesh& mesh, TrafficPattern pattern, uint64_t seed)
      : mesh_(mesh), pattern_(pattern), seed_(seed) {}

  int32_t Of(int64_t node, int64_t number) const {
    if (pattern_ == TrafficPattern::kUniform) {
      const uint64_t bits =
          RandomBits(seed_, StreamOf("destination") + static_cast<uint64_t>(node),
                     static_cast<uint64_t>(number));
      return static_cast<int32_t>(bits % static_cast<uint64_t>(mesh_.nodes()));
    }
    const NodeCoord at = NodeAt(node, mesh_);
    const NodeCoord to =
        pattern_ == TrafficPattern::kTranspose
            ? NodeCoord{at.col, at.row}
            : NodeCoord{Along(at.row, mesh_.rows), Along(at.col, mesh_.cols)};
    return static_cast<int32_t>(NodeIndex(to, mesh_));
  }

 private:
  int64_t Along(int64_t x, int64_t n) const {
    if (pattern_ == TrafficPattern::kNeighbour) return (x + 1) % n;
    if (pattern_ == TrafficPattern::kTornado) return (x + (n + 1) / 2 - 1) % n;
    return n - 1 - x;
  }

  Mesh mesh_;
  TrafficPattern pattern_;
  uint64_t seed_;
};

// Flits over each link and port.
class Loads {
 public:
  explicit Loads(const Mesh& mesh)
      : mesh_(mesh),
        links_(mesh),
        sent_(static_cast<size_t>(mesh.nodes()), 0),
        received_(sent_) {}

  void Add(int64_t from, int64_t to, int64_t flits) {
    const NodeCoord a = NodeAt(from, mesh_), b = NodeAt(to, mesh_);
    links_.AddRoute(a, b, flits);
    sent_[static_cast<size_t>(from)] += flits;
    received_[static_cast<size_t>(to)] += flits;
    longest_hops_ =
        std::max(longest_hops_, std::abs(a.row - b.row) + std::abs(a.col - b.col));
  }
  int64_t max() const {
    return std::max({links_.max(), *std::max_element(sent_.begin(), sent_.end()),
                     *std::max_element(received_.begin(), received_.end())});
  }
  int64_t total_hops() const { return links_.total(); }
  int64_t longest_hops() const { return longest_hops_; }

 private:
  Mesh mesh_;
  LinkBytes links_;
  std::vector<int64_t> sent_, received_;  // by node
  int64_t longest_hops_ = 0;
};

// All pairs that may occur, equally often; nodes() of them a node for uniform traffic.
Loads ExpectedLoads(const Mesh& mesh, TrafficPattern pattern) {
  Loads loads(mesh);
  const Destinations destinations(mesh, pattern, 0);
  for (int64_t from = 0; from < mesh.nodes(); ++from) {
    if (pattern != TrafficPattern::kUniform) {
      loads.Add(from, destinations.Of(from, 0), 1);
      continue;
    }
    for (int64_t to = 0; to < mesh.nodes(); ++to) loads.Add(from, to, 1);
  }
  return loads;
}
double FlitsPerNode(const Mesh& mesh, TrafficPattern pattern) {
  return pattern == TrafficPattern::kUniform ? static_cast<double>(mesh.nodes()) : 1;
}

absl::Status CheckLoadOptions(const LoadOptions& o) {
  if (o.offered >= 0 && o.offered <= 1 && o.packet_flits >= 1 &&
      o.warm_up_cycles >= 0 && o.measured_cycles >= 1 && o.drain_cycles >= 0) {
    return absl::OkStatus();
  }
  return MakeError(
      ErrorCode::kBadFlag,
      absl::StrCat("offered load is 0 to 1 flits a node and cycle in packets "
                   "of 1 flit or more, measured for 1 cycle or more; got ",
                   o.offered, " flits in packets of ", o.packet_flits, ", ",
                   o.warm_up_cycles, " cycles of warm-up, ", o.measured_cycles,
                   " measured, ", o.drain_cycles, " of draining."));
}

// Random packets at a steady rate, and what became of those created while measured.
class LoadRun {
 public:
  LoadRun(const Mesh& mesh, const RouterSpec& spec, TrafficPattern pattern,
          const LoadOptions& options)
      : nodes_(mesh.nodes()),
        options_(options),
        destinations_(mesh, pattern, options.seed),
        network_(mesh, spec),
        created_(static_cast<size_t>(mesh.nodes()), 0) {}

  LoadResult Run() {
    const int64_t end = options_.warm_up_cycles + options_.measured_cycles;
    while (network_.cycle() < end) Cycle();
    // The load goes on, as the packets that are waited for would be slowed by it.
    while (open_packets_ > 0 && network_.cycle() < end + options_.drain_cycles) Cycle();
    LoadResult result{.packets_lost_sight_of = open_packets_};
    result.accepted = static_cast<double>(accepted_flits_) /
                      static_cast<double>(nodes_ * options_.measured_cycles);
    if (arrived_packets_ > 0) {
      result.latency_cycles_mean =
          static_cast<double>(latency_cycles_) / static_cast<double>(arrived_packets_);
    }
    return result;
  }

 private:
  bool IsMeasured(int64_t cycle) const {
    return cycle >= options_.warm_up_cycles &&
           cycle < options_.warm_up_cycles + options_.measured_cycles;
  }

  void Cycle() {
    const int64_t now = network_.cycle();
    const double rate = options_.offered / options_.packet_flits;
    for (int64_t n = 0; n < nodes_; ++n) {
      if (RandomUniform(options_.seed, static_cast<uint64_t>(n),
                        static_cast<uint64_t>(now)) >= rate) {
        continue;
      }
      const int32_t to = destinations_.Of(n, created_[static_cast<size_t>(n)]++);
      network_.Offer(
          n, {.destination = to, .flits = options_.packet_flits, .created = now});
      if (IsMeasured(now)) ++open_packets_;
    }
    network_.Step();
    for (const Delivery& d : network_.deliveries()) {
      if (IsMeasured(now)) ++accepted_flits_;
      if (!d.last_of_packet || !IsMeasured(d.created)) continue;
      --open_packets_;
      ++arrived_packets_;
      latency_cycles_ += now - d.created;
    }
  }

  int64_t nodes_;
  LoadOptions options_;
  Destinations destinations_;
  FlitNetwork network_;
  std::vector<int64_t> created_;  // packets, by node
  int64_t accepted_flits_ = 0, open_packets_ = 0, arrived_packets_ = 0,
          latency_cycles_ = 0;
};

// One phase: its packets are known before it starts.
class PhaseRun {
 public:
  PhaseRun(const Mesh& mesh, const RouterSpec& spec, TrafficPattern pattern,
           const PhaseOptions& options)
      : nodes_(mesh.nodes()),
        options_(options),
        destinations_(mesh, pattern, options.seed),
        packets_(options.flits_per_node / options.packet_flits),
        network_(mesh, spec) {
    Loads loads(mesh);
    for (int64_t n = 0; n < nodes_; ++n) {
      for (int64_t i = 0; i < packets_; ++i) {
        loads.Add(n, destinations_.Of(n, i), options.packet_flits);
      }
    }
    result_.bound_cycles = loads.max();
    result_.route_cycles = ZeroLoadCycles(spec, loads.longest_hops() + 1);
  }

  PhaseResult Run() {
    int64_t offered = 0;
    while (offered < packets_ || network_.waiting_flits() > 0) {
      for (; offered < packets_ && IsDue(offered); ++offered) OfferOneEach(offered);
      network_.Step();
    }
    result_.cycles = network_.cycle();
    result_.link_flits = network_.link_flits();
    return result_;
  }

 private:
  // Steady: packet i is due when the i-th of as many equal parts of the bound begins.
  bool IsDue(int64_t packet) const {
    return options_.pacing == Pacing::kNone ||
           packet * result_.bound_cycles <= network_.cycle() * packets_;
  }
  void OfferOneEach(int64_t packet) {
    for (int64_t n = 0; n < nodes_; ++n) {
      network_.Offer(n, {.destination = destinations_.Of(n, packet),
                         .flits = options_.packet_flits,
                         .created = network_.cycle()});
    }
  }

  int64_t nodes_;
  PhaseOptions options_;
  Destinations destinations_;
  int64_t packets_;  // of a node
  FlitNetwork network_;
  PhaseResult result_;
};

}  // namespace

absl::string_view PatternName(TrafficPattern pattern) {
  switch (pattern) {
    case TrafficPattern::kUniform:
      return "uniform";
    case TrafficPattern::kNeighbour:
      return "neighbour";
    case TrafficPattern::kBitComplement:
      return "bit-complement";
    case TrafficPattern::kTornado:
      return "tornado";
    case TrafficPattern::kTranspose:
      return "transpose";
  }
  return "";
}

absl::Status CheckFlitTraffic(const Mesh& mesh, TrafficPattern pattern) {
  if (mesh.rows < 1 || mesh.cols < 1 || mesh.nodes() < 2 ||
      mesh.nodes() > kFlitNodesMax) {
    return MakeError(
        ErrorCode::kBadFlag,
        absl::StrCat("flits are simulated on meshes of 2 to ", kFlitNodesMax,
                     " nodes; ", mesh.ToString(),
                     " is none. Larger ones are timed by their busiest link."));
  }
  if (pattern == TrafficPattern::kTranspose && mesh.rows != mesh.cols) {
    return MakeError(ErrorCode::kBadFlag,
                     absl::StrCat("only a square mesh can be transposed; got ",
                                  mesh.ToString(), "."));
  }
  return absl::OkStatus();
}

double LinkLoadBound(const Mesh& mesh, TrafficPattern pattern) {
  return FlitsPerNode(mesh, pattern) /
         static_cast<double>(ExpectedLoads(mesh, pattern).max());
}

double MeanRouters(const Mesh& mesh, TrafficPattern pattern) {
  return 1 + static_cast<double>(ExpectedLoads(mesh, pattern).total_hops()) /
                 (FlitsPerNode(mesh, pattern) * static_cast<double>(mesh.nodes()));
}

absl::StatusOr<LoadResult> MeasureLoad(const Mesh& mesh, const RouterSpec& spec,
                                       TrafficPattern pattern,
                                       const LoadOptions& options) {
  TATAMI_RETURN_IF_ERROR(CheckFlitTraffic(mesh, pattern));
  TATAMI_RETURN_IF_ERROR(CheckLoadOptions(options));
  return LoadRun(mesh, spec, pattern, options).Run();
}

absl::StatusOr<double> MeasureSaturation(const Mesh& mesh, const RouterSpec& spec,
                                         TrafficPattern pattern) {
  TATAMI_RETURN_IF_ERROR(CheckFlitTraffic(mesh, pattern));
  const double bound = LinkLoadBound(mesh, pattern);
  double accepted = 0;
  for (int percent = 75; percent <= 105; percent += 5) {
    const double offered = bound * percent / 100;
    if (offered > 1) break;
    TATAMI_ASSIGN_OR_RETURN(
        const LoadResult result,
        MeasureLoad(mesh, spec, pattern, {.offered = offered, .drain_cycles = 0}));
    accepted = std::max(accepted, result.accepted);
  }
  return accepted;
}

absl::StatusOr<PhaseResult> MeasurePhase(const Mesh& mesh, const RouterSpec& spec,
                                         TrafficPattern pattern,
                                         const PhaseOptions& options) {
  TATAMI_RETURN_IF_ERROR(CheckFlitTraffic(mesh, pattern));
  if (options.packet_flits < 1 || options.flits_per_node < 1 ||
      options.flits_per_node % options.packet_flits != 0) {
    return MakeError(ErrorCode::kBadFlag,
                     absl::StrCat("a phase of ", options.flits_per_node,
                                  " flits a node cannot be sent in packets of ",
                                  options.packet_flits, "."));
  }
  return PhaseRun(mesh, spec, pattern, options).Run();
}

}  // namespace tatami
