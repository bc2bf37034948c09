#include "core/plan.h"

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "core/error.h"
#include "core/live_mesh.h"
#include "core/status_macros.h"

namespace tatami {
namespace {

std::string CutsToString(const Cuts& cuts, const Mesh& mesh) {
  return absl::StrJoin(cuts, " ", [&](std::string* out, const auto& cut) {
    absl::StrAppend(out, cut.first, "=", ToString(cut.second, mesh));
  });
}

// "n=y h=x:(1)2 -> n=y k=x recompute stage 1"
absl::StatusOr<CallPlan> ParseCall(absl::string_view text, const StageGrid& grid) {
  const Mesh mesh = grid.stage_mesh();
  const int stages = grid.count();
  CallPlan plan;
  const auto fail = [](auto... parts) {
    return MakeError(ErrorCode::kBadPlan, absl::StrCat(parts...));
  };
  bool stage_next = false;
  for (absl::string_view item :
       absl::StrSplit(text, absl::ByAnyChar(" \t"), absl::SkipEmpty())) {
    if (stage_next) {
      stage_next = false;
      int stage = -1;
      if (!absl::SimpleAtoi(item, &stage) || stage < 0 || stage >= stages) {
        return fail("stage '", item, "' is not one of the ", stages,
                    " of the plan, which are counted from 0.");
      }
      plan.stage = stage;
      continue;
    }
    if (item == "stage") {
      if (plan.stage) return fail("a second stage.");
      stage_next = true;
      continue;
    }
    if (item == "recompute" || item == "keep") {
      if (plan.recompute) return fail("'", item, "' after 'recompute' or 'keep'.");
      plan.recompute = item == "recompute";
      continue;
    }
    if (item == "->") {
      if (plan.result) return fail("a second '->'.");
      plan.result.emplace();
      continue;
    }
    if (item == "any") {
      plan.open = true;
      continue;
    }
    const std::pair<absl::string_view, absl::string_view> cut =
        absl::StrSplit(item, absl::MaxSplits('=', 1));
    if (!absl::StrContains(item, '=')) {
      return fail("'", item,
                  "' is none of FACTOR=AXES (as n=y), any, ->, recompute, keep, stage "
                  "K.");
    }
    TATAMI_ASSIGN_OR_RETURN(AxisList axes, ParseAxisList(cut.second, mesh));
    Cuts& cuts = plan.result ? *plan.result : plan.cuts;
    if (!cuts.emplace(std::string(cut.first), std::move(axes)).second) {
      return fail("factor '", cut.first, "' is cut twice.");
    }
  }
  if (stage_next) return fail("'stage' without its number.");
  if (plan.open && (!plan.cuts.empty() || plan.result)) {
    return fail("'any' leaves the cuts to the search, so no cut may stand beside it.");
  }
  return plan;
}

// '*' stands for any run of characters.
bool Matches(absl::string_view pattern, absl::string_view name) {
  const size_t star = pattern.find('*');
  if (star == absl::string_view::npos) return pattern == name;
  if (!absl::ConsumePrefix(&name, pattern.substr(0, star))) return false;
  pattern.remove_prefix(star + 1);
  for (size_t skip = 0; skip <= name.size(); ++skip) {
    if (Matches(pattern, name.substr(skip))) return true;
  }
  return false;
}

class PlanReader {
 public:
  explicit PlanReader(const Graph& graph) : graph_(graph) {
    for (size_t c = 0; c < graph.calls.size(); ++c) {
      index_[graph.calls[c].name] = static_cast<int>(c);
    }
  }

  absl::StatusOr<Plan> Read(absl::string_view text) {
    int number = 0;
    for (absl::string_view line : absl::StrSplit(text, '\n')) {
      ++number;
      line = absl::StripAsciiWhitespace(line.substr(0, line.find('#')));
      if (line.empty()) continue;
      TATAMI_RETURN_IF_ERROR(
          ReadLine(absl::StrCat("line ", number, " of the plan"), line));
    }
    for (const Pattern& pattern : patterns_) {
      TATAMI_RETURN_IF_ERROR(Spread(pattern), pattern.where);
    }
    return std::move(plan_);
  }

 private:
  struct Pattern {
    std::string where, name;
    CallPlan plan;
  };

  absl::Status ReadLine(const std::string& line_name, absl::string_view line) {
    const auto fail = [&](auto... parts) {
      return MakeError(ErrorCode::kBadPlan, absl::StrCat(line_name, ": ", parts...));
    };
    if (absl::ConsumePrefix(&line, "mesh ")) {
      if (has_mesh_) return fail("a second mesh; a plan is for one.");
      has_mesh_ = true;
      return ReadMesh(line_name, line);
    }
    if (!has_mesh_) {
      return fail("the first line must be 'mesh RxC', as in 'mesh 4x4'.");
    }
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(line, absl::MaxSplits(':', 1));
    const std::string name(absl::StripAsciiWhitespace(parts.first));
    const std::string where = absl::StrCat(line_name, ", call ", name);
    TATAMI_ASSIGN_OR_RETURN(CallPlan call, ParseCall(parts.second, plan_.stage_grid()),
                            where);
    if (absl::StrContains(name, '*')) {
      patterns_.push_back({where, name, std::move(call)});
      return absl::OkStatus();
    }
    const auto it = index_.find(name);
    if (it == index_.end()) return fail(NoCall(name));
    TATAMI_RETURN_IF_ERROR(
        CheckCallPlan(call, graph_.CallOf(it->second), plan_.stage_grid().stage_mesh()),
        where);
    if (!plan_.calls.emplace(name, std::move(call)).second) {
      return fail("call ", name, " was cut before.");
    }
    return absl::OkStatus();
  }

  // "4x4", "4x4 on 5x6 minus (3,2)", "4x4 stages 2x1 on 5x6 minus (3,2)"
  absl::Status ReadMesh(const std::string& line_name, absl::string_view text) {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(text, absl::MaxSplits(" on ", 1));
    const std::pair<absl::string_view, absl::string_view> cut =
        absl::StrSplit(parts.first, absl::MaxSplits(" stages ", 1));
    TATAMI_ASSIGN_OR_RETURN(
        plan_.mesh, ParseMesh(absl::StripAsciiWhitespace(cut.first)), line_name);
    if (cut.first.size() != parts.first.size()) {
      TATAMI_ASSIGN_OR_RETURN(
          plan_.stages, ParseMesh(absl::StripAsciiWhitespace(cut.second)), line_name);
      TATAMI_RETURN_IF_ERROR(CheckStages(plan_.stage_grid()), line_name);
    }
    if (parts.first.size() == text.size()) return absl::OkStatus();
    TATAMI_ASSIGN_OR_RETURN(const LiveMesh live,
                            ParseLiveMesh(parts.second, kGridNodesMax, line_name));
    if (!live.IsWhole()) plan_.map = live.ToString();
    return absl::OkStatus();
  }

  absl::Status Spread(const Pattern& pattern) {
    bool any = false;
    for (size_t c = 0; c < graph_.calls.size(); ++c) {
      const std::string& name = graph_.calls[c].name;
      if (!Matches(pattern.name, name)) continue;
      any = true;
      if (!plan_.calls.emplace(name, pattern.plan).second) continue;
      TATAMI_RETURN_IF_ERROR(
          CheckCallPlan(pattern.plan, graph_.CallOf(static_cast<int>(c)),
                        plan_.stage_grid().stage_mesh()),
          name);
    }
    if (any) return absl::OkStatus();
    return MakeError(ErrorCode::kBadPlan, NoCall(pattern.name));
  }

  std::string NoCall(const std::string& name) const {
    std::vector<std::string> names;
    for (const GraphCall& call : graph_.calls) names.push_back(call.name);
    const std::string nearest = NearestName(name, names);
    return absl::StrCat("no call '", name, nearest.empty() ? "'." : "'; ", nearest,
                        " `tatami compile --save_plan FILE` writes a plan with all "
                        "calls.");
  }

  const Graph& graph_;
  Plan plan_;
  bool has_mesh_ = false;
  std::map<std::string, int> index_;  // by the call's name
  std::vector<Pattern> patterns_;
};

}  // namespace

std::string CallPlan::ToString(const Mesh& mesh) const {
  std::string out;
  const auto append = [&](absl::string_view text) {
    if (!text.empty()) absl::StrAppend(&out, out.empty() ? "" : " ", text);
  };
  append(open ? "any" : CutsToString(cuts, mesh));
  if (result) {
    append("->");
    append(CutsToString(*result, mesh));
  }
  if (recompute) append(*recompute ? "recompute" : "keep");
  if (stage) append(absl::StrCat("stage ", *stage));
  return out;
}

std::string Plan::MeshText() const {
  return absl::StrCat(
      mesh.ToString(),
      stages.nodes() > 1 ? absl::StrCat(" stages ", stages.ToString()) : "",
      map.empty() ? "" : " on ", map);
}

std::string Plan::ToString(const Graph& graph) const {
  std::string out = absl::StrCat("mesh ", MeshText(), "\n");
  for (const GraphCall& call : graph.calls) {
    absl::StrAppend(&out, call.name, ":");
    if (const auto it = calls.find(call.name); it != calls.end()) {
      const std::string line = it->second.ToString(stage_grid().stage_mesh());
      absl::StrAppend(&out, line.empty() ? "" : " ", line);
    }
    absl::StrAppend(&out, "\n");
  }
  return out;
}

absl::StatusOr<Plan> ParsePlan(absl::string_view text, const Graph& graph) {
  return PlanReader(graph).Read(text);
}

absl::Status CheckCallPlan(const CallPlan& plan, const OpCall& call, const Mesh& mesh) {
  const IndexRule rule = (*call.op->rule)(call);
  TATAMI_RETURN_IF_ERROR(FactorAxes(plan.cuts, rule, mesh).status());
  if (!plan.result) return absl::OkStatus();
  const bool reduces = absl::c_any_of(plan.cuts, [&](const auto& cut) {
    return rule.factors[rule.FindFactor(cut.first)].kind == FactorKind::kReduce &&
           !cut.second.empty();
  });
  if (!reduces) {
    return MakeError(ErrorCode::kBadPlan,
                     absl::StrCat("'->' says where the terms of a cut reduction come "
                                  "together, and no reduction of the rule '",
                                  rule.ToString(), "' is cut"));
  }
  for (const auto& [name, axes] : *plan.result) {
    const int f = rule.FindFactor(name);
    const bool in_output = absl::c_any_of(
        rule.output, [&](const OperandDim& dim) { return f >= 0 && dim.factor == f; });
    if (in_output) continue;
    return MakeError(ErrorCode::kBadPlan,
                     absl::StrCat("'", name,
                                  "' after '->' is no factor of the output "
                                  "in the rule '",
                                  rule.ToString(), "'"));
  }
  return FactorAxes(*plan.result, rule, mesh).status();
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
