#include "tools/bench/bench_network.h"

#include <utility>

#include "absl/time/clock.h"
#include "core/status_macros.h"
#include "runtime/simulator/booksim_figures.h"

namespace tatami {
namespace {

std::optional<double> IfMeasured(double figure) {
  return figure > 0 ? std::optional<double>(figure) : std::nullopt;
}

double Ratio(const PhaseResult& phase, double bound) {
  return static_cast<double>(phase.cycles) * bound / static_cast<double>(kPhaseFlits);
}

}  // namespace

absl::StatusOr<NetworkBenchResult> BenchNetwork(const Mesh& mesh,
                                                int32_t packet_flits) {
  TATAMI_RETURN_IF_ERROR(CheckFlitTraffic(mesh, TrafficPattern::kUniform));
  NetworkBenchResult result{.mesh = mesh};
  const RouterSpec spec;
  int64_t cycles = 0;
  absl::Duration spent;
  for (const TrafficPattern pattern : kTrafficPatterns) {
    if (!CheckFlitTraffic(mesh, pattern).ok()) continue;
    NetworkPatternResult row{.pattern = pattern, .bound = LinkLoadBound(mesh, pattern)};
    const absl::Time start = absl::Now();
    TATAMI_ASSIGN_OR_RETURN(
        row.phase, MeasurePacing(mesh, spec, pattern, kPhaseFlits, packet_flits));
    spent += absl::Now() - start;
    cycles += row.phase.unpaced.cycles + row.phase.paced.cycles;
    row.unpaced_ratio = Ratio(row.phase.unpaced, row.bound);
    row.paced_ratio = Ratio(row.phase.paced, row.bound);
    TATAMI_ASSIGN_OR_RETURN(row.saturation, MeasureSaturation(mesh, spec, pattern));
    if (const BookSimFigures* peer = FindBookSimFigures(mesh, pattern)) {
      row.saturation_peer = IfMeasured(peer->saturation);
      if (packet_flits == 1) row.unpaced_ratio_peer = IfMeasured(peer->phase_ratio);
      if (packet_flits == 8) {
        row.unpaced_ratio_peer = IfMeasured(peer->phase_ratio_8_flits);
      }
    }
    result.patterns.push_back(std::move(row));
  }
  result.node_cycles_per_s =
      static_cast<double>(cycles * mesh.nodes()) / absl::ToDoubleSeconds(spent);
  return result;
}

}  // namespace tatami
