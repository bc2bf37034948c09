// A Plan to and from its wire form.
#include "core/proto/wire_fields.h"
#include "core/status_macros.h"

namespace tatami {
namespace {

constexpr absl::string_view kFormat = "tatami.plan";

absl::StatusOr<Cuts> ReadCuts(const proto::CallCuts& call, const Mesh& mesh) {
  Cuts cuts;
  for (const proto::FactorCut& cut : call.cuts()) {
    const std::string where = absl::StrCat("factor ", cut.factor());
    TATAMI_RETURN_IF_ERROR(wire::CheckName("factor", cut.factor()));
    TATAMI_ASSIGN_OR_RETURN(AxisList axes, wire::FromProto(cut.axes(), mesh), where);
    if (!cuts.emplace(cut.factor(), std::move(axes)).second) {
      return wire::BadField(absl::StrCat(where, " is cut twice"));
    }
  }
  return cuts;
}

}  // namespace

std::string SerializePlan(const Plan& plan, WireForm form) {
  proto::Plan out;
  out.set_format(std::string(kFormat));
  out.set_version(wire::kVersion);
  wire::ToProto(plan.mesh, *out.mutable_mesh());
  for (const auto& [name, cuts] : plan.calls) {
    proto::CallCuts& call = *out.add_calls();
    call.set_call(name);
    for (const auto& [factor, axes] : cuts) {
      proto::FactorCut& cut = *call.add_cuts();
      cut.set_factor(factor);
      wire::ToProto(axes, *cut.mutable_axes());
    }
  }
  return wire::Print(out, form);
}

absl::StatusOr<Plan> ParsePlanWire(absl::string_view bytes, const Graph& graph) {
  proto::Plan in;
  TATAMI_RETURN_IF_ERROR(wire::Read(bytes, kFormat, in));
  Plan plan;
  TATAMI_ASSIGN_OR_RETURN(plan.mesh, wire::FromProto(in.mesh()));
  std::map<std::string, int> index;
  for (size_t c = 0; c < graph.calls.size(); ++c) {
    index[graph.calls[c].name] = static_cast<int>(c);
  }
  for (int i = 0; i < in.calls_size(); ++i) {
    const std::string where = absl::StrCat("calls[", i, "]");
    TATAMI_RETURN_IF_ERROR(wire::CheckName("call", in.calls(i).call()), where);
    const auto found = index.find(in.calls(i).call());
    if (found == index.end()) {
      return MakeError(ErrorCode::kBadPlan,
                       absl::StrCat("graph '", graph.name, "' has no call '",
                                    in.calls(i).call(), "' (", where, ")"));
    }
    TATAMI_ASSIGN_OR_RETURN(Cuts cuts, ReadCuts(in.calls(i), plan.mesh), where);
    const OpCall call = graph.CallOf(found->second);
    TATAMI_RETURN_IF_ERROR(FactorAxes(cuts, (*call.op->rule)(call), plan.mesh).status(),
                           where);
    if (!plan.calls.emplace(in.calls(i).call(), std::move(cuts)).second) {
      return wire::BadField(absl::StrCat(where, ": call comes twice"));
    }
  }
  return plan;
}

}  // namespace tatami
