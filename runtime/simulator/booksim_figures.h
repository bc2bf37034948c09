// What BookSim2 (commit 28f4329) measures with routers like those of flit_network.h: 8
// virtual channels of 8 flits, X-Y, packets of one flit unless said otherwise. Measured
// with its own binary; simulations, not hardware.
#pragma once

#include "absl/types/span.h"
#include "runtime/simulator/flit.h"

namespace tatami {

struct BookSimFigures {
  Mesh mesh;
  TrafficPattern pattern = TrafficPattern::kUniform;
  // 0 where not measured.
  double zero_load_cycles = 0;     // mean latency
  double zero_load_routers = 0;    // of the packets that it is the mean of
  double saturation = 0;           // accepted flits a node and cycle
  double phase_ratio = 0;          // unpaced, 1000 flits a node, to its expected bound
  double phase_ratio_8_flits = 0;  // in packets of 8
};

absl::Span<const BookSimFigures> AllBookSimFigures();
// Null when there are none.
const BookSimFigures* FindBookSimFigures(const Mesh& mesh, TrafficPattern pattern);

// Node-cycles that it simulates in a second of one core, at least and at most.
constexpr double kBookSimNodeCyclesPerS[] = {80e3, 120e3};

}  // namespace tatami
