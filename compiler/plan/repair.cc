#include "compiler/plan/repair.h"

#include <algorithm>
#include <limits>

namespace tatami {
namespace {

// Bytes held and allowed at each point, and how a change of some spans would change
// what is over.
class Room {
 public:
  Room(std::vector<int64_t> bytes, const std::vector<int64_t>& capacity)
      : free_(bytes.size()), least_free_((bytes.size() + kBlock - 1) / kBlock) {
    for (size_t t = 0; t < bytes.size(); ++t) {
      free_[t] = capacity[t] - bytes[t];
      over_ += Over(free_[t]);
    }
    for (size_t b = 0; b < least_free_.size(); ++b) Refresh(static_cast<int>(b));
  }

  int64_t over() const { return over_; }  // bytes, summed over the points

  // How much less is over when `old` becomes `made`.
  int64_t LessOver(const PlanModel::Spans& old, const PlanModel::Spans& made) {
    FindSteps(old, made);
    int64_t less = 0;
    ForEachStretch([&](int first, int last, int64_t more) {
      for (int t = first; t <= last; ++t) {
        // Stretches with room before and after are skipped.
        if (t % kBlock == 0 && t + kBlock - 1 <= last &&
            least_free_[t / kBlock] >= std::max<int64_t>(0, more)) {
          t += kBlock - 1;
          continue;
        }
        less += Over(free_[t]) - Over(free_[t] - more);
      }
    });
    return less;
  }

  void Replace(const PlanModel::Spans& old, const PlanModel::Spans& made) {
    FindSteps(old, made);
    ForEachStretch([&](int first, int last, int64_t more) {
      for (int t = first; t <= last; ++t) {
        over_ += Over(free_[t] - more) - Over(free_[t]);
        free_[t] -= more;
      }
      for (int b = first / kBlock; b <= last / kBlock; ++b) Refresh(b);
    });
  }

 private:
  static constexpr int kBlock = 32;
  static int64_t Over(int64_t free) { return free < 0 ? -free : 0; }

  void Refresh(int block) {
    const auto begin = free_.begin() + block * kBlock;
    const auto end = free_.end() - begin > kBlock ? begin + kBlock : free_.end();
    least_free_[block] = *std::min_element(begin, end);
  }

  // The points where the bytes held change otherwise than before, and by how much.
  void FindSteps(const PlanModel::Spans& old, const PlanModel::Spans& made) {
    steps_.clear();
    for (const PlanModel::Span& s : old) {
      steps_.emplace_back(s.first, -s.bytes);
      steps_.emplace_back(s.last + 1, s.bytes);
    }
    for (const PlanModel::Span& s : made) {
      steps_.emplace_back(s.first, s.bytes);
      steps_.emplace_back(s.last + 1, -s.bytes);
    }
    std::sort(steps_.begin(), steps_.end());
  }
  template <typename Visit>
  void ForEachStretch(const Visit& visit) const {
    int64_t more = 0;
    for (size_t i = 0; i < steps_.size(); ++i) {
      more += steps_[i].second;
      if (more == 0 || steps_[i + 1].first == steps_[i].first) continue;
      visit(steps_[i].first, steps_[i + 1].first - 1, more);
    }
  }

  std::vector<int64_t> free_;        // by point; below 0: over
  std::vector<int64_t> least_free_;  // by block of points
  int64_t over_ = 0;
  std::vector<std::pair<int, int64_t>> steps_;
};

class Repair {
 public:
  Repair(const PlanModel& model, const std::vector<int64_t>& capacity,
         std::vector<int>& state)
      : model_(model), state_(state), room_(model.Memory(state), capacity) {}

  bool Run() {
    // At first a plan is worth one percent more time for all that is over.
    double ns_per_over = room_.over() == 0 ? 0
                                           : 0.01 * model_.TimeNs(state_) /
                                                 static_cast<double>(room_.over());
    for (int sweep = 0; sweep < kRepairSweeps && room_.over() > 0; ++sweep) {
      Sweep(ns_per_over);
      ns_per_over *= 2;
    }
    if (room_.over() > 0) return false;
    for (int sweep = 0; sweep < kImproveSweeps; ++sweep) {
      if (!Sweep(0)) break;
    }
    return true;
  }

 private:
  static constexpr int kRepairSweeps = 16, kImproveSweeps = 8;

  // Each call in turn takes its best state. Once everything fits, it stays so.
  bool Sweep(double ns_per_over) {
    bool changed = false;
    for (int c = 0; c < model_.points(); ++c) changed |= Improve(c, ns_per_over);
    return changed;
  }

  bool Improve(int call, double ns_per_over) {
    if (model_.num_states(call) == 1) return false;
    const int before = state_[call];
    model_.AroundNs(call, state_, ns_);
    old_.clear();
    model_.Around(call, state_, old_);
    // The most that a state may gain by what it holds less.
    const double hope =
        ns_per_over > 0 ? ns_per_over * static_cast<double>(room_.LessOver(old_, {}))
                        : 0;
    int best = before;
    double best_gain = 1e-9 * ns_[before];
    for (int s = 0; s < model_.num_states(call); ++s) {
      const double less_ns = ns_[before] - ns_[s];
      if (s == before || less_ns + hope <= best_gain) continue;
      state_[call] = s;
      new_.clear();
      model_.Around(call, state_, new_);
      const int64_t less = room_.LessOver(old_, new_);
      if (room_.over() == 0 && less < 0) continue;
      const double gain = less_ns + ns_per_over * static_cast<double>(less);
      if (gain > best_gain) best_gain = gain, best = s;
    }
    state_[call] = best;
    if (best == before) return false;
    new_.clear();
    model_.Around(call, state_, new_);
    room_.Replace(old_, new_);
    return true;
  }

  const PlanModel& model_;
  std::vector<int>& state_;
  Room room_;
  std::vector<double> ns_;
  PlanModel::Spans old_, new_;
};

}  // namespace

bool RepairAndImprove(const PlanModel& model, const std::vector<int64_t>& capacity,
                      std::vector<int>& state) {
  return Repair(model, capacity, state).Run();
}

}  // namespace tatami
