// Exact search for graphs so small that every combination can be tried.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "compiler/plan/plan_model.h"

namespace tatami {

// True when the calls have at most `limit` combinations of states in all.
bool FewerCombinationsThan(const PlanModel& model, double limit);

// The fastest assignment that holds at most `capacity` bytes at each point; nullopt
// when none does. Tries all, but for those whose first calls alone take longer than the
// best so far.
std::optional<std::vector<int>> TryAll(const PlanModel& model,
                                       const std::vector<int64_t>& capacity);

}  // namespace tatami
