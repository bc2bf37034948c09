// The scenarios of `tatami compile --if`: the same training step with a few things
// changed, each planned anew.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/tatami/attempt.h"

namespace tatami {

struct Scenario {
  std::string name;  // as given
  TrainingChoice choice;
};
// Each text, as "mesh=8x8,sram=1.0MiB", is `base` with these changes. A size may also
// be a factor, as sram=0.5x. machine= brings a whole machine. link= scales the links
// between nodes; clock= scales all that a node does and sends in a cycle. Errors: E0101
// with the nearest key, E0103, E0105.
absl::StatusOr<std::vector<Scenario>> ParseScenarios(
    const std::vector<std::string>& texts, const TrainingChoice& base);

struct ScenarioOutcome {
  std::string name;
  int64_t batch = 1, micro_batches = 1;
  Precision precision = Precision::kF32;
  Attempt attempt;
};
// Plans each scenario. The first outcome is that of the choice as given, which is
// compiled already. Errors name the scenario.
absl::StatusOr<std::vector<ScenarioOutcome>> TryScenarios(
    const std::vector<Scenario>& scenarios, const ModelChoice& given_choice,
    const absl::StatusOr<Compiled>& given);

// A table of 80 columns; times are called modelled.
std::string ScenarioTable(const std::vector<ScenarioOutcome>& outcomes);
// [{scenario, fits, peak_bytes, batch, micro_batches, precision, and where it fits
// step_ns, gap, change}]; change is of step_ns against the first.
nlohmann::json ScenarioJson(const std::vector<ScenarioOutcome>& outcomes);

}  // namespace tatami
