// Scaling curves that nobody measured: the same network compiled for more and more
// chips of a machine, each step simulated.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/bench/scaling_record.h"
#include "tools/tatami/model_flags.h"

namespace tatami {

struct ModelledScalingOptions {
  ModelFlags model;  // batch: of all chips (strong), of each (weak)
  std::string optimizer = "sgd";
  std::vector<int> chips;  // ascending: dies, or servers of GPUs
  Scaling scaling = Scaling::kWeak;
};

// A chip is a die of the machine. Chips form a rectangle, as near a square of nodes as
// their number allows. Efficiencies carry the range that all unknowns of the machine
// span. Errors: E0101 where the machine has no such rectangle; those of compiling, with
// the number of chips.
absl::StatusOr<ScalingRecord> ModelScaling(const ModelledScalingOptions& options);

}  // namespace tatami
