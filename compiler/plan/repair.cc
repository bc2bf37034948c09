#include "compiler/plan/repair.h"

#include <algorithm>

namespace tatami {
namespace {

class Repair {
 public:
  Repair(const PlanModel& model, const std::vector<int64_t>& capacity,
         std::vector<int>& state)
      : model_(model),
        capacity_(capacity),
        state_(state),
        bytes_(model.Memory(state)),
        change_(model.points() + 1, 0) {
    for (int t = 0; t < model.points(); ++t) over_ += Over(t, bytes_[t]);
  }

  bool Run() {
    // At first a plan is worth one percent more time for all that is over.
    double ns_per_over =
        over_ == 0 ? 0 : 0.01 * model_.TimeNs(state_) / static_cast<double>(over_);
    for (int sweep = 0; sweep < kRepairSweeps && over_ > 0; ++sweep) {
      Sweep(ns_per_over);
      ns_per_over *= 2;
    }
    if (over_ > 0) return false;
    for (int sweep = 0; sweep < kImproveSweeps; ++sweep) {
      if (!Sweep(0)) break;
    }
    return true;
  }

 private:
  static constexpr int kRepairSweeps = 16, kImproveSweeps = 8;

  int64_t Over(int point, int64_t bytes) const {
    return std::max<int64_t>(0, bytes - capacity_[point]);
  }

  // Each call in turn takes its best state. Once everything fits, it stays so.
  bool Sweep(double ns_per_over) {
    bool changed = false;
    for (int c = 0; c < model_.points(); ++c) changed |= Improve(c, ns_per_over);
    return changed;
  }

  bool Improve(int call, double ns_per_over) {
    if (model_.num_states(call) == 1) return false;
    const int before = state_[call];
    const bool fits = over_ == 0;
    old_.clear();
    const double old_ns = model_.Around(call, state_, old_);
    int best = before;
    double best_gain = 1e-9 * old_ns;
    for (int s = 0; s < model_.num_states(call); ++s) {
      if (s == before) continue;
      state_[call] = s;
      new_.clear();
      const double ns = model_.Around(call, state_, new_);
      if (ns_per_over == 0 && old_ns - ns <= best_gain) continue;
      const int64_t less = LessOver();
      if (fits && less < 0) continue;
      const double gain = old_ns - ns + ns_per_over * static_cast<double>(less);
      if (gain > best_gain) best_gain = gain, best = s;
    }
    state_[call] = best;
    if (best == before) return false;
    new_.clear();
    model_.Around(call, state_, new_);
    over_ -= LessOver();
    Apply();
    return true;
  }

  // How much less is over when old_ becomes new_. Changed points alone are looked at.
  int64_t LessOver() {
    FillChange();
    int64_t less = 0, delta = 0;
    for (int t = first_; t <= last_; ++t) {
      delta += change_[t];
      if (delta != 0) less += Over(t, bytes_[t]) - Over(t, bytes_[t] + delta);
    }
    std::fill(change_.begin() + first_, change_.begin() + last_ + 2, 0);
    return less;
  }

  void Apply() {
    FillChange();
    int64_t delta = 0;
    for (int t = first_; t <= last_; ++t) {
      delta += change_[t];
      bytes_[t] += delta;
    }
    std::fill(change_.begin() + first_, change_.begin() + last_ + 2, 0);
  }

  void FillChange() {
    first_ = model_.points() - 1;
    last_ = 0;
    const auto add = [&](const PlanModel::Spans& spans, int64_t sign) {
      for (const PlanModel::Span& s : spans) {
        change_[s.first] += sign * s.bytes;
        change_[s.last + 1] -= sign * s.bytes;
        first_ = std::min(first_, s.first);
        last_ = std::max(last_, s.last);
      }
    };
    add(old_, -1);
    add(new_, 1);
  }

  const PlanModel& model_;
  const std::vector<int64_t>& capacity_;
  std::vector<int>& state_;
  std::vector<int64_t> bytes_;  // by point
  int64_t over_ = 0;            // bytes above the capacity, summed over the points
  PlanModel::Spans old_, new_;
  std::vector<int64_t> change_;  // zero between uses
  int first_ = 0, last_ = 0;
};

}  // namespace

bool RepairAndImprove(const PlanModel& model, const std::vector<int64_t>& capacity,
                      std::vector<int>& state) {
  return Repair(model, capacity, state).Run();
}

}  // namespace tatami
