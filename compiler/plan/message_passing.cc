#include "compiler/plan/message_passing.h"

#include <algorithm>
#include <limits>

#include "absl/algorithm/container.h"

namespace tatami {
namespace {

// Eight minima at a time stay in registers; the loops over them are unrolled. Minima
// are exact, so the order in which they are taken changes nothing.
constexpr int kLanes = 8;

// least[j] = min over i of cost[i * cols + j] - moved[i]
void LeastByColumn(const double* cost, int rows, int cols, const double* moved,
                   double* least) {
  int j = 0;
  for (; j + kLanes <= cols; j += kLanes) {
    double best[kLanes];
    for (int k = 0; k < kLanes; ++k) best[k] = cost[j + k] - moved[0];
    for (int i = 1; i < rows; ++i) {
      const double* row = cost + static_cast<size_t>(i) * cols + j;
      for (int k = 0; k < kLanes; ++k) {
        const double x = row[k] - moved[i];
        best[k] = x < best[k] ? x : best[k];
      }
    }
    std::copy(best, best + kLanes, least + j);
  }
  for (; j < cols; ++j) {
    double best = cost[j] - moved[0];
    for (int i = 1; i < rows; ++i) {
      best = std::min(best, cost[static_cast<size_t>(i) * cols + j] - moved[i]);
    }
    least[j] = best;
  }
}

// least[i] = min over j of cost[i * cols + j] - moved[j]
void LeastByRow(const double* cost, int rows, int cols, const double* moved,
                double* least) {
  for (int i = 0; i < rows; ++i, cost += cols) {
    double best[kLanes];
    std::fill(best, best + kLanes, std::numeric_limits<double>::infinity());
    int j = 0;
    for (; j + kLanes <= cols; j += kLanes) {
      for (int k = 0; k < kLanes; ++k) {
        const double x = cost[j + k] - moved[j + k];
        best[k] = x < best[k] ? x : best[k];
      }
    }
    for (; j < cols; ++j) best[0] = std::min(best[0], cost[j] - moved[j]);
    least[i] = *std::min_element(best, best + kLanes);
  }
}

}  // namespace

MessagePassing::MessagePassing(const AssignmentProblem& problem,
                               std::vector<Moved> start)
    : problem_(problem),
      moved_(std::move(start)),
      theta_(problem.unary),
      behind_(theta_.size()),
      ahead_(theta_.size()) {
  if (moved_.empty()) {
    for (const AssignmentProblem::Edge& e : problem.edges) {
      moved_.push_back({std::vector<double>(theta_[e.a].size(), 0.0),
                        std::vector<double>(theta_[e.b].size(), 0.0)});
    }
  }
  for (size_t e = 0; e < problem.edges.size(); ++e) {
    const int a = problem.edges[e].a, b = problem.edges[e].b;
    ahead_[std::min(a, b)].push_back(static_cast<int>(e));
    behind_[std::max(a, b)].push_back(static_cast<int>(e));
    for (size_t s = 0; s < theta_[a].size(); ++s) theta_[a][s] += moved_[e].to_a[s];
    for (size_t s = 0; s < theta_[b].size(); ++s) theta_[b][s] += moved_[e].to_b[s];
  }
  for (size_t v = 0; v < theta_.size(); ++v) {
    const size_t most = std::max(ahead_[v].size(), behind_[v].size());
    share_.push_back(1.0 / static_cast<double>(std::max<size_t>(most, 1)));
  }
}

void MessagePassing::LeastByState(int edge, bool of_a,
                                  std::vector<double>& least) const {
  const AssignmentProblem::Edge& e = problem_.edges[edge];
  const int rows = static_cast<int>(theta_[e.a].size()),
            cols = static_cast<int>(theta_[e.b].size());
  least.resize(of_a ? rows : cols);
  of_a ? LeastByRow(e.cost.data(), rows, cols, moved_[edge].to_b.data(), least.data())
       : LeastByColumn(e.cost.data(), rows, cols, moved_[edge].to_a.data(),
                       least.data());
}

// The edges on the side that the pass goes to have nothing to spare: the pass before
// ended on them.
void MessagePassing::Visit(int variable, bool forward) {
  std::vector<double>& theta = theta_[variable];
  for (const int e : forward ? behind_[variable] : ahead_[variable]) {
    const bool is_a = IsA(e, variable);
    LeastByState(e, is_a, least_);
    std::vector<double>& moved = is_a ? moved_[e].to_a : moved_[e].to_b;
    for (size_t s = 0; s < theta.size(); ++s) {
      theta[s] += least_[s] - moved[s];
      moved[s] = least_[s];
    }
  }
  gathered_ = theta;
  for (const int e : forward ? ahead_[variable] : behind_[variable]) {
    std::vector<double>& moved = IsA(e, variable) ? moved_[e].to_a : moved_[e].to_b;
    for (size_t s = 0; s < theta.size(); ++s) {
      const double part = gathered_[s] * share_[variable];
      theta[s] -= part;
      moved[s] -= part;
    }
  }
}

double MessagePassing::Pass() {
  const int n = static_cast<int>(theta_.size());
  for (int v = 0; v < n; ++v) Visit(v, true);
  // Each visit back takes all that the edges ahead can spare: their least is 0.
  double bound = 0;
  for (int v = n - 1; v >= 0; --v) {
    Visit(v, false);
    bound += *absl::c_min_element(theta_[v]);
  }
  return bound;
}

double MessagePassing::Bound() const {
  double bound = 0;
  for (const auto& theta : theta_) bound += *absl::c_min_element(theta);
  std::vector<double> least;
  for (size_t e = 0; e < moved_.size(); ++e) {
    LeastByState(static_cast<int>(e), true, least);
    for (size_t s = 0; s < least.size(); ++s) least[s] -= moved_[e].to_a[s];
    bound += *absl::c_min_element(least);
  }
  return bound;
}

std::vector<int> MessagePassing::Decode() const {
  std::vector<int> state(theta_.size(), -1);
  std::vector<double> cost, least;
  for (size_t v = 0; v < theta_.size(); ++v) {
    cost = theta_[v];
    for (const std::vector<int>* edges : {&behind_[v], &ahead_[v]}) {
      for (const int e : *edges) {
        const AssignmentProblem::Edge& edge = problem_.edges[e];
        const bool is_a = IsA(e, static_cast<int>(v));
        const std::vector<double>& moved = is_a ? moved_[e].to_a : moved_[e].to_b;
        const size_t cols = theta_[edge.b].size();
        const int other = state[is_a ? edge.b : edge.a];
        if (other < 0) LeastByState(e, is_a, least);
        for (size_t s = 0; s < cost.size(); ++s) {
          // What was moved from the other end is the same for all states.
          const double own = other < 0 ? least[s]
                             : is_a    ? edge.cost[s * cols + other]
                                       : edge.cost[other * cols + s];
          cost[s] += own - moved[s];
        }
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
    for (const std::vector<int>* edges : {&behind_[v], &ahead_[v]}) {
      for (const int e : *edges) {
        const bool is_a = IsA(e, static_cast<int>(v));
        LeastByState(e, is_a, least);
        const std::vector<double>& moved = is_a ? moved_[e].to_a : moved_[e].to_b;
        for (size_t s = 0; s < cost.size(); ++s) {
          least[s] -= moved[s];
          cost[s] += least[s];
        }
        base += *absl::c_min_element(least);
      }
    }
    for (const double c : cost) below[v].push_back(bound + c - base < limit);
  }
  return below;
}

}  // namespace tatami
