// One Program timed on one machine, with how sure that is: what `tatami simulate` says.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/machine.h"
#include "core/program.h"
#include "runtime/simulator/simulate.h"

namespace tatami {

// A step if one number of the machine that nobody knows were another.
struct UnknownEffect {
  UnknownField field;
  double low_ns = 0, high_ns = 0;  // the step with the field's low and high value
};

struct Simulation {
  MachineSpec machine;
  StepLoads loads;
  StepTime time;
  std::vector<UnknownEffect> unknowns;  // that move the step most first
  // With every unknown at the end that is faster, and at the one that is slower.
  double fastest_ns = 0, slowest_ns = 0;
  double wall_s = 0;           // measured: what the simulation took
  int64_t peak_rss_bytes = 0;  // measured, of this process so far

  double step_s() const { return time.step_ns * 1e-9; }
};

struct SimulationOptions {
  MachineOverrides overrides;
  NodeClasses classes = NodeClasses::kAlike;
};

// `machine` is a name or a path, as LoadMachine takes it. Errors: those of LoadMachine;
// kMeshTooLarge where the machine does not host the program's mesh.
absl::StatusOr<Simulation> SimulateProgram(const Program& program,
                                           const std::string& machine,
                                           const SimulationOptions& options);

// The step with other numbers of the machine.
absl::StatusOr<double> StepNsWith(const Program& program, const StepLoads& loads,
                                  const std::string& machine,
                                  const MachineOverrides& overrides);

}  // namespace tatami
