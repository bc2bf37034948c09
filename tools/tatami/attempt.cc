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
  const int64_t parts = choice.model.micro_batches;
  const auto fits = [&](int64_t samples) -> absl::StatusOr<bool> {
    ++out.tried;
    choice.model.batch = samples * parts;
    TATAMI_ASSIGN_OR_RETURN(const Attempt training, TryTraining(choice));
    if (!training.fits) return false;
    TATAMI_ASSIGN_OR_RETURN(const Attempt evaluation,
                            AttemptOf(CompileEvaluation(choice.model)));
    return evaluation.fits;
  };
  // Samples in a micro-batch: so many fit; so many do not, or are not asked for.
  int64_t best = 0, bad = most / parts + 1;
  for (int64_t samples = 1; samples < bad; samples *= 2) {
    TATAMI_ASSIGN_OR_RETURN(const bool good, fits(samples));
    (good ? best : bad) = samples;
  }
  while (bad - best > 1) {
    const int64_t middle = best + (bad - best) / 2;
    TATAMI_ASSIGN_OR_RETURN(const bool good, fits(middle));
    (good ? best : bad) = middle;
  }
  out.batch = best * parts;
  return out;
}

absl::StatusOr<std::string> ResolveBatchMax(TrainingChoice& choice, int64_t most) {
  if (choice.model.batch != kBatchMax) return std::string();
  TATAMI_ASSIGN_OR_RETURN(const LargestBatch found, FindLargestBatch(choice, most));
  choice.model.batch = std::max(choice.model.micro_batches, found.batch);
  if (found.batch == 0) {
    return absl::StrCat("not even a batch of ", choice.model.batch, " fits\n");
  }
  return absl::StrCat("largest batch that fits: ", found.batch, " (", found.tried,
                      " tried)\n");
}

}  // namespace tatami
