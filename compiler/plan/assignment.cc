#include "compiler/plan/assignment.h"

#include <algorithm>
#include <cmath>

#include "absl/algorithm/container.h"
#include "compiler/plan/elimination.h"
#include "compiler/plan/message_passing.h"

namespace tatami {
namespace {

// Improves an assignment by changing one variable, or the two of an edge, at a time.
class LocalSearch {
 public:
  explicit LocalSearch(const AssignmentProblem& problem)
      : problem_(problem), of_variable_(problem.unary.size()) {
    for (size_t e = 0; e < problem.edges.size(); ++e) {
      of_variable_[problem.edges[e].a].push_back(static_cast<int>(e));
      of_variable_[problem.edges[e].b].push_back(static_cast<int>(e));
    }
  }

  void Improve(std::vector<int>& state) const {
    for (int sweep = 0; sweep < kSweepsMax; ++sweep) {
      if (SweepOnes(state)) continue;
      bool changed = false;
      for (const AssignmentProblem::Edge& edge : problem_.edges) {
        changed |= ImproveTwo(edge, state);
      }
      if (!changed) return;
    }
  }

  void ImproveByOne(std::vector<int>& state) const {
    for (int sweep = 0; sweep < kSweepsMax && SweepOnes(state); ++sweep) {
    }
  }

 private:
  static constexpr int kSweepsMax = 100;
  // What counts as better: more than rounding.
  static bool Less(double a, double b) { return a < b - 1e-12 * std::abs(b); }

  bool SweepOnes(std::vector<int>& state) const {
    bool changed = false;
    for (size_t v = 0; v < state.size(); ++v) {
      changed |= ImproveOne(static_cast<int>(v), state);
    }
    return changed;
  }

  double EdgeCost(const AssignmentProblem::Edge& edge, int a, int b) const {
    return edge.cost[a * problem_.unary[edge.b].size() + b];
  }

  // The cost of each state of v, the others being fixed; edges to `except` left out.
  std::vector<double> Around(int v, int except, const std::vector<int>& state) const {
    std::vector<double> cost = problem_.unary[v];
    for (const int e : of_variable_[v]) {
      const AssignmentProblem::Edge& edge = problem_.edges[e];
      if (edge.a == except || edge.b == except) continue;
      for (size_t s = 0; s < cost.size(); ++s) {
        const int i = static_cast<int>(s);
        cost[s] += edge.a == v ? EdgeCost(edge, i, state[edge.b])
                               : EdgeCost(edge, state[edge.a], i);
      }
    }
    return cost;
  }

  bool ImproveOne(int v, std::vector<int>& state) const {
    const std::vector<double> cost = Around(v, -1, state);
    const auto best = absl::c_min_element(cost);
    if (!Less(*best, cost[state[v]])) return false;
    state[v] = static_cast<int>(best - cost.begin());
    return true;
  }

  bool ImproveTwo(const AssignmentProblem::Edge& edge, std::vector<int>& state) const {
    const std::vector<double> a = Around(edge.a, edge.b, state);
    const std::vector<double> b = Around(edge.b, edge.a, state);
    // All edges that join the two count.
    std::vector<double> joint(a.size() * b.size(), 0.0);
    for (const int e : of_variable_[edge.a]) {
      const AssignmentProblem::Edge& other = problem_.edges[e];
      const bool same = other.a == edge.a && other.b == edge.b;
      if (!same && !(other.a == edge.b && other.b == edge.a)) continue;
      for (size_t i = 0; i < a.size(); ++i) {
        for (size_t j = 0; j < b.size(); ++j) {
          const int x = static_cast<int>(i), y = static_cast<int>(j);
          joint[i * b.size() + j] +=
              same ? EdgeCost(other, x, y) : EdgeCost(other, y, x);
        }
      }
    }
    size_t best = state[edge.a] * b.size() + state[edge.b];
    double best_cost = a[state[edge.a]] + b[state[edge.b]] + joint[best];
    bool changed = false;
    for (size_t k = 0; k < joint.size(); ++k) {
      const double cost = a[k / b.size()] + b[k % b.size()] + joint[k];
      if (Less(cost, best_cost)) best = k, best_cost = cost, changed = true;
    }
    if (!changed) return false;
    state[edge.a] = static_cast<int>(best / b.size());
    state[edge.b] = static_cast<int>(best % b.size());
    return true;
  }

  const AssignmentProblem& problem_;
  std::vector<std::vector<int>> of_variable_;
};

// The problem with fewer states; `kept` gets each new state's old number.
AssignmentProblem KeepStates(const AssignmentProblem& problem,
                             const std::vector<std::vector<bool>>& keep,
                             std::vector<std::vector<int>>& kept) {
  AssignmentProblem out;
  kept.assign(problem.unary.size(), {});
  for (size_t v = 0; v < problem.unary.size(); ++v) {
    out.unary.emplace_back();
    for (size_t s = 0; s < problem.unary[v].size(); ++s) {
      if (!keep[v][s]) continue;
      kept[v].push_back(static_cast<int>(s));
      out.unary[v].push_back(problem.unary[v][s]);
    }
  }
  for (const AssignmentProblem::Edge& edge : problem.edges) {
    out.edges.push_back({edge.a, edge.b, {}});
    const size_t cols = problem.unary[edge.b].size();
    for (const int i : kept[edge.a]) {
      for (const int j : kept[edge.b]) {
        out.edges.back().cost.push_back(edge.cost[i * cols + j]);
      }
    }
  }
  return out;
}

// A problem without narrow variables: message passing, then fewer states, then again.
Assignment SolveCore(const AssignmentProblem& core, const AssignmentOptions& options) {
  MessagePassing messages(core);
  const LocalSearch local(core);
  Assignment out;
  const auto offer = [&](std::vector<int> state) {
    local.Improve(state);
    const double cost = core.Cost(state);
    if (out.state.empty() || cost < out.cost) {
      out.state = std::move(state);
      out.cost = cost;
    }
  };
  offer(options.start.empty() ? messages.Decode() : options.start);
  double bound = messages.Bound();
  for (int pass = 0; pass < options.passes; ++pass) {
    messages.Pass();
    if (pass % 10 != 9 && pass + 1 != options.passes) continue;
    offer(messages.Decode());
    const double before = bound;
    bound = messages.Bound();
    // Near enough, or at a standstill.
    if (out.cost - bound <= options.gap_goal * std::abs(out.cost)) break;
    if (bound - before < 1e-6 * std::abs(out.cost)) break;
  }
  out.bound = std::min(out.cost, bound);
  if (out.cost - out.bound <= options.gap_goal * std::abs(out.cost)) return out;
  // Rounding must not remove the state that the best assignment needs.
  const double limit = out.cost + 1e-9 * std::abs(out.cost);
  std::vector<std::vector<bool>> keep = messages.StatesBelow(limit);
  size_t removed = 0;
  for (size_t v = 0; v < keep.size(); ++v) {
    keep[v][out.state[v]] = true;
    removed += absl::c_count(keep[v], false);
  }
  if (removed == 0) return out;
  std::vector<std::vector<int>> kept;
  const AssignmentProblem smaller = KeepStates(core, keep, kept);
  AssignmentOptions again = options;
  again.start.clear();
  for (size_t v = 0; v < kept.size(); ++v) {
    again.start.push_back(
        static_cast<int>(absl::c_find(kept[v], out.state[v]) - kept[v].begin()));
  }
  const Assignment best = SolveAssignment(smaller, again);
  for (size_t v = 0; v < kept.size(); ++v) out.state[v] = kept[v][best.state[v]];
  out.cost = best.cost;
  // What was removed costs at least the old answer, which the new one is no worse than.
  out.bound = std::min(out.cost, std::max(out.bound, best.bound));
  return out;
}

}  // namespace

double AssignmentProblem::Cost(const std::vector<int>& state) const {
  double cost = 0;
  for (size_t v = 0; v < unary.size(); ++v) cost += unary[v][state[v]];
  for (const Edge& edge : edges) {
    cost += edge.cost[state[edge.a] * unary[edge.b].size() + state[edge.b]];
  }
  return cost;
}

void ImproveByOne(const AssignmentProblem& problem, std::vector<int>& state) {
  LocalSearch(problem).ImproveByOne(state);
}

Assignment SolveAssignment(const AssignmentProblem& problem,
                           const AssignmentOptions& options) {
  Elimination elimination(problem);
  elimination.EliminateNarrow();
  std::vector<int> variables;
  const AssignmentProblem core = elimination.Core(variables);
  Assignment out{.state = std::vector<int>(problem.unary.size(), 0)};
  double core_bound = 0;
  const bool exact = elimination.EliminateAll(options.table_limit, options.work_limit);
  if (!exact) {
    AssignmentOptions inner = options;
    if (!options.start.empty()) {
      inner.start.clear();
      for (const int v : variables) inner.start.push_back(options.start[v]);
    }
    const Assignment found = SolveCore(core, inner);
    for (size_t i = 0; i < variables.size(); ++i) {
      out.state[variables[i]] = found.state[i];
    }
    core_bound = found.bound;
  }
  elimination.Extend(out.state);
  out.cost = problem.Cost(out.state);
  out.bound =
      exact ? out.cost : std::min(out.cost, elimination.constant() + core_bound);
  return out;
}

}  // namespace tatami
