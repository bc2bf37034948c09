#include "compiler/lower/lower.h"

#include "compiler/lower/memory.h"
#include "compiler/lower/schedule.h"
#include "core/status_macros.h"

namespace tatami {

absl::StatusOr<Program> Lower(const Graph& graph, const Plan& plan,
                              const LowerTarget& target) {
  TATAMI_ASSIGN_OR_RETURN(ScheduledProgram scheduled, ScheduleSupersteps(graph, plan));
  scheduled.program.machine = target.machine;
  scheduled.program.sram_bytes = target.sram_bytes;
  scheduled.program.code_bytes = target.code_bytes;
  TATAMI_RETURN_IF_ERROR(AssignMemory(scheduled));
  return std::move(scheduled.program);
}

}  // namespace tatami
