// A training step that is compiled only to learn whether it fits and how fast it is:
// for what-ifs, for remedies, for the largest batch.
#pragma once

#include <cstdint>
#include <string>

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

// Where --batch max stops: a host's memory has room for more than is useful.
constexpr int64_t kBatchLimit = 1 << 16;

// The largest batch up to `most` whose training and evaluation fit, as doubling and
// then bisection find it: a multiple of the micro-batches, 0 where not even one sample
// in each fits. `choice` may have any batch.
struct LargestBatch {
  int64_t batch = 0;
  int tried = 0;
};
absl::StatusOr<LargestBatch> FindLargestBatch(TrainingChoice choice, int64_t most);

// Where --batch max was given: puts it, or else one sample a micro-batch, into `choice`
// and returns a line that says so; returns "" where it was not.
absl::StatusOr<std::string> ResolveBatchMax(TrainingChoice& choice, int64_t most);

// What one outcome of CompileTraining amounts to.
absl::StatusOr<Attempt> AttemptOf(const absl::StatusOr<Compiled>& compiled);

}  // namespace tatami
