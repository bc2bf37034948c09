#include "tools/tatami/attempt.h"

#include "core/error.h"
#include "core/status_macros.h"

namespace tatami {

absl::StatusOr<Attempt> TryTraining(const TrainingChoice& choice) {
  return AttemptOf(CompileTraining(choice.model, choice.optimizer));
}

absl::StatusOr<Attempt> AttemptOf(const absl::StatusOr<Compiled>& compiled) {
  if (const auto overflow = GetSramOverflow(compiled.status())) {
    return Attempt{.peak_bytes = overflow->needed_bytes};
  }
  TATAMI_RETURN_IF_ERROR(compiled.status());
  return Attempt{.fits = true,
                 .peak_bytes = compiled->program.peak_bytes(),
                 .step_ns = compiled->step_ns,
                 .gap = compiled->gap()};
}

}  // namespace tatami
