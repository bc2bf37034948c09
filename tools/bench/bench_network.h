// The flit simulator on a mesh, pattern by pattern: what load the mesh sustains and how
// long phases between barriers take, beside BookSim2. No time here is measured on
// hardware.
#pragma once

#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "runtime/simulator/pacing.h"

namespace tatami {

struct NetworkPatternResult {
  TrafficPattern pattern = TrafficPattern::kUniform;
  double bound = 0;       // flits a node and cycle
  double saturation = 0;  // accepted, packets of one flit
  PacingEfficiency phase;
  double unpaced_ratio = 0, paced_ratio = 0;  // time of a phase to its expected bound
  // BookSim2's; none where it was not measured.
  std::optional<double> saturation_peer, unpaced_ratio_peer;
};

struct NetworkBenchResult {
  Mesh mesh;
  std::vector<NetworkPatternResult> patterns;  // the transpose on square meshes only
  double node_cycles_per_s = 0;                // simulated, of the phases
};

// Flits that each node sends in a phase; what BookSim2's were measured with.
constexpr int64_t kPhaseFlits = 1000;

// Phases are sent in packets of `packet_flits`. Some 3 s on 8x8. Errors: kBadFlag.
absl::StatusOr<NetworkBenchResult> BenchNetwork(const Mesh& mesh, int32_t packet_flits);

}  // namespace tatami
