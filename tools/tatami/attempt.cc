#include "tools/tatami/attempt.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
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

absl::StatusOr<LargestBatch> FindLargestBatch(TrainingChoice choice, int64_t most) {
  choice.model.explained = false;
  LargestBatch out;
  const auto fits = [&](int64_t batch) -> absl::StatusOr<bool> {
    ++out.tried;
    choice.model.batch = batch;
    TATAMI_ASSIGN_OR_RETURN(const Attempt training, TryTraining(choice));
    if (!training.fits) return false;
    TATAMI_ASSIGN_OR_RETURN(const Attempt evaluation,
                            AttemptOf(CompileEvaluation(choice.model)));
    return evaluation.fits;
  };
  int64_t bad = most + 1;  // does not fit, or is not asked for
  for (int64_t batch = 1; batch < bad; batch *= 2) {
    TATAMI_ASSIGN_OR_RETURN(const bool good, fits(batch));
    (good ? out.batch : bad) = batch;
  }
  while (bad - out.batch > 1) {
    const int64_t middle = out.batch + (bad - out.batch) / 2;
    TATAMI_ASSIGN_OR_RETURN(const bool good, fits(middle));
    (good ? out.batch : bad) = middle;
  }
  return out;
}

absl::StatusOr<std::string> ResolveBatchMax(TrainingChoice& choice, int64_t most) {
  if (choice.model.batch != kBatchMax) return std::string();
  TATAMI_ASSIGN_OR_RETURN(const LargestBatch found, FindLargestBatch(choice, most));
  choice.model.batch = std::max<int64_t>(1, found.batch);
  if (found.batch == 0) return std::string("not even a batch of 1 fits\n");
  return absl::StrCat("largest batch that fits: ", found.batch, " (", found.tried,
                      " tried)\n");
}

}  // namespace tatami
