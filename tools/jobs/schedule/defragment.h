// Moving running jobs together, so that free nodes become a free rectangle.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "tools/jobs/schedule/occupancy.h"
#include "tools/jobs/schedule/order.h"

namespace tatami::jobs {

struct MovePlan {
  std::vector<Move> moves;  // by id
  Rectangle cleared;        // free once they are done
};

// The fewest nodes to move that clear a rectangle for `job`, of the plans that greedy
// placement finds; nullopt where there is none or where it costs more than it gains:
// the moved jobs lose their nodes x move_cost_s, and the job gains its nodes x the time
// it would otherwise wait.
std::optional<MovePlan> PlanMoves(const Occupancy& occupancy, const ReadyJob& job,
                                  int64_t now_s, const SchedulerOptions& options);

}  // namespace tatami::jobs
