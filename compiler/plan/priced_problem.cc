// PlanModel::MakeProblem: time and priced memory as tables.
#include <numeric>

#include "compiler/plan/plan_model.h"
#include "compiler/plan/span_prices.h"

namespace tatami {
PlanModel::StateSets PlanModel::AllStates() const {
  StateSets all;
  for (const std::vector<State>& states : states_) {
    all.emplace_back(states.size());
    std::iota(all.back().begin(), all.back().end(), 0);
  }
  return all;
}

AssignmentProblem PlanModel::Problem(const std::vector<double>& ns_per_byte) const {
  AssignmentProblem problem;
  MakeProblem(ns_per_byte, AllStates(), problem);
  return problem;
}

void PlanModel::MakeProblem(const std::vector<double>& ns_per_byte,
                            const StateSets& kept, AssignmentProblem& problem) const {
  const SpanPrices prices(ns_per_byte, points());
  problem.unary.resize(points());
  for (int c = 0; c < points(); ++c) {
    problem.unary[c].clear();
    for (const int s : kept[c]) {
      problem.unary[c].push_back(states_[c][s].ns + prices.Ns(states_[c][s].spans));
    }
  }
  // By the reader's state: its runs, and what it stages or is fed, elsewhere and in
  // place; by the owner's state and the reader's runs: what is held longer.
  std::vector<double> apart, in_place, longer[2];
  size_t edges = 0;
  Spans spans;
  const auto price = [&] {
    const double ns = prices.Ns(spans);
    spans.clear();
    return ns;
  };
  for (const Use& use : uses_) {
    const auto &owners = states_[use.owner], &readers = states_[use.reader];
    const bool fed = graph_.values[use.value].kind == ValueKind::kInput;
    const size_t cols = candidates_[use.reader].size();
    for (auto* list : {&apart, &in_place, &longer[0], &longer[1]}) list->clear();
    for (const int b : kept[use.reader]) {
      fed ? FeedSpans(use, readers[b], false, spans)
          : StagedSpans(use, readers[b], spans);
      apart.push_back(price());
      if (fed) FeedSpans(use, readers[b], true, spans);
      in_place.push_back(price());
    }
    for (const int a : kept[use.owner]) {
      for (const bool again : {false, true}) {
        HeldSpans(use, owners[a], again, spans);
        longer[again].push_back(price());
      }
    }
    const auto cost = [&](size_t i, size_t j) {
      const State &o = owners[kept[use.owner][i]], &r = readers[kept[use.reader][j]];
      const size_t at = o.candidate * cols + r.candidate;
      return use.ns[at] * (r.again ? 2 : 1) +
             (use.in_place[at] ? in_place[j] : apart[j]) + longer[r.again][i];
    };
    if (use.owner == use.reader) {
      for (size_t i = 0; i < kept[use.owner].size(); ++i) {
        problem.unary[use.owner][i] += cost(i, i);
      }
      continue;
    }
    if (edges == problem.edges.size()) problem.edges.emplace_back();
    AssignmentProblem::Edge& edge = problem.edges[edges++];
    edge.a = use.owner;
    edge.b = use.reader;
    edge.cost.resize(kept[use.owner].size() * kept[use.reader].size());
    auto at = edge.cost.begin();
    for (size_t i = 0; i < kept[use.owner].size(); ++i) {
      for (size_t j = 0; j < kept[use.reader].size(); ++j) *at++ = cost(i, j);
    }
  }
}

}  // namespace tatami
