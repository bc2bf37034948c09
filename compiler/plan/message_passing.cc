#include "compiler/plan/message_passing.h"

#include <algorithm>

#include "absl/algorithm/container.h"

namespace tatami {

MessagePassing::MessagePassing(const AssignmentProblem& problem)
    : theta_(problem.unary), of_variable_(problem.unary.size()) {
  std::vector<int> ahead(theta_.size(), 0), behind(theta_.size(), 0);
  for (const AssignmentProblem::Edge& e : problem.edges) {
    const bool turned = e.a > e.b;
    const int a = std::min(e.a, e.b), b = std::max(e.a, e.b);
    for (const int v : {a, b})
      of_variable_[v].push_back(static_cast<int>(edges_.size()));
    ++ahead[a];
    ++behind[b];
    edges_.push_back({.a = a,
                      .b = b,
                      .rows = static_cast<int>(theta_[a].size()),
                      .cols = static_cast<int>(theta_[b].size()),
                      .cost = &e.cost,
                      .turned = turned,
                      .to_a = std::vector<double>(theta_[a].size(), 0.0),
                      .to_b = std::vector<double>(theta_[b].size(), 0.0)});
  }
  for (size_t v = 0; v < theta_.size(); ++v) {
    share_.push_back(1.0 / std::max({ahead[v], behind[v], 1}));
  }
}

void MessagePassing::LeastByState(const Edge& edge, bool of_a,
                                  std::vector<double>& least) const {
  least.assign(of_a ? edge.rows : edge.cols, 0.0);
  for (int i = 0; i < edge.rows; ++i) {
    for (int j = 0; j < edge.cols; ++j) {
      double& slot = least[of_a ? i : j];
      const double cost = edge.At(i, j);
      if ((of_a ? j : i) == 0 || cost < slot) slot = cost;
    }
  }
}

// Gathers what all edges can spare, then hands each edge ahead an equal share.
void MessagePassing::Visit(int variable, bool forward) {
  std::vector<double>& theta = theta_[variable];
  std::vector<double> least;
  for (const int e : of_variable_[variable]) {
    Edge& edge = edges_[e];
    const bool is_a = edge.a == variable;
    LeastByState(edge, is_a, least);
    std::vector<double>& moved = is_a ? edge.to_a : edge.to_b;
    for (size_t s = 0; s < theta.size(); ++s) {
      theta[s] += least[s];
      moved[s] += least[s];
    }
  }
  const std::vector<double> gathered = theta;
  for (const int e : of_variable_[variable]) {
    Edge& edge = edges_[e];
    const bool is_a = edge.a == variable;
    if (is_a != forward) continue;
    std::vector<double>& moved = is_a ? edge.to_a : edge.to_b;
    for (size_t s = 0; s < theta.size(); ++s) {
      const double part = gathered[s] * share_[variable];
      theta[s] -= part;
      moved[s] -= part;
    }
  }
}

void MessagePassing::Pass() {
  const int n = static_cast<int>(theta_.size());
  for (int v = 0; v < n; ++v) Visit(v, true);
  for (int v = n - 1; v >= 0; --v) Visit(v, false);
}

double MessagePassing::Bound() const {
  double bound = 0;
  for (const auto& theta : theta_) bound += *absl::c_min_element(theta);
  std::vector<double> least;
  for (const Edge& edge : edges_) {
    LeastByState(edge, true, least);
    bound += *absl::c_min_element(least);
  }
  return bound;
}

std::vector<int> MessagePassing::Decode() const {
  std::vector<int> state(theta_.size(), -1);
  std::vector<double> cost, least;
  for (size_t v = 0; v < theta_.size(); ++v) {
    cost = theta_[v];
    for (const int e : of_variable_[v]) {
      const Edge& edge = edges_[e];
      const bool is_a = edge.a == static_cast<int>(v);
      const int other = state[is_a ? edge.b : edge.a];
      if (other < 0) LeastByState(edge, is_a, least);
      for (size_t s = 0; s < cost.size(); ++s) {
        const int i = static_cast<int>(s);
        cost[s] += other < 0 ? least[s] : is_a ? edge.At(i, other) : edge.At(other, i);
      }
    }
    state[v] = static_cast<int>(absl::c_min_element(cost) - cost.begin());
  }
  return state;
}

std::vector<std::vector<bool>> MessagePassing::StatesBelow(double limit) const {
  const double bound = Bound();
  std::vector<std::vector<bool>> below(theta_.size());
  std::vector<double> cost, least;
  for (size_t v = 0; v < theta_.size(); ++v) {
    cost = theta_[v];
    double base = *absl::c_min_element(theta_[v]);
    for (const int e : of_variable_[v]) {
      LeastByState(edges_[e], edges_[e].a == static_cast<int>(v), least);
      base += *absl::c_min_element(least);
      for (size_t s = 0; s < cost.size(); ++s) cost[s] += least[s];
    }
    for (const double c : cost) below[v].push_back(bound + c - base < limit);
  }
  return below;
}

}  // namespace tatami
