// The simulator: how long a step of a Program takes on a machine, and why. Nothing is
// computed and nothing measured: all times are modelled.
//
// Each superstep is two phases, exchange and compute, and phases follow one another. A
// phase takes as long as the resource that it loads most, so an exchange is
//   start + max over resources (load / rate) + the longest way + terms added in a row,
// where links reach `pacing` of their rate, and a compute is the sum over its calls on
// the node for which that is most (runtime/simulator/node_time.h). Within a superstep,
// all links, ports and adders work at the same time; what a node could do of the next
// phase while others finish is not counted. Pipeline stages go through supersteps
// together, so the slowest stage decides each.
//
// What the host feeds is pushed ahead of the step, so the cards' rate counts and their
// latency does not.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/machine.h"
#include "core/program.h"
#include "runtime/simulator/step_loads.h"

namespace tatami {

// A resource's part of a phase, or of a step.
struct ResourceTime {
  std::string resource;  // "die edge (east-west)", "vector unit", "way", "start", ..
  double ns = 0;
};

enum class PhaseKind : uint8_t { kExchange, kCompute };

struct PhaseTime {
  int superstep = 0;
  PhaseKind kind = PhaseKind::kExchange;
  double ns = 0;
  std::vector<ResourceTime> parts;  // add up to ns
  // Of the resources that share an exchange: which is slowest, and how much less the
  // next one takes.
  std::string binding, next;
  double slack_ns = 0;
  double bound_ns = 0;  // of the same with perfect pacing, no start and no way
};

struct StepTime {
  double step_ns = 0;
  double exchange_ns = 0, compute_ns = 0;  // add up to step_ns
  double bound_ns = 0;                     // sum of the phases' bounds
  std::vector<PhaseTime> phases;           // none takes 0 ns
  std::vector<ResourceTime> attribution;   // adds up to step_ns, longest first
  int64_t flops = 0;                       // of all calls
  double utilization = 0;                  // of the matrix units of the mesh's nodes
};

StepTime TimeOfStep(const Program& program, const StepLoads& loads,
                    const MachineSpec& machine);

}  // namespace tatami
