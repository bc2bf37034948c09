#include "tools/tatami/modelled_scaling.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "core/status_macros.h"
#include "tools/simulate/simulation.h"

namespace tatami {
namespace {

// The rectangle of dies whose nodes come nearest to a square; nullopt where the machine
// has none.
std::optional<Mesh> MeshOfDies(const MachineSpec& machine, int64_t dies) {
  const Grid die = machine.die_logical_nodes;
  const int64_t rows_max = machine.tile_dies.rows * machine.tiles.rows;
  const int64_t cols_max = machine.tile_dies.cols * machine.tiles.cols;
  std::optional<Mesh> best;
  double least = 0;
  for (int64_t rows = 1; rows <= std::min(rows_max, dies); ++rows) {
    if (dies % rows != 0 || dies / rows > cols_max) continue;
    const Mesh mesh{rows * die.rows, dies / rows * die.cols};
    const double skew = std::abs(
        std::log(static_cast<double>(mesh.rows) / static_cast<double>(mesh.cols)));
    if (best && skew >= least) continue;
    best = mesh;
    least = skew;
  }
  return best;
}

struct Modelled {
  int64_t chips = 1, batch = 1;
  Simulation simulation;
};

absl::StatusOr<Modelled> ModelStep(const ModelledScalingOptions& options,
                                   const std::string& machine_name, int64_t chips) {
  TATAMI_ASSIGN_OR_RETURN(const MachineSpec machine, LoadMachine(machine_name));
  const std::optional<Mesh> mesh = MeshOfDies(machine, chips);
  if (!mesh) {
    return MakeError(
        ErrorCode::kBadFlag,
        absl::StrCat("machine '", machine.name, "' has no rectangle of ", chips,
                     " dies: it has ", machine.tile_dies.rows * machine.tiles.rows,
                     " x ", machine.tile_dies.cols * machine.tiles.cols,
                     ". Give --chips that are products of two such numbers."));
  }
  ModelFlags flags = options.model;
  flags.mesh = mesh->ToString();
  TATAMI_ASSIGN_OR_RETURN(ModelChoice choice, ResolveModelFlags(flags));
  if (options.scaling == Scaling::kWeak) choice.batch *= chips;
  Modelled out{.chips = chips, .batch = choice.batch};
  TATAMI_ASSIGN_OR_RETURN(
      const Compiled compiled,
      CompileTraining(choice, {.name = options.optimizer,
                               .weight_decay = choice.preset.weight_decay}),
      absl::StrCat(chips, " chips, batch ", choice.batch));
  TATAMI_ASSIGN_OR_RETURN(out.simulation,
                          SimulateProgram(compiled.program, machine_name, {}));
  return out;
}

// Of a time on more chips against that on the first.
double Efficiency(const ModelledScalingOptions& options, const Modelled& first,
                  double first_ns, const Modelled& step, double ns) {
  if (options.scaling == Scaling::kWeak) return first_ns / ns;
  return first_ns * static_cast<double>(first.chips) /
         (ns * static_cast<double>(step.chips));
}

}  // namespace

absl::StatusOr<ScalingRecord> ModelScaling(const ModelledScalingOptions& options) {
  TATAMI_ASSIGN_OR_RETURN(const ModelChoice choice, ResolveModelFlags(options.model));
  const std::string machine_name =
      options.model.machine.empty() ? choice.preset.machine : options.model.machine;
  ScalingRecord record{.mode = ScalingMode::kModelled,
                       .scaling = options.scaling,
                       .model = choice.preset.name,
                       .machine = {.name = choice.machine.name,
                                   .chip = choice.machine.name + " die",
                                   .chips = NumDies(choice.machine)},
                       .batch = choice.batch,
                       .precision = options.model.precision,
                       .date = TodayAsIsoDate(),
                       .software = "tatami simulate"};
  std::optional<Modelled> first;
  for (const int64_t chips : options.chips) {
    TATAMI_ASSIGN_OR_RETURN(const Modelled step,
                            ModelStep(options, machine_name, chips));
    if (!first) first = step;
    const Simulation &now = step.simulation, &then = first->simulation;
    ScalingPoint point{.chips = chips,
                       .step_s = now.step_s(),
                       .samples_per_s = static_cast<double>(step.batch) / now.step_s()};
    const auto efficiency = [&](double then_ns, double now_ns) {
      return Efficiency(options, *first, then_ns, step, now_ns);
    };
    point.efficiency = efficiency(then.time.step_ns, now.time.step_ns);
    // The same unknowns hold on few chips and on many.
    const double fast = efficiency(then.fastest_ns, now.fastest_ns);
    const double slow = efficiency(then.slowest_ns, now.slowest_ns);
    point.efficiency_min = std::min({point.efficiency, fast, slow});
    point.efficiency_max = std::max({point.efficiency, fast, slow});
    point.parts = StepParts{.compute_s = now.time.compute_ns * 1e-9,
                            .exchange_s = now.time.exchange_ns * 1e-9};
    record.points.push_back(point);
  }
  return record;
}

}  // namespace tatami
