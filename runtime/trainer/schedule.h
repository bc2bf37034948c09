// Learning-rate schedules: pure functions of the step, so that a resumed run needs no
// schedule state. The formulas and their parameters are those of PyTorch's
// lr_scheduler.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace tatami {

enum class ScheduleKind : uint8_t { kConstant, kStep, kCosine, kOneCycle };

// "constant", "step", "cosine", "one_cycle"; E0101 with the nearest name otherwise.
absl::StatusOr<ScheduleKind> ParseScheduleKind(absl::string_view name);

// Let t be the step (from 0) less warmup_steps, and T = total_steps - warmup_steps.
struct Schedule {
  ScheduleKind kind = ScheduleKind::kConstant;
  double base_rate = 0.001;  // for one-cycle the highest rate

  // Steps 0 .. warmup_steps-1 rise in a line from warmup_factor * base_rate (LinearLR,
  // then the schedule by SequentialLR). One-cycle has its own rise and takes none.
  int64_t warmup_steps = 0;
  double warmup_factor = 0.1;

  // kStep: base_rate * step_factor^floor(t / step_period) (StepLR).
  int64_t step_period = 1000;
  double step_factor = 0.1;

  // kCosine: from base_rate at t = 0 to final_rate at t = T (CosineAnnealingLR with
  // T_max = T), and final_rate from there on.
  int64_t total_steps = 0;  // needed by kCosine and kOneCycle
  double final_rate = 0;

  // kOneCycle: cosine from base_rate / cycle_initial_divisor up to base_rate at step
  // cycle_rise_share * total_steps - 1, then down to the initial rate /
  // cycle_final_divisor at step total_steps - 1 (OneCycleLR), and that from there on.
  double cycle_rise_share = 0.3;
  double cycle_initial_divisor = 25;
  double cycle_final_divisor = 1e4;
};

// OK when every field that the kind uses is in range; else E0101 naming the field.
absl::Status CheckSchedule(const Schedule& schedule);

// The rate of step `step` >= 0. REQUIRES: CheckSchedule is OK.
double LearningRate(const Schedule& schedule, int64_t step);

}  // namespace tatami
