#include "compiler/lower/recompute.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"

namespace tatami {
namespace {

// Shorter pauses free too little to be worth a second run.
constexpr int kPauseMin = 8;

class SecondRuns {
 public:
  SecondRuns(const Graph& graph, const Plan& plan)
      : graph_(graph), pauses_(FindPauses(graph)), again_(graph.values.size(), -1) {
    out_.graph = graph;
    out_.graph.calls.clear();
    out_.plan = plan;
    for (size_t c = 0; c < graph.calls.size(); ++c) {
      const auto it = plan.calls.find(graph.calls[c].name);
      twice_.push_back(it != plan.calls.end() && it->second.recompute.value_or(false) &&
                       pauses_[c].worthwhile());
    }
  }

  absl::StatusOr<Expanded> Run() {
    for (size_t c = 0; c < graph_.calls.size(); ++c) {
      GraphCall call = graph_.calls[c];
      for (int& in : call.in) in = ReadAt(in, static_cast<int>(c));
      Append(std::move(call));
    }
    return std::move(out_);
  }

 private:
  void Append(GraphCall call) {
    out_.graph.values[call.out].producer = static_cast<int>(out_.graph.calls.size());
    out_.graph.calls.push_back(std::move(call));
  }

  // What a reader that stands at call `time` of the original graph reads.
  int ReadAt(int value, int time) {
    const int producer = graph_.values[value].producer;
    if (producer < 0 || !twice_[producer] || time <= pauses_[producer].last_early) {
      return value;
    }
    if (again_[value] >= 0) return again_[value];
    GraphCall call = graph_.calls[producer];
    for (int& in : call.in) in = ReadAt(in, time);
    const auto first = out_.plan.calls.find(call.name);
    call.name = absl::StrCat(call.name, ".again");
    out_.plan.calls[call.name] = first->second;
    again_[value] = call.out = static_cast<int>(out_.graph.values.size());
    GraphValue made = graph_.values[value];
    made.name = absl::StrCat(made.name, ".again");
    out_.graph.values.push_back(std::move(made));
    Append(std::move(call));
    return again_[value];
  }

  const Graph& graph_;
  std::vector<Pause> pauses_;
  std::vector<bool> twice_;  // by call
  std::vector<int> again_;   // by value: what its second run makes
  Expanded out_;
};

}  // namespace

std::vector<Pause> FindPauses(const Graph& graph) {
  std::vector<std::vector<int>> uses(graph.values.size());
  for (size_t c = 0; c < graph.calls.size(); ++c) {
    for (const int in : graph.calls[c].in) uses[in].push_back(static_cast<int>(c));
  }
  std::vector<bool> taken(graph.values.size(), false);
  for (const auto& [name, value] : graph.outputs) taken[value] = true;
  for (const auto& [state, next] : graph.updates) taken[next] = true;
  std::vector<Pause> pauses(graph.calls.size());
  for (size_t c = 0; c < graph.calls.size(); ++c) {
    const int out = graph.calls[c].out;
    if (taken[out]) continue;
    int before = static_cast<int>(c), longest = kPauseMin - 1;
    for (const int use : uses[out]) {
      if (use - before > longest) {
        longest = use - before;
        pauses[c] = {before, use};
      }
      before = use;
    }
  }
  return pauses;
}

absl::StatusOr<Expanded> AddSecondRuns(const Graph& graph, const Plan& plan) {
  TATAMI_ASSIGN_OR_RETURN(Expanded out, SecondRuns(graph, plan).Run());
  TATAMI_RETURN_IF_ERROR(VerifyGraph(out.graph), "after adding second runs");
  return out;
}

}  // namespace tatami
