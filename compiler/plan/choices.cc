// PlanModel::ChoicesOf: the account of one call.
#include "compiler/plan/choices.h"

#include <algorithm>
#include <limits>

#include "compiler/plan/plan_model.h"

namespace tatami {

std::vector<PlanChoice> PlanModel::ChoicesOf(
    int call, const std::vector<int>& state,
    const std::vector<int64_t>& capacity) const {
  std::vector<int64_t> others = Memory(state);  // bytes, by point, without the call's
  Spans spans;
  Around(call, state, spans);
  for (const Span& s : spans) {
    for (int t = s.first; t <= s.last; ++t) others[t] -= s.bytes;
  }
  std::vector<PlanChoice> out;
  std::vector<int> with = state;
  for (int i = 0; i < num_states(call); ++i) {
    const State& own = states_[call][i];
    const Candidate& k = candidates_[call][own.candidate];
    const int runs = own.again ? 2 : 1;
    PlanChoice choice{.plan = CallPlanOf(call, own),
                      .chosen = i == state[call],
                      .compute_ns = k.compute_ns * runs,
                      .combine_ns = k.resolve_ns * runs,
                      .taken_ns = own.land_ns};
    with[call] = i;
    for (const int u : uses_of_[call]) {
      const Use& use = uses_[u];
      const double ns = UseNs(use, states_[use.owner][with[use.owner]],
                              states_[use.reader][with[use.reader]]);
      (use.reader == call ? choice.brought_ns : choice.taken_ns) += ns;
    }
    spans.clear();
    Around(call, with, spans);
    std::vector<int64_t> bytes = others;
    for (const Span& s : spans) {
      for (int t = s.first; t <= s.last; ++t) bytes[t] += s.bytes;
    }
    choice.over_bytes = std::numeric_limits<int64_t>::min();
    for (int t = 0; t < points(); ++t) {
      choice.peak_bytes = std::max(choice.peak_bytes, bytes[t]);
      choice.over_bytes = std::max(choice.over_bytes, bytes[t] - capacity[t]);
    }
    out.push_back(std::move(choice));
  }
  return out;
}

}  // namespace tatami
