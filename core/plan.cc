#include "core/plan.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "core/error.h"
#include "core/status_macros.h"

namespace tatami {
namespace {

std::string CutsToString(const Cuts& cuts, const Mesh& mesh) {
  return absl::StrJoin(cuts, " ", [&](std::string* out, const auto& cut) {
    absl::StrAppend(out, cut.first, "=", ToString(cut.second, mesh));
  });
}

// "n=y h=x:(1)2"
absl::StatusOr<Cuts> ParseCuts(absl::string_view text, const Mesh& mesh) {
  Cuts cuts;
  for (absl::string_view item :
       absl::StrSplit(text, absl::ByAnyChar(" \t"), absl::SkipEmpty())) {
    const std::pair<absl::string_view, absl::string_view> cut =
        absl::StrSplit(item, absl::MaxSplits('=', 1));
    if (!absl::StrContains(item, '=')) {
      return MakeError(ErrorCode::kBadPlan,
                       absl::StrCat("'", item, "' is not FACTOR=AXES, as in n=y."));
    }
    TATAMI_ASSIGN_OR_RETURN(AxisList axes, ParseAxisList(cut.second, mesh));
    if (!cuts.emplace(std::string(cut.first), std::move(axes)).second) {
      return MakeError(ErrorCode::kBadPlan,
                       absl::StrCat("factor '", cut.first, "' is cut twice."));
    }
  }
  return cuts;
}

}  // namespace

std::string Plan::ToString(const Graph& graph) const {
  std::string out = absl::StrCat("mesh ", mesh.ToString(), "\n");
  for (const GraphCall& call : graph.calls) {
    const auto it = calls.find(call.name);
    absl::StrAppend(&out, call.name, ":",
                    it == calls.end() || it->second.empty() ? "" : " ",
                    it == calls.end() ? "" : CutsToString(it->second, mesh), "\n");
  }
  return out;
}

absl::StatusOr<Plan> ParsePlan(absl::string_view text, const Graph& graph) {
  Plan plan;
  std::vector<std::string> names;
  std::map<std::string, int> index;
  for (size_t i = 0; i < graph.calls.size(); ++i) {
    names.push_back(graph.calls[i].name);
    index[graph.calls[i].name] = static_cast<int>(i);
  }
  int line_number = 0;
  bool has_mesh = false;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ++line_number;
    line = absl::StripAsciiWhitespace(line.substr(0, line.find('#')));
    if (line.empty()) continue;
    const std::string where = absl::StrCat("line ", line_number, " of the plan");
    if (absl::ConsumePrefix(&line, "mesh ")) {
      if (has_mesh) {
        return MakeError(ErrorCode::kBadPlan,
                         absl::StrCat(where, ": a second mesh; a plan is for one."));
      }
      TATAMI_ASSIGN_OR_RETURN(plan.mesh, ParseMesh(line), where);
      has_mesh = true;
      continue;
    }
    if (!has_mesh) {
      return MakeError(ErrorCode::kBadPlan,
                       absl::StrCat(where,
                                    ": the first line must be 'mesh RxC', as "
                                    "in 'mesh 4x4'."));
    }
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(line, absl::MaxSplits(':', 1));
    const std::string name(absl::StripAsciiWhitespace(parts.first));
    const auto it = index.find(name);
    if (it == index.end()) {
      const std::string nearest = NearestName(name, names);
      return MakeError(ErrorCode::kBadPlan,
                       absl::StrCat(where, ": no call '", name,
                                    nearest.empty() ? "'." : "'; ", nearest,
                                    " `tatami compile --save_plan FILE` writes a plan "
                                    "with all calls."));
    }
    const auto [entry, is_new] = plan.calls.try_emplace(name);
    if (!is_new) {
      return MakeError(ErrorCode::kBadPlan,
                       absl::StrCat(where, ": call ", name, " was cut before."));
    }
    TATAMI_ASSIGN_OR_RETURN(entry->second, ParseCuts(parts.second, plan.mesh),
                            absl::StrCat(where, ", call ", name));
    const OpCall call = graph.CallOf(it->second);
    TATAMI_RETURN_IF_ERROR(
        FactorAxes(entry->second, (*call.op->rule)(call), plan.mesh).status(),
        absl::StrCat(where, ", call ", name));
  }
  return plan;
}

absl::StatusOr<std::vector<AxisList>> FactorAxes(const Cuts& cuts,
                                                 const IndexRule& rule,
                                                 const Mesh& mesh) {
  std::vector<AxisList> axes(rule.factors.size());
  AxisList used;
  for (const auto& [name, list] : cuts) {
    const int f = rule.FindFactor(name);
    if (f < 0) {
      std::vector<std::string> known;
      for (const Factor& factor : rule.factors) known.push_back(factor.name);
      return MakeError(
          ErrorCode::kBadPlan,
          absl::StrCat("no factor '", name, "' in the rule '", rule.ToString(),
                       "'; factors are ", absl::StrJoin(known, ", ")));
    }
    const Factor& factor = rule.factors[f];
    if (factor.kind == FactorKind::kWhole && !list.empty()) {
      return MakeError(
          ErrorCode::kBadPlan,
          absl::StrCat("factor '", name, "' of the rule '", rule.ToString(),
                       "' may not be cut; every node needs all of it"));
    }
    if (factor.kind == FactorKind::kReduce && Parts(list) > factor.size) {
      return MakeError(ErrorCode::kBadPlan,
                       absl::StrCat("reduction '", name, "' has ", factor.size,
                                    " elements, too few for ", Parts(list), " parts"));
    }
    for (const AxisRef& ref : list) {
      for (const AxisRef& other : used) {
        if (ShareADigit(ref, other)) {
          return MakeError(ErrorCode::kBadPlan,
                           absl::StrCat("axis ", ToString(AxisList{ref}, mesh),
                                        " cuts two factors of one call"));
        }
      }
      used.push_back(ref);
    }
    axes[f] = list;
  }
  return axes;
}

}  // namespace tatami
