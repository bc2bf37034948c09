// Flows that share the links of a mesh, as fluids: two answers to "when are these bytes
// there?".
//
// PhaseLoad looks at the busiest resource alone: a lower bound, O(hops). SimulateFlows
// gives all flows their max-min fair rates, anew whenever one starts or ends: what a
// network attains that shares every link fairly and leaves none idle that a flow could
// use. Where flows start together the two are within a few percent (fluid_test), which
// is why a phase between barriers is timed by the first.
//
// A flow takes what its slowest resource grants, everywhere on its route at once, and
// leaves the rest to others. Resources are the directed links of the X-Y route, the
// port of the source into the mesh and the port of the destination out of it. Latency
// is not part of either answer. Bytes that stay on their node cross no resource and
// take no time.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/sharding.h"

namespace tatami {

struct Flow {
  NodeCoord from, to;
  int64_t bytes = 0;
  double start_s = 0;
};

// What each resource of a mesh carries, bytes per second.
struct FabricRates {
  Mesh mesh;
  std::vector<double> links;      // by NodeIndex * 4 + LinkBytes::Direction
  std::vector<double> injection;  // by NodeIndex
  std::vector<double> ejection;   // by NodeIndex
};
FabricRates UniformFabric(const Mesh& mesh, double link_bytes_per_s,
                          double port_bytes_per_s);

struct FluidResult {
  std::vector<double> end_s;  // of each flow
  LinkBytes links;
};

// A flow counts as ended when this part of it, or less, is left. A change of rates
// costs at most 2^-52 of a flow's bytes by rounding, so 2^12 changes while it lasts are
// allowed for. By an end time each resource has carried all but this part of its bytes.
constexpr double kFlowRemainder = 0x1p-40;

// Errors: kBadFlag when rates are not of the mesh, finite and above 0, or a flow has an
// end outside the mesh, negative bytes or a start that is negative or not a number.
// O(events * hops * log resources).
absl::StatusOr<FluidResult> SimulateFlows(const FabricRates& fabric,
                                          absl::Span<const Flow> flows);

// The most seconds that one resource needs for its bytes of `flows`, whenever they
// start. Errors as above.
absl::StatusOr<double> PhaseLoadSeconds(const FabricRates& fabric,
                                        absl::Span<const Flow> flows);

// Max-min fair rates of flows that all run at once: no flow could have more without
// taking from one that has no more. Infinite where a flow stays on its node. Errors as
// above.
absl::StatusOr<std::vector<double>> MaxMinRates(const FabricRates& fabric,
                                                absl::Span<const Flow> flows);

}  // namespace tatami
