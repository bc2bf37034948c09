#include "tools/simulate/simulation.h"

#include <sys/resource.h>

#include <algorithm>
#include <cmath>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "core/status_macros.h"

namespace tatami {
namespace {

int64_t PeakRssBytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return int64_t{usage.ru_maxrss} * 1024;  // Linux counts KiB
}

MachineOverrides With(MachineOverrides overrides, const std::string& field,
                      double value) {
  overrides.emplace_back(field, value);
  return overrides;
}

}  // namespace

absl::StatusOr<double> StepNsWith(const Program& program, const StepLoads& loads,
                                  const std::string& machine,
                                  const MachineOverrides& overrides) {
  TATAMI_ASSIGN_OR_RETURN(const MachineSpec spec, LoadMachine(machine, overrides));
  return TimeOfStep(program, loads, spec).step_ns;
}

absl::StatusOr<Simulation> SimulateProgram(const Program& program,
                                           const std::string& machine,
                                           const SimulationOptions& options) {
  const absl::Time start = absl::Now();
  Simulation out;
  TATAMI_ASSIGN_OR_RETURN(out.machine, LoadMachine(machine, options.overrides));
  if (!program.site) {
    TATAMI_RETURN_IF_ERROR(
        CheckMesh(out.machine, program.mesh.rows, program.mesh.cols));
  }
  out.loads = LoadsOfStep(program, out.machine, options.classes);
  out.time = TimeOfStep(program, out.loads, out.machine);
  MachineOverrides fast = options.overrides, slow = options.overrides;
  for (const UnknownField& field : out.machine.unknowns) {
    UnknownEffect effect{.field = field};
    TATAMI_ASSIGN_OR_RETURN(
        effect.low_ns, StepNsWith(program, out.loads, machine,
                                  With(options.overrides, field.field, field.low)));
    TATAMI_ASSIGN_OR_RETURN(
        effect.high_ns, StepNsWith(program, out.loads, machine,
                                   With(options.overrides, field.field, field.high)));
    const bool low_is_fast = effect.low_ns <= effect.high_ns;
    fast.emplace_back(field.field, low_is_fast ? field.low : field.high);
    slow.emplace_back(field.field, low_is_fast ? field.high : field.low);
    out.unknowns.push_back(std::move(effect));
  }
  std::stable_sort(out.unknowns.begin(), out.unknowns.end(),
                   [](const UnknownEffect& a, const UnknownEffect& b) {
                     return std::abs(a.high_ns - a.low_ns) >
                            std::abs(b.high_ns - b.low_ns);
                   });
  TATAMI_ASSIGN_OR_RETURN(out.fastest_ns,
                          StepNsWith(program, out.loads, machine, fast));
  TATAMI_ASSIGN_OR_RETURN(out.slowest_ns,
                          StepNsWith(program, out.loads, machine, slow));
  out.wall_s = absl::ToDoubleSeconds(absl::Now() - start);
  out.peak_rss_bytes = PeakRssBytes();
  return out;
}

}  // namespace tatami
