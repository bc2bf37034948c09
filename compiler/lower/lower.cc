#include "compiler/lower/lower.h"

#include "compiler/lower/memory.h"
#include "compiler/lower/recompute.h"
#include "compiler/lower/refusal.h"
#include "compiler/lower/schedule.h"
#include "core/status_macros.h"

namespace tatami {
namespace {

// The part of a node's SRAM that calls of one superstep may stage together.
constexpr int64_t kStagingShare = 32;

}  // namespace

absl::StatusOr<Lowered> LowerEvenIfTooLarge(const Graph& graph, const Plan& plan,
                                            const LowerTarget& target) {
  TATAMI_ASSIGN_OR_RETURN(const Expanded expanded, AddSecondRuns(graph, plan));
  TATAMI_ASSIGN_OR_RETURN(ScheduledProgram scheduled,
                          ScheduleSupersteps(expanded.graph, expanded.plan,
                                             target.sram_bytes / kStagingShare));
  scheduled.program.machine = target.machine;
  scheduled.program.site = target.site;
  scheduled.program.sram_bytes = target.sram_bytes;
  scheduled.program.code_bytes = target.code_bytes;
  absl::Status fit = AssignMemory(scheduled)
                         ? absl::OkStatus()
                         : DoesNotFit(scheduled.program, expanded.graph);
  return Lowered{std::move(scheduled.program), std::move(fit)};
}

absl::StatusOr<Program> Lower(const Graph& graph, const Plan& plan,
                              const LowerTarget& target) {
  TATAMI_ASSIGN_OR_RETURN(Lowered lowered, LowerEvenIfTooLarge(graph, plan, target));
  TATAMI_RETURN_IF_ERROR(lowered.fit);
  return std::move(lowered.program);
}

}  // namespace tatami
