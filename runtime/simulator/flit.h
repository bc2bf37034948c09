// Traffic on a mesh of wormhole routers: what load it sustains, and how long a phase
// between barriers takes beside what its busiest link needs.
#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/simulator/flit_network.h"

namespace tatami {

// Where a node sends to, by the names and definitions of Dally and Towles, "Principles
// and Practices of Interconnection Networks", 3.2, in both dimensions at once; n is a
// dimension's size.
enum class TrafficPattern {
  kUniform,        // any node, itself too, drawn for each packet
  kNeighbour,      // x + 1 mod n: at the edges this crosses the mesh
  kBitComplement,  // n - 1 - x
  kTornado,        // x + ceil(n / 2) - 1 mod n
  kTranspose,      // (row, col) to (col, row)
};
constexpr TrafficPattern kTrafficPatterns[] = {
    TrafficPattern::kUniform, TrafficPattern::kNeighbour,
    TrafficPattern::kBitComplement, TrafficPattern::kTornado,
    TrafficPattern::kTranspose};
absl::string_view PatternName(TrafficPattern pattern);  // "uniform"

// OK when flits can be simulated on a mesh of this size with this pattern: 2 to
// kFlitNodesMax nodes, square to transpose. Errors: kBadFlag.
absl::Status CheckFlitTraffic(const Mesh& mesh, TrafficPattern pattern);

// Flits a node and cycle that the wires bear: one flit a cycle on the busiest link, and
// in and out of each node. REQUIRES: CheckFlitTraffic.
double LinkLoadBound(const Mesh& mesh, TrafficPattern pattern);
// Routers on the way, both ends counted, on average. REQUIRES: as above.
double MeanRouters(const Mesh& mesh, TrafficPattern pattern);

// Packets are created at random at a steady rate (Bernoulli trials).
struct LoadOptions {
  double offered = 0.1;  // flits a node and cycle, 0 to 1
  int32_t packet_flits = 1;
  int64_t warm_up_cycles = 2000;
  int64_t measured_cycles = 4000;
  int64_t drain_cycles = 10'000;  // at most, for packets created while measured
  uint64_t seed = 1;
};
struct LoadResult {
  double accepted = 0;  // flits a node and cycle that arrived
  // Cycles from creation to the arrival of the last flit, of packets created while
  // measured; the queue at the source counts.
  double latency_cycles_mean = 0;
  int64_t packets_lost_sight_of = 0;  // not there when draining was given up
};
// Errors: kBadFlag, as CheckFlitTraffic or for options out of range.
absl::StatusOr<LoadResult> MeasureLoad(const Mesh& mesh, const RouterSpec& spec,
                                       TrafficPattern pattern,
                                       const LoadOptions& options);
// The most flits a node and cycle that arrive when 0.75, 0.8 .. 1.05 of the bound (and
// at most 1) are offered. Offering more is no measure of the network: flows that miss
// its busiest links are then all that grows. Errors as above.
absl::StatusOr<double> MeasureSaturation(const Mesh& mesh, const RouterSpec& spec,
                                         TrafficPattern pattern);

enum class Pacing {
  kNone,    // a node sends as fast as the network takes its packets
  kSteady,  // a node sends evenly over the time that the busiest link needs
};

// A phase: each node sends its flits, and all wait for the last.
struct PhaseOptions {
  int64_t flits_per_node = 1000;
  int32_t packet_flits = 1;
  Pacing pacing = Pacing::kNone;
  uint64_t seed = 1;
};
struct PhaseResult {
  int64_t cycles = 0;        // until the last flit arrived
  int64_t bound_cycles = 0;  // the most flits over one link or port
  int64_t route_cycles = 0;  // of the longest route, without contention
  LinkBytes link_flits{Mesh{}};

  // What the time is of the bound.
  double ratio() const {
    return static_cast<double>(cycles) / static_cast<double>(bound_cycles);
  }
  // The share of its rate that the busiest link attains once flits are on their way:
  // cycles = bound_cycles / efficiency + route_cycles.
  double efficiency() const {
    return static_cast<double>(bound_cycles) /
           static_cast<double>(cycles - route_cycles);
  }
};
// Errors: kBadFlag, as CheckFlitTraffic or when flits_per_node is not a positive
// multiple of packet_flits.
absl::StatusOr<PhaseResult> MeasurePhase(const Mesh& mesh, const RouterSpec& spec,
                                         TrafficPattern pattern,
                                         const PhaseOptions& options);

}  // namespace tatami
