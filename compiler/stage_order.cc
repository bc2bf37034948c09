#include "compiler/stage_order.h"

#include <functional>
#include <limits>
#include <queue>
#include <utility>
#include <vector>

namespace tatami {
namespace {

constexpr int64_t kAfterAll = std::numeric_limits<int64_t>::max();

// When each call has its turn, counted in passes of one stage.
class Turns {
 public:
  Turns(const Graph& graph, const Plan& plan)
      : graph_(graph), plan_(plan), late_(graph.calls.size(), false) {}

  std::vector<int64_t> Run() {
    std::vector<int64_t> turns;
    for (size_t c = 0; c < graph_.calls.size(); ++c) turns.push_back(TurnOf(c));
    return turns;
  }

 private:
  // Calls of a micro-batch that stand in neither pass, as those that add up gradients,
  // go with what they read.
  int64_t TurnOf(size_t c) {
    const GraphCall& call = graph_.calls[c];
    bool backward = call.backward;
    for (const int in : call.in) {
      const int producer = graph_.values[in].producer;
      backward |= producer >= 0 && late_[producer];
    }
    late_[c] = backward;
    if (call.micro_batch < 0 && call.place < 0) return kAfterAll;
    const int64_t stages = plan_.stage_grid().count(), s = StageOf(call);
    const int64_t m = call.micro_batch < 0 ? 0 : call.micro_batch;
    if (backward) return 2 * stages - 1 - s + 2 * m;
    return m < stages - s ? s + m : s + 2 * m;
  }

  int64_t StageOf(const GraphCall& call) const {
    const auto it = plan_.calls.find(call.name);
    return it == plan_.calls.end() ? 0 : it->second.stage.value_or(0);
  }

  const Graph& graph_;
  const Plan& plan_;
  std::vector<bool> late_;  // by call: of the backward pass, or after it
};

}  // namespace

double BubbleShare(int64_t stages, int64_t micro_batches) {
  return static_cast<double>(stages - 1) /
         static_cast<double>(micro_batches + stages - 1);
}

Graph OrderForStages(const Graph& graph, const Plan& plan) {
  const std::vector<int64_t> turns = Turns(graph, plan).Run();
  std::vector<std::vector<int>> readers(graph.calls.size());
  std::vector<int> waits_for(graph.calls.size(), 0);
  for (size_t c = 0; c < graph.calls.size(); ++c) {
    for (const int in : graph.calls[c].in) {
      const int producer = graph.values[in].producer;
      if (producer < 0) continue;
      readers[producer].push_back(static_cast<int>(c));
      ++waits_for[c];
    }
  }
  // Of what is ready, the one whose turn comes first.
  using Ready = std::pair<int64_t, int>;
  std::priority_queue<Ready, std::vector<Ready>, std::greater<>> ready;
  for (size_t c = 0; c < graph.calls.size(); ++c) {
    if (waits_for[c] == 0) ready.emplace(turns[c], static_cast<int>(c));
  }
  Graph out = graph;
  out.calls.clear();
  while (!ready.empty()) {
    const int c = ready.top().second;
    ready.pop();
    out.values[graph.calls[c].out].producer = static_cast<int>(out.calls.size());
    out.calls.push_back(graph.calls[c]);
    for (const int reader : readers[c]) {
      if (--waits_for[reader] == 0) ready.emplace(turns[reader], reader);
    }
  }
  return out;
}

}  // namespace tatami
