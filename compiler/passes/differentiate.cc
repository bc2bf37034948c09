#include "compiler/passes/differentiate.h"

#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "ops/arithmetic.h"
#include "ops/fill.h"

namespace tatami {

std::vector<Value> Differentiate(GraphBuilder& g, Value loss,
                                 const std::vector<Value>& parameters, double weight) {
  if (!g.ok()) return {};
  g.EndForward();
  const size_t call_count = g.graph().calls.size();
  std::vector<bool> depends(g.graph().values.size(), false);
  for (Value p : parameters) depends[p.id] = true;
  for (size_t c = 0; c < call_count; ++c) {
    const GraphCall& call = g.graph().calls[c];
    for (int v : call.in) {
      if (depends[v]) depends[call.out] = true;
    }
  }
  std::vector<Value> gradient(g.graph().values.size());
  {
    const GraphBuilder::Backward backward(g, g.graph().values[loss.id].producer);
    gradient[loss.id] = Fill(g, g.type(loss), weight);
  }
  for (size_t c = call_count; c-- > 0 && g.ok();) {
    const GraphCall call = g.graph().calls[c];  // a copy: the builder grows the list
    const Value d_out = gradient[call.out];
    if (!d_out.valid() || !depends[call.out]) continue;
    const Gradient& rule = *call.op->gradient;
    if (rule.function == nullptr) continue;
    CallSite site{.attrs = call.attrs, .in = {}, .out = {call.out}};
    for (int v : call.in) site.in.push_back({v});
    const GraphBuilder::Scope scope(g, absl::StrCat("d_", call.name), call.source);
    const GraphBuilder::Backward backward(g, static_cast<int>(c));
    const std::vector<Value> d_in = rule.function(g, site, d_out);
    for (size_t i = 0; i < d_in.size(); ++i) {
      const int v = call.in[i];
      if (!d_in[i].valid() || !depends[v]) continue;
      gradient[v] = gradient[v].valid() ? Add(g, gradient[v], d_in[i]) : d_in[i];
    }
  }
  std::vector<Value> out;
  for (Value p : parameters) {
    if (g.ok() && !gradient[p.id].valid()) {
      g.Fail(MakeError(ErrorCode::kBadGraph,
                       absl::StrCat("the loss does not depend on parameter '",
                                    g.graph().values[p.id].name, "'")));
    }
    out.push_back(gradient[p.id]);
  }
  return out;
}

}  // namespace tatami
