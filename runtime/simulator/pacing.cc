#include "runtime/simulator/pacing.h"

#include <utility>

#include "core/status_macros.h"

namespace tatami {

absl::StatusOr<PacingEfficiency> MeasurePacing(const Mesh& mesh, const RouterSpec& spec,
                                               TrafficPattern pattern,
                                               int64_t flits_per_node,
                                               int32_t packet_flits) {
  PhaseOptions options{.flits_per_node = flits_per_node, .packet_flits = packet_flits};
  TATAMI_ASSIGN_OR_RETURN(PhaseResult unpaced,
                          MeasurePhase(mesh, spec, pattern, options));
  options.pacing = Pacing::kSteady;
  TATAMI_ASSIGN_OR_RETURN(PhaseResult paced,
                          MeasurePhase(mesh, spec, pattern, options));
  return PacingEfficiency{std::move(unpaced), std::move(paced)};
}

}  // namespace tatami
