#include "compiler/passes/fuse_pointwise.h"

#include "compiler/passes/remove_dead_calls.h"

namespace tatami {

absl::Status FusePointwise(Graph& graph) {
  std::vector<int> readers(graph.values.size(), 0);
  for (const GraphCall& call : graph.calls) {
    for (int v : call.in) ++readers[v];
  }
  for (const auto& [name, value] : graph.outputs) ++readers[value];
  for (const auto& [state, next] : graph.updates) ++readers[next];
  for (size_t n = 0; n < graph.calls.size(); ++n) {
    GraphCall& next = graph.calls[n];
    if (next.in.empty()) continue;
    const int between = next.in[0];
    const int producer = graph.values[between].producer;
    if (producer < 0 || readers[between] != 1) continue;
    GraphCall& first = graph.calls[producer];
    const AbsorbFn absorb = *first.op->absorb;
    if (absorb == nullptr) continue;
    const std::optional<Attrs> attrs =
        absorb(graph.CallOf(producer), graph.CallOf(static_cast<int>(n)));
    if (!attrs) continue;
    // The absorbing call moves to where its absorbed one stood; the old one becomes
    // dead.
    next.op = first.op;
    next.attrs = *attrs;
    next.in = first.in;
    for (int v : next.in) ++readers[v];
    readers[between] = 0;
  }
  return RemoveDeadCalls(graph);
}

}  // namespace tatami
