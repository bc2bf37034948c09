#include "compiler/plan/elimination.h"

#include <algorithm>
#include <set>

#include "absl/algorithm/container.h"

namespace tatami {
namespace {

// Steps through all assignments of a scope, the last variable fastest, and keeps the
// matching index into each of several tables.
class Odometer {
 public:
  Odometer(const std::vector<int>& sizes, std::vector<std::vector<int64_t>> strides)
      : sizes_(sizes),
        strides_(std::move(strides)),
        digit_(sizes.size(), 0),
        index_(strides_.size(), 0) {}

  int64_t index(size_t table) const { return index_[table]; }
  void Next() {
    for (int d = static_cast<int>(sizes_.size()) - 1; d >= 0; --d) {
      for (size_t t = 0; t < strides_.size(); ++t) index_[t] += strides_[t][d];
      if (++digit_[d] < sizes_[d]) return;
      for (size_t t = 0; t < strides_.size(); ++t) {
        index_[t] -= strides_[t][d] * sizes_[d];
      }
      digit_[d] = 0;
    }
  }

 private:
  const std::vector<int>& sizes_;
  std::vector<std::vector<int64_t>> strides_;  // by table, by scope position
  std::vector<int> digit_;
  std::vector<int64_t> index_;
};

}  // namespace

Elimination::Elimination(const AssignmentProblem& problem)
    : left_(problem.unary.size(), true), touch_(problem.unary.size()) {
  for (const auto& unary : problem.unary) {
    states_.push_back(static_cast<int>(unary.size()));
  }
  for (size_t v = 0; v < problem.unary.size(); ++v) {
    AddFactor({.scope = {static_cast<int>(v)}, .table = problem.unary[v]});
  }
  for (const AssignmentProblem::Edge& edge : problem.edges) {
    if (edge.a < edge.b) {
      AddFactor({.scope = {edge.a, edge.b}, .table = edge.cost});
      continue;
    }
    Factor turned{.scope = {edge.b, edge.a}, .table = edge.cost};
    for (int i = 0; i < states_[edge.b]; ++i) {
      for (int j = 0; j < states_[edge.a]; ++j) {
        turned.table[i * states_[edge.a] + j] = edge.cost[j * states_[edge.b] + i];
      }
    }
    AddFactor(std::move(turned));
  }
}

// Factors of equal scope are added up at once. A variable of one state leaves every
// scope: it joins nothing.
void Elimination::AddFactor(Factor factor) {
  std::erase_if(factor.scope, [&](int v) { return states_[v] == 1; });
  if (factor.scope.empty()) {
    constant_ += factor.table[0];
    return;
  }
  for (const int f : touch_[factor.scope[0]]) {
    if (factors_[f].scope != factor.scope) continue;
    for (size_t i = 0; i < factor.table.size(); ++i) {
      factors_[f].table[i] += factor.table[i];
    }
    return;
  }
  for (const int v : factor.scope) {
    touch_[v].push_back(static_cast<int>(factors_.size()));
  }
  factors_.push_back(std::move(factor));
}

std::vector<int> Elimination::Neighbours(int variable) const {
  std::set<int> out;
  for (const int f : touch_[variable]) {
    out.insert(factors_[f].scope.begin(), factors_[f].scope.end());
  }
  out.erase(variable);
  return {out.begin(), out.end()};
}

double Elimination::TableSize(const std::vector<int>& scope) const {
  double size = 1;
  for (const int v : scope) size *= states_[v];
  return size;
}

void Elimination::Eliminate(int variable) {
  const std::vector<int> scope = Neighbours(variable);
  const std::vector<int> bucket = touch_[variable];
  std::vector<int> sizes;
  for (const int v : scope) sizes.push_back(states_[v]);
  std::vector<std::vector<int64_t>> strides;
  std::vector<int64_t> own;  // by factor: stride of the variable itself
  for (const int f : bucket) {
    strides.emplace_back(scope.size(), 0);
    int64_t stride = 1;
    own.push_back(0);
    for (int i = static_cast<int>(factors_[f].scope.size()) - 1; i >= 0; --i) {
      const int v = factors_[f].scope[i];
      if (v == variable) {
        own.back() = stride;
      } else {
        strides.back()[absl::c_lower_bound(scope, v) - scope.begin()] = stride;
      }
      stride *= states_[v];
    }
  }
  const auto entries = static_cast<size_t>(TableSize(scope));
  Factor made{.scope = scope, .table = std::vector<double>(entries)};
  Answer answer{
      .variable = variable, .scope = scope, .state = std::vector<uint16_t>(entries)};
  Odometer at(sizes, std::move(strides));
  for (size_t i = 0; i < entries; ++i, at.Next()) {
    double best = 0;
    int best_state = -1;
    for (int s = 0; s < states_[variable]; ++s) {
      double sum = 0;
      for (size_t f = 0; f < bucket.size(); ++f) {
        sum += factors_[bucket[f]].table[at.index(f) + own[f] * s];
      }
      if (best_state < 0 || sum < best) best = sum, best_state = s;
    }
    made.table[i] = best;
    answer.state[i] = static_cast<uint16_t>(best_state);
  }
  for (const int f : bucket) {
    for (const int v : factors_[f].scope) {
      touch_[v].erase(absl::c_find(touch_[v], f));
    }
    factors_[f] = {};
  }
  left_[variable] = false;
  answers_.push_back(std::move(answer));
  AddFactor(std::move(made));
}

void Elimination::EliminateNarrow() {
  // One pass at a time, the cheap eliminations first.
  const auto pass = [&](size_t width) {
    bool changed = false;
    for (size_t v = 0; v < states_.size(); ++v) {
      if (!left_[v] || Neighbours(static_cast<int>(v)).size() > width) continue;
      Eliminate(static_cast<int>(v));
      changed = true;
    }
    return changed;
  };
  while (pass(1) || pass(2)) {
  }
}

bool Elimination::Affordable(double table_limit, double work_limit,
                             std::vector<int>& order) const {
  std::vector<std::set<int>> neighbours(states_.size());
  std::set<int> left;
  for (size_t v = 0; v < states_.size(); ++v) {
    if (!left_[v]) continue;
    left.insert(static_cast<int>(v));
    for (const int n : Neighbours(static_cast<int>(v))) neighbours[v].insert(n);
  }
  double work = 0;
  while (!left.empty()) {
    int best = -1;
    double best_size = 0;
    for (const int v : left) {
      double size = states_[v];
      for (const int n : neighbours[v]) size *= states_[n];
      if (best < 0 || size < best_size) best = v, best_size = size;
    }
    work += best_size * static_cast<double>(neighbours[best].size() + 1);
    if (best_size / states_[best] > table_limit || work > work_limit) return false;
    for (const int a : neighbours[best]) {
      neighbours[a].erase(best);
      for (const int b : neighbours[best]) {
        if (a != b) neighbours[a].insert(b);
      }
    }
    left.erase(best);
    order.push_back(best);
  }
  return true;
}

bool Elimination::EliminateAll(double table_limit, double work_limit) {
  std::vector<int> order;
  if (!Affordable(table_limit, work_limit, order)) return false;
  for (const int v : order) Eliminate(v);
  return true;
}

AssignmentProblem Elimination::Core(std::vector<int>& variables) const {
  AssignmentProblem core;
  std::vector<int> number(states_.size(), -1);
  variables.clear();
  for (size_t v = 0; v < states_.size(); ++v) {
    if (!left_[v]) continue;
    number[v] = static_cast<int>(variables.size());
    variables.push_back(static_cast<int>(v));
    core.unary.emplace_back(states_[v], 0.0);
  }
  for (const Factor& f : factors_) {
    if (f.scope.size() == 1) {
      core.unary[number[f.scope[0]]] = f.table;
    } else if (f.scope.size() == 2) {
      core.edges.push_back({number[f.scope[0]], number[f.scope[1]], f.table});
    }
  }
  return core;
}

void Elimination::Extend(std::vector<int>& state) const {
  for (auto answer = answers_.rbegin(); answer != answers_.rend(); ++answer) {
    size_t index = 0;
    for (const int v : answer->scope) index = index * states_[v] + state[v];
    state[answer->variable] = answer->state[index];
  }
}

}  // namespace tatami
