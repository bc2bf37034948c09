// Local search under the memory limit itself, not its price: makes an assignment fit,
// then faster.
#pragma once

#include <cstdint>
#include <vector>

#include "compiler/plan/plan_model.h"

namespace tatami {

// Changes one call's state at a time, first for what is over `capacity` (bytes, by
// point), with time ever cheaper beside it, then for time among what fits. True when
// the result fits.
bool RepairAndImprove(const PlanModel& model, const std::vector<int64_t>& capacity,
                      std::vector<int>& state);

}  // namespace tatami
