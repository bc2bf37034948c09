// Consumption that fades: the term of fairness between users.
#pragma once

#include <cstdint>

#include "tools/jobs/schedule/scheduler.h"

namespace tatami::jobs {

// `usage.node_s` at `now_s`: halved every `half_life_s`.
double DecayedNodeSeconds(const Usage& usage, int64_t now_s, int64_t half_life_s);

// Brings `usage` to `until_s` and adds `nodes` held in [from_s, until_s), each moment
// of which has faded since: nodes x the integral of 2^-((until - t) / half_life).
// Adding an interval in parts gives the same up to rounding. REQUIRES: from_s <=
// until_s, usage.as_of_s <= until_s.
void AddUsage(Usage& usage, int64_t nodes, int64_t from_s, int64_t until_s,
              int64_t half_life_s);

}  // namespace tatami::jobs
