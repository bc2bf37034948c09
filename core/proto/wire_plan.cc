// A Plan to and from its wire form.
#include "core/proto/wire_fields.h"
#include "core/status_macros.h"

namespace tatami {
namespace {

constexpr absl::string_view kFormat = "tatami.plan";

using FactorCuts = google::protobuf::RepeatedPtrField<proto::FactorCut>;

absl::StatusOr<Cuts> ReadCuts(const FactorCuts& wire_cuts, const Mesh& mesh) {
  Cuts cuts;
  for (const proto::FactorCut& cut : wire_cuts) {
    const std::string where = absl::StrCat("factor ", cut.factor());
    TATAMI_RETURN_IF_ERROR(wire::CheckName("factor", cut.factor()));
    TATAMI_ASSIGN_OR_RETURN(AxisList axes, wire::FromProto(cut.axes(), mesh), where);
    if (!cuts.emplace(cut.factor(), std::move(axes)).second) {
      return wire::BadField(absl::StrCat(where, " is cut twice"));
    }
  }
  return cuts;
}

void WriteCuts(const Cuts& cuts, FactorCuts& out) {
  for (const auto& [factor, axes] : cuts) {
    proto::FactorCut& cut = *out.Add();
    cut.set_factor(factor);
    wire::ToProto(axes, *cut.mutable_axes());
  }
}

}  // namespace

std::string SerializePlan(const Plan& plan, WireForm form) {
  proto::Plan out;
  out.set_format(std::string(kFormat));
  out.set_version(wire::kVersion);
  wire::ToProto(plan.mesh, *out.mutable_mesh());
  if (!plan.map.empty()) out.set_map(plan.map);
  if (plan.stages.nodes() > 1) wire::ToProto(plan.stages, *out.mutable_stages());
  for (const auto& [name, call_plan] : plan.calls) {
    proto::CallCuts& call = *out.add_calls();
    call.set_call(name);
    WriteCuts(call_plan.cuts, *call.mutable_cuts());
    if (call_plan.open) call.set_open(true);
    if (call_plan.result) {
      WriteCuts(*call_plan.result, *call.mutable_result()->mutable_cuts());
    }
    if (call_plan.recompute) call.set_recompute(*call_plan.recompute);
    if (call_plan.stage) call.set_stage(*call_plan.stage);
  }
  return wire::Print(out, form);
}

absl::StatusOr<Plan> ParsePlanWire(absl::string_view bytes, const Graph& graph) {
  proto::Plan in;
  TATAMI_RETURN_IF_ERROR(wire::Read(bytes, kFormat, in));
  Plan plan;
  TATAMI_ASSIGN_OR_RETURN(plan.mesh, wire::FromProto(in.mesh()));
  if (in.has_stages()) {
    TATAMI_ASSIGN_OR_RETURN(plan.stages, wire::ReadStages(in.stages(), plan.mesh));
  }
  const Mesh mesh = plan.stage_grid().stage_mesh();
  if (in.has_map()) {
    TATAMI_RETURN_IF_ERROR(wire::ReadMap(in.map(), kGridNodesMax).status());
    plan.map = in.map();
  }
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
    CallPlan call{.open = in.calls(i).open()};
    TATAMI_ASSIGN_OR_RETURN(call.cuts, ReadCuts(in.calls(i).cuts(), mesh), where);
    if (in.calls(i).has_result()) {
      TATAMI_ASSIGN_OR_RETURN(call.result, ReadCuts(in.calls(i).result().cuts(), mesh),
                              where);
    }
    if (in.calls(i).has_recompute()) call.recompute = in.calls(i).recompute();
    if (in.calls(i).has_stage()) {
      TATAMI_RETURN_IF_ERROR(
          wire::CheckIndex("stage", in.calls(i).stage(), plan.stage_grid().count()),
          where);
      call.stage = in.calls(i).stage();
    }
    if (call.open && (!call.cuts.empty() || call.result)) {
      return wire::BadField(absl::StrCat(where, ": open, and has cuts"));
    }
    TATAMI_RETURN_IF_ERROR(CheckCallPlan(call, graph.CallOf(found->second), mesh),
                           where);
    if (!plan.calls.emplace(in.calls(i).call(), std::move(call)).second) {
      return wire::BadField(absl::StrCat(where, ": call comes twice"));
    }
  }
  return plan;
}

}  // namespace tatami
