// What helps against E0301: other choices that were really planned anew.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/tatami/attempt.h"

namespace tatami {

struct Remedy {
  std::vector<std::string> flags;  // to type, in place of those given
  bool without_plan = false;       // --plan is to be left out
  bool without_dead = false;       // so is --dead, on a machine that is not damaged
  std::string note;                // what else changes, or ""
  Attempt attempt;
};
struct Remedies {
  std::vector<Remedy> fit;  // at most four
  int tried = 0;            // at most six
};
// Plans micro-batches, smaller batches, bf16, larger meshes, sgd where the optimizer's
// moments are what is too much, and the same without pins; where little of that helps,
// the host. Counts plans and not time, so that the same choice has the same remedies.
// REQUIRES: `refusal` is E0301 for `choice`.
absl::StatusOr<Remedies> FindRemedies(const TrainingChoice& choice,
                                      const absl::Status& refusal);

// `refusal` with the remedies ahead of its last line.
absl::Status WithRemedies(const absl::Status& refusal, const Remedies& remedies);

// CompileTraining, whose E0301 names the remedies; `found`, if any, gets them.
absl::StatusOr<Compiled> CompileOrAdvise(const TrainingChoice& choice,
                                         Remedies* found = nullptr);

}  // namespace tatami
