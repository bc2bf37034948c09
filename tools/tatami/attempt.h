// A training step that is compiled only to learn whether it fits and how fast it is:
// for what-ifs, for remedies, for the largest batch.
#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "tools/tatami/model_flags.h"

namespace tatami {

struct TrainingChoice {
  ModelChoice model;
  OptimizerOptions optimizer;
};

struct Attempt {
  bool fits = false;
  int64_t peak_bytes = 0;  // of the fullest node; where it does not fit, what it needs
  double step_ns = 0;      // modelled; 0 where it does not fit
  double gap = 0;
};
// Not to fit is an outcome. Errors: those of CompileTraining but E0301.
absl::StatusOr<Attempt> TryTraining(const TrainingChoice& choice);

// What one outcome of CompileTraining amounts to.
absl::StatusOr<Attempt> AttemptOf(const absl::StatusOr<Compiled>& compiled);

}  // namespace tatami
