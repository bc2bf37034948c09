#include "compiler/passes/remove_dead_calls.h"

#include <algorithm>

namespace tatami {

absl::Status RemoveDeadCalls(Graph& graph) {
  std::vector<bool> live(graph.values.size(), false);
  for (const auto& [name, value] : graph.outputs) live[value] = true;
  for (const auto& [state, next] : graph.updates) live[next] = true;
  std::vector<GraphCall> kept;
  for (size_t c = graph.calls.size(); c-- > 0;) {
    GraphCall& call = graph.calls[c];
    if (!live[call.out]) continue;
    for (int v : call.in) live[v] = true;
    kept.push_back(std::move(call));
  }
  std::reverse(kept.begin(), kept.end());
  // Computed values without a producer left would be dangling names: drop them too.
  std::vector<int> renumbered(graph.values.size(), -1);
  std::vector<GraphValue> values;
  for (size_t v = 0; v < graph.values.size(); ++v) {
    if (graph.values[v].kind == ValueKind::kComputed && !live[v]) continue;
    renumbered[v] = static_cast<int>(values.size());
    values.push_back(std::move(graph.values[v]));
  }
  for (size_t c = 0; c < kept.size(); ++c) {
    for (int& v : kept[c].in) v = renumbered[v];
    kept[c].out = renumbered[kept[c].out];
    values[kept[c].out].producer = static_cast<int>(c);
  }
  for (auto& [state, next] : graph.updates)
    state = renumbered[state], next = renumbered[next];
  for (auto& [name, value] : graph.outputs) value = renumbered[value];
  graph.values = std::move(values);
  graph.calls = std::move(kept);
  return absl::OkStatus();
}

}  // namespace tatami
