#include "compiler/plan/try_all.h"

#include <algorithm>

#include "absl/algorithm/container.h"

namespace tatami {
namespace {

class Trial {
 public:
  Trial(const PlanModel& model, const std::vector<int64_t>& capacity)
      : model_(model),
        capacity_(capacity),
        problem_(model.Problem({})),
        back_(model.points()),
        rest_(model.points() + 1, 0.0),
        state_(model.points(), 0) {
    std::vector<double> least(model.points());
    for (int c = 0; c < model.points(); ++c) {
      least[c] = *absl::c_min_element(problem_.unary[c]);
    }
    for (const AssignmentProblem::Edge& edge : problem_.edges) {
      const int later = std::max(edge.a, edge.b);
      back_[later].push_back(&edge);
      least[later] += *absl::c_min_element(edge.cost);
    }
    for (int c = model.points() - 1; c >= 0; --c) rest_[c] = rest_[c + 1] + least[c];
  }

  std::optional<std::vector<int>> Run() {
    From(0, 0);
    return best_;
  }

 private:
  void From(int call, double ns) {
    if (best_ && ns + rest_[call] >= best_ns_) return;
    if (call == model_.points()) {
      const std::vector<int64_t> bytes = model_.Memory(state_);
      for (size_t t = 0; t < bytes.size(); ++t) {
        if (bytes[t] > capacity_[t]) return;
      }
      best_ = state_;
      best_ns_ = ns;
      return;
    }
    for (int s = 0; s < model_.num_states(call); ++s) {
      state_[call] = s;
      double more = problem_.unary[call][s];
      for (const AssignmentProblem::Edge* edge : back_[call]) {
        more +=
            edge->cost[state_[edge->a] * model_.num_states(edge->b) + state_[edge->b]];
      }
      From(call + 1, ns + more);
    }
  }

  const PlanModel& model_;
  const std::vector<int64_t>& capacity_;
  const AssignmentProblem problem_;
  std::vector<std::vector<const AssignmentProblem::Edge*>> back_;  // to earlier calls
  std::vector<double> rest_;  // least time of a call and all after it
  std::vector<int> state_;
  std::optional<std::vector<int>> best_;
  double best_ns_ = 0;
};

}  // namespace

bool FewerCombinationsThan(const PlanModel& model, double limit) {
  double combinations = 1;
  for (int c = 0; c < model.points(); ++c) combinations *= model.num_states(c);
  return combinations < limit;
}

std::optional<std::vector<int>> TryAll(const PlanModel& model,
                                       const std::vector<int64_t>& capacity) {
  return Trial(model, capacity).Run();
}

}  // namespace tatami
