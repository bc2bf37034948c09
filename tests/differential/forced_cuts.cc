#include "tests/differential/forced_cuts.h"

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "ops/slice.h"

namespace tatami::testing {
namespace {

// A slice of everything: moves bits, any element type, every dim may be cut.
Value CopyOf(GraphBuilder& g, Value x) {
  const Dims dims = g.type(x).dims;
  return Slice(g, x, std::vector<int64_t>(dims.size(), 0),
               std::vector<int64_t>(dims.begin(), dims.end()));
}

std::string ProducerOf(const GraphBuilder& g, Value v) {
  return g.graph().calls[g.graph().values[v.id].producer].name;
}

// Dim `turn` over y, the next over x; of a vector, both over its one dim.
Cuts SpreadOver(const IndexRule& rule, const Mesh& mesh, int turn) {
  Cuts cuts;
  const size_t n = rule.factors.size();
  if (n == 0) return cuts;
  if (mesh.rows > 1) {
    cuts[rule.factors[turn % n].name].push_back(WholeAxis(mesh, MeshAxis::kY));
  }
  if (mesh.cols > 1) {
    cuts[rule.factors[(turn + 1) % n].name].push_back(WholeAxis(mesh, MeshAxis::kX));
  }
  return cuts;
}

}  // namespace

std::vector<Cuts> ForcedCuts(const IndexRule& rule, const Mesh& mesh) {
  std::vector<Cuts> all = {{}};
  const auto add = [&](Cuts cuts) {
    if (FactorAxes(cuts, rule, mesh).ok()) all.push_back(std::move(cuts));
  };
  const AxisRef y = WholeAxis(mesh, MeshAxis::kY), x = WholeAxis(mesh, MeshAxis::kX);
  for (const Factor& f : rule.factors) {
    if (mesh.rows > 1) add({{f.name, {y}}});
    if (mesh.cols > 1) add({{f.name, {x}}});
    if (mesh.rows == 1 || mesh.cols == 1) continue;
    add({{f.name, {y, x}}});
    for (const Factor& g : rule.factors) {
      if (g.name != f.name) add({{f.name, {y}}, {g.name, {x}}});
    }
  }
  return all;
}

absl::StatusOr<CallGraph> GraphOfSample(const OpDef& op, const OpSample& sample) {
  CallGraph out;
  GraphBuilder g(absl::StrCat(*op.name, ".", sample.name));
  std::vector<Value> in;
  for (size_t i = 0; i < sample.in.size(); ++i) {
    in.push_back(CopyOf(g, g.Input(absl::StrCat("x", i), sample.in[i])));
    if (!g.ok()) return g.Finish().status();
    out.copies.push_back(ProducerOf(g, in.back()));
  }
  const Value y = g.Call(op, in, sample.attrs);
  if (!g.ok()) return g.Finish().status();
  out.call = ProducerOf(g, y);
  const Value copied = CopyOf(g, y);
  out.copy_of_out = ProducerOf(g, copied);
  g.Output("direct", y);
  g.Output("copied", copied);
  TATAMI_ASSIGN_OR_RETURN(out.graph, g.Finish());
  return out;
}

Plan PlanOf(const CallGraph& g, const Mesh& mesh, const Cuts& cuts, int turn) {
  Plan plan{.mesh = mesh};
  for (size_t c = 0; c < g.graph.calls.size(); ++c) {
    const std::string& name = g.graph.calls[c].name;
    if (name == g.call) {
      plan.calls[name].cuts = cuts;
      continue;
    }
    const OpCall call = g.graph.CallOf(static_cast<int>(c));
    plan.calls[name].cuts =
        SpreadOver((*call.op->rule)(call), mesh, turn + static_cast<int>(c));
  }
  return plan;
}

std::string ToString(const Cuts& cuts, const Mesh& mesh) {
  std::string out = absl::StrCat("mesh ", mesh.ToString());
  for (const auto& [factor, axes] : cuts) {
    absl::StrAppend(&out, " ", factor, "=", tatami::ToString(axes, mesh));
  }
  return out;
}

}  // namespace tatami::testing
