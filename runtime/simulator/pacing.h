// What share of its rate the busiest link attains in a phase, by how nodes send: where
// MachineSpec::pacing and its range come from (pacing_test).
//
// By flits on 8x8 and 16x16, in packets of one flit: nodes that send evenly attain 0.85
// or more in every pattern, nodes that send as fast as they can anything from 0.43 to
// all. Unfair merging costs the difference: at each router where others join a row,
// those who joined it earlier share what one newcomer gets, so the far ones end late
// and alone. Smaller meshes and longer packets can do worse when paced: 4x4 attains
// 0.78 for uniform traffic, packets of 8 flits 0.71 in a tornado.
#pragma once

#include "absl/status/statusor.h"
#include "runtime/simulator/flit.h"

namespace tatami {

struct PacingEfficiency {
  PhaseResult unpaced, paced;
};
// A phase of `flits_per_node` in packets of `packet_flits`, sent both ways. Errors:
// those of MeasurePhase.
absl::StatusOr<PacingEfficiency> MeasurePacing(const Mesh& mesh, const RouterSpec& spec,
                                               TrafficPattern pattern,
                                               int64_t flits_per_node,
                                               int32_t packet_flits = 1);

}  // namespace tatami
