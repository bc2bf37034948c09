#include "runtime/trainer/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/check.h"
#include "core/error.h"

namespace tatami {
namespace {

// From `start` at share 0 to `end` at share 1 along half a cosine.
double CosineBetween(double start, double end, double share) {
  return end + (start - end) / 2 * (1 + std::cos(std::numbers::pi * share));
}

double StepRate(const Schedule& s, int64_t t) {
  return s.base_rate * std::pow(s.step_factor, static_cast<double>(t / s.step_period));
}

double CosineRate(const Schedule& s, int64_t t) {
  const int64_t length = s.total_steps - s.warmup_steps;
  if (t >= length) return s.final_rate;
  return CosineBetween(s.base_rate, s.final_rate,
                       static_cast<double>(t) / static_cast<double>(length));
}

double OneCycleRate(const Schedule& s, int64_t t) {
  const double last = static_cast<double>(s.total_steps - 1);
  const double top = s.cycle_rise_share * static_cast<double>(s.total_steps) - 1;
  const double first_rate = s.base_rate / s.cycle_initial_divisor;
  const double last_rate = first_rate / s.cycle_final_divisor;
  const double at = std::min(static_cast<double>(t), last);
  if (at <= top) return CosineBetween(first_rate, s.base_rate, at / top);
  return CosineBetween(s.base_rate, last_rate, (at - top) / (last - top));
}

}  // namespace

absl::StatusOr<ScheduleKind> ParseScheduleKind(absl::string_view name) {
  static const std::vector<std::string>* const kNames =
      new std::vector<std::string>{"constant", "step", "cosine", "one_cycle"};
  for (size_t i = 0; i < kNames->size(); ++i) {
    if ((*kNames)[i] == name) return static_cast<ScheduleKind>(i);
  }
  const std::string nearest = NearestName(name, *kNames);
  return MakeError(ErrorCode::kBadFlag,
                   absl::StrCat("no schedule is named '", name, "'; ", nearest,
                                nearest.empty() ? "" : " ",
                                "Known: ", absl::StrJoin(*kNames, ", "), "."));
}

absl::Status CheckSchedule(const Schedule& s) {
  const auto refuse = [](absl::string_view field, double value,
                         absl::string_view range) {
    return MakeError(
        ErrorCode::kBadFlag,
        absl::StrCat("schedule: ", field, " is ", value, "; it must be ", range, "."));
  };
  const auto is_positive = [](double x) { return x > 0 && std::isfinite(x); };
  const auto d = [](int64_t x) { return static_cast<double>(x); };
  if (!(s.base_rate >= 0 && std::isfinite(s.base_rate))) {
    return refuse("base_rate", s.base_rate, "finite and at least 0");
  }
  if (s.warmup_steps < 0) {
    return refuse("warmup_steps", d(s.warmup_steps), "at least 0");
  }
  if (s.warmup_steps > 0 && !(s.warmup_factor > 0 && s.warmup_factor <= 1)) {
    return refuse("warmup_factor", s.warmup_factor, "above 0 and at most 1");
  }
  switch (s.kind) {
    case ScheduleKind::kConstant:
      break;
    case ScheduleKind::kStep:
      if (s.step_period < 1)
        return refuse("step_period", d(s.step_period), "at least 1");
      if (!is_positive(s.step_factor)) {
        return refuse("step_factor", s.step_factor, "finite and above 0");
      }
      break;
    case ScheduleKind::kCosine:
      if (s.total_steps <= s.warmup_steps) {
        return refuse("total_steps", d(s.total_steps), "more than warmup_steps");
      }
      if (!(s.final_rate >= 0 && std::isfinite(s.final_rate))) {
        return refuse("final_rate", s.final_rate, "finite and at least 0");
      }
      break;
    case ScheduleKind::kOneCycle: {
      if (s.warmup_steps != 0) {
        return refuse("warmup_steps", d(s.warmup_steps),
                      "0 for one_cycle, which has its own rise");
      }
      const double top = s.cycle_rise_share * d(s.total_steps) - 1;
      if (!(s.cycle_rise_share < 1 && top > 0 && top < d(s.total_steps - 1))) {
        return refuse("cycle_rise_share", s.cycle_rise_share,
                      "below 1 and above 1 / total_steps");
      }
      if (!is_positive(s.cycle_initial_divisor)) {
        return refuse("cycle_initial_divisor", s.cycle_initial_divisor,
                      "finite and above 0");
      }
      if (!is_positive(s.cycle_final_divisor)) {
        return refuse("cycle_final_divisor", s.cycle_final_divisor,
                      "finite and above 0");
      }
      break;
    }
  }
  return absl::OkStatus();
}

double LearningRate(const Schedule& s, int64_t step) {
  TATAMI_CHECK(step >= 0) << "step " << step;
  if (step < s.warmup_steps) {
    const double share =
        static_cast<double>(step) / static_cast<double>(s.warmup_steps);
    return s.base_rate * (s.warmup_factor + (1 - s.warmup_factor) * share);
  }
  const int64_t t = step - s.warmup_steps;
  switch (s.kind) {
    case ScheduleKind::kConstant:
      return s.base_rate;
    case ScheduleKind::kStep:
      return StepRate(s, t);
    case ScheduleKind::kCosine:
      return CosineRate(s, t);
    case ScheduleKind::kOneCycle:
      return OneCycleRate(s, t);
  }
  return s.base_rate;
}

}  // namespace tatami
