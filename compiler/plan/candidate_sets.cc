#include "compiler/plan/candidate_sets.h"

#include <algorithm>
#include <map>
#include <string>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "core/check.h"

namespace tatami {
namespace {

// What a call may bring of its own, and what a value may spread: enough for neighbours
// to agree, few enough for tables of pairs.
constexpr size_t kOwnHeavy = 20, kOwnLight = 4, kLayoutsMax = 16;

using FactorCuts = std::vector<AxisList>;  // by factor

class CandidateSets {
 public:
  CandidateSets(const Graph& graph, const CostModel& model, const Plan& pinned,
                size_t candidates_max)
      : graph_(graph),
        model_(model),
        candidates_max_(candidates_max),
        layouts_(graph.values.size()) {
    const size_t calls = graph.calls.size();
    cuts_.resize(calls);
    heavy_.resize(calls);
    pinned_.resize(calls);
    same_as_.resize(graph.values.size());
    for (size_t v = 0; v < same_as_.size(); ++v) same_as_[v] = static_cast<int>(v);
    // A state lies as its next value does.
    for (const auto& [state, next] : graph.updates) same_as_[state] = next;
    for (size_t c = 0; c < calls; ++c) {
      calls_.push_back(graph.CallOf(static_cast<int>(c)));
      rules_.push_back((*calls_[c].op->rule)(calls_[c]));
      const OpCost cost = (*calls_[c].op->cost)(calls_[c], rules_[c].WholeFactors());
      heavy_[c] = cost.matrix_flops > 0;
      const auto it = pinned.calls.find(graph.calls[c].name);
      if (it != pinned.calls.end() && !it->second.open) pinned_[c] = &it->second;
    }
  }

  std::vector<std::vector<Candidate>> Run() {
    const int calls = static_cast<int>(calls_.size());
    std::vector<std::vector<Candidate>> out(calls);
    for (int c = 0; c < calls; ++c) {
      if (pinned_[c] != nullptr) {
        out[c] = {Pinned(c)};
      } else if (heavy_[c]) {
        cuts_[c] = Own(c, kOwnHeavy);
        out[c] = Make(c);
      } else {
        continue;
      }
      SpreadOutput(c, out[c]);
      SpreadInputs(c, out[c]);
    }
    for (int round = 0; round < kRounds; ++round) {
      for (int c = 0; c < calls; ++c) Light(c, /*forward=*/true);
      for (int c = calls - 1; c >= 0; --c) Light(c, /*forward=*/false);
    }
    for (int c = 0; c < calls; ++c) {
      if (!out[c].empty()) continue;
      for (const FactorCuts& own : Own(c, kOwnLight)) AddCuts(c, own);
      out[c] = Make(c);
    }
    return out;
  }

 private:
  static constexpr int kRounds = 2;

  Candidate Pinned(int c) const {
    auto cuts = FactorAxes(pinned_[c]->cuts, rules_[c], model_.mesh());
    TATAMI_CHECK(cuts.ok()) << "ParsePlan accepted " << graph_.calls[c].name;
    if (!pinned_[c]->result) {
      return MakeCandidates(calls_[c], rules_[c], *std::move(cuts), model_)[0];
    }
    auto result = FactorAxes(*pinned_[c]->result, rules_[c], model_.mesh());
    TATAMI_CHECK(result.ok()) << "ParsePlan accepted " << graph_.calls[c].name;
    return MakeCandidate(calls_[c], rules_[c], *std::move(cuts), *std::move(result),
                         model_);
  }

  // Calls of one op on equal shapes are enumerated once.
  const std::vector<FactorCuts>& Own(int c, size_t count) {
    const OpCall& call = calls_[c];
    std::string key = absl::StrCat(*call.op->name, "|", call.attrs.ToString());
    for (const TensorType& in : call.in) absl::StrAppend(&key, "|", in.ToString());
    auto [it, added] = own_.try_emplace(std::move(key));
    if (added) it->second = EnumerateCuts(call, rules_[c], model_, count);
    return it->second;
  }

  // All candidates of the cuts gathered so far. Each cut's best place for its result
  // comes before any cut's second.
  std::vector<Candidate> Make(int c) const {
    std::vector<std::vector<Candidate>> by_cuts;
    size_t most = 0;
    for (const FactorCuts& cuts : cuts_[c]) {
      by_cuts.push_back(MakeCandidates(calls_[c], rules_[c], cuts, model_));
      most = std::max(most, by_cuts.back().size());
    }
    std::vector<Candidate> out;
    for (size_t rank = 0; rank < most; ++rank) {
      for (std::vector<Candidate>& list : by_cuts) {
        if (rank >= list.size() || out.size() >= candidates_max_) continue;
        // The scattered result, which is small, before the one that all have.
        const size_t pick = list.size() == 1 ? 0 : (rank + 1) % list.size();
        out.push_back(std::move(list[pick]));
      }
    }
    return out;
  }

  void AddLayout(int value, Layout layout) {
    std::vector<Layout>& list = layouts_[same_as_[value]];
    if (list.size() < kLayoutsMax && !absl::c_linear_search(list, layout)) {
      list.push_back(std::move(layout));
    }
  }

  void SpreadOutput(int c, const std::vector<Candidate>& candidates) {
    for (const Candidate& k : candidates) {
      AddLayout(graph_.calls[c].out, LayoutOf(k.held));
    }
  }
  void SpreadInputs(int c, const std::vector<Candidate>& candidates) {
    for (const Candidate& k : candidates) {
      for (size_t i = 0; i < graph_.calls[c].in.size(); ++i) {
        AddLayout(graph_.calls[c].in[i], LayoutOf(k.placement.needs[i]));
      }
    }
  }

  bool AddCuts(int c, FactorCuts cuts) {
    if (cuts_[c].size() >= candidates_max_ || absl::c_linear_search(cuts_[c], cuts)) {
      return false;
    }
    cuts_[c].push_back(std::move(cuts));
    return true;
  }

  // A call without arithmetic of its own follows its inputs, or its readers.
  void Light(int c, bool forward) {
    if (pinned_[c] != nullptr || heavy_[c]) return;
    const GraphCall& call = graph_.calls[c];
    const auto follow = [&](const OperandRule& operand, int value) {
      for (const Layout& layout : layouts_[same_as_[value]]) {
        if (auto cuts = CutsFor(operand, rules_[c], layout)) {
          if (AddCuts(c, *cuts)) Spread(c, *cuts);
        }
      }
    };
    if (forward) {
      for (size_t i = 0; i < call.in.size(); ++i)
        follow(rules_[c].inputs[i], call.in[i]);
    } else {
      follow(rules_[c].output, call.out);
    }
  }

  void Spread(int c, const FactorCuts& cuts) {
    const CallPlacement placed = PlaceCall(calls_[c], rules_[c], cuts);
    if (placed.made.partial.empty()) {
      AddLayout(graph_.calls[c].out, LayoutOf(placed.made));
    } else {
      SpreadOutput(c, MakeCandidates(calls_[c], rules_[c], cuts, model_));
    }
    for (size_t i = 0; i < placed.needs.size(); ++i) {
      AddLayout(graph_.calls[c].in[i], LayoutOf(placed.needs[i]));
    }
  }

  const Graph& graph_;
  const CostModel& model_;
  const size_t candidates_max_;
  std::vector<OpCall> calls_;
  std::vector<IndexRule> rules_;
  std::vector<bool> heavy_;                    // by call: matrix arithmetic
  std::vector<const CallPlan*> pinned_;        // by call, or null
  std::vector<std::vector<FactorCuts>> cuts_;  // by call
  std::vector<int> same_as_;                   // by value
  std::vector<std::vector<Layout>> layouts_;   // by value
  std::map<std::string, std::vector<FactorCuts>> own_;
};

}  // namespace

std::vector<std::vector<Candidate>> MakeCandidateSets(const Graph& graph,
                                                      const CostModel& model,
                                                      const Plan& pinned,
                                                      size_t candidates_max) {
  return CandidateSets(graph, model, pinned, candidates_max).Run();
}

}  // namespace tatami
