#include "compiler/compile.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "compiler/lower/lower.h"
#include "compiler/lower/memory.h"
#include "compiler/pipeline.h"
#include "compiler/plan/cost_model.h"
#include "compiler/plan/search.h"
#include "compiler/plan/stage_cut.h"
#include "compiler/stage_order.h"
#include "compiler/verify.h"
#include "core/error.h"
#include "core/status_macros.h"

namespace tatami {
namespace {

// How often the search is asked again with a smaller budget.
constexpr int kAttempts = 6;
// How often the calls are cut into stages, by what is learned from the cut before.
constexpr int kCuts = 3;

// Takes from the capacity of each call of the stage what lowering needed there beyond
// the model: gaps of the packing, staging that overlaps.
void Tighten(const Graph& graph, const Program& program, int stage,
             const std::vector<int64_t>& modelled, std::vector<int64_t>& capacity) {
  const Ticks ticks = TicksOf(program);
  const std::vector<int64_t> alive = BytesByTick(program, ticks.count, stage);
  int64_t peak = 0;
  for (const NodeClass& c : program.classes) {
    if (program.stage_grid().StageOf(c.example) == stage) {
      peak = std::max(peak, c.peak_bytes);
    }
  }
  const int64_t most = *absl::c_max_element(alive);
  const int64_t room = program.sram_bytes - program.code_bytes;
  // What packing loses, where it is at fault: it searches only what could fit. And a
  // little, so that each attempt makes some way.
  const int64_t lost = most > room ? 0 : peak - program.code_bytes - most;
  const int64_t gaps = lost + room / 256;
  std::map<std::string, size_t> index;
  for (size_t c = 0; c < graph.calls.size(); ++c) index[graph.calls[c].name] = c;
  int64_t since = 0;  // most bytes alive since the last call of the graph
  int tick = 0;
  for (const Superstep& superstep : program.supersteps) {
    since = std::max(since, alive[tick++]);
    for (const ComputeOp& compute : superstep.computes) {
      since = std::max(since, alive[tick++]);
      if (program.buffers[compute.out].stage != stage) continue;
      const auto at = index.find(program.calls[compute.call].name);
      if (at == index.end()) continue;  // a second run: counted to the next call
      const size_t c = at->second;
      const int64_t unseen = std::max<int64_t>(0, since - modelled[c]);
      // Where there is room nothing need change.
      if (since + gaps > room)
        capacity[c] = std::min(capacity[c], room - unseen - gaps);
      since = 0;
    }
  }
}

// Where the mesh lies; none when the whole machine serves it.
absl::StatusOr<std::optional<MeshSite>> SiteOf(const MachineSpec& machine,
                                               const CompileOptions& options) {
  if (!options.live || options.live->IsWhole()) {
    TATAMI_RETURN_IF_ERROR(CheckMesh(machine, options.mesh.rows, options.mesh.cols));
    return std::nullopt;
  }
  const Grid grid = PhysicalGrid(machine);
  if (!(options.live->grid() == Mesh{grid.rows, grid.cols})) {
    return MakeError(
        ErrorCode::kBadDeadMap,
        absl::StrCat("the map is of a grid of ", options.live->grid().ToString(),
                     " nodes and machine '", machine.name, "' has ", grid.rows, "x",
                     grid.cols, ". Give the map of this machine."));
  }
  return LayMesh(*options.live, options.mesh);
}

// A plan is followed on the mesh, the stages and the map it was made for.
absl::Status CheckMadeFor(const Plan& pinned, const Plan& run) {
  if (pinned.mesh == run.mesh && pinned.stages == run.stages && pinned.map == run.map) {
    return absl::OkStatus();
  }
  const auto text = [&](const Plan& plan) {
    return absl::StrCat(plan.mesh.ToString(),
                        pinned.stages == run.stages
                            ? ""
                            : absl::StrCat(" with stages ", plan.stages.ToString()),
                        plan.map.empty() ? "" : " on " + ShortMap(plan.map));
  };
  // On the command line a map is what is dead on it.
  std::string flags = absl::StrCat("--mesh ", pinned.mesh.ToString());
  if (!(pinned.stages == run.stages)) {
    absl::StrAppend(&flags, " --stages ", pinned.stages.ToString());
  }
  if (pinned.map.empty() && !run.map.empty()) {
    absl::StrAppend(&flags, " without --dead");
  } else if (pinned.map != run.map) {
    const std::string dead = pinned.map.substr(pinned.map.find('('));
    absl::StrAppend(&flags, " --dead ",
                    ShortMap(pinned.map) == pinned.map ? absl::StrCat("\"", dead, "\"")
                                                       : "with its map");
  }
  return MakeError(
      ErrorCode::kBadPlan,
      absl::StrCat("the plan is for mesh ", text(pinned), " and the run for ",
                   text(run), ". Give ", flags,
                   ", or save a plan for this mesh with `tatami compile --save_plan "
                   "FILE`."));
}

// What the calls of a graph, in their order, came to.
struct Planned {
  Compiled compiled;
  absl::Status fit;             // where nothing fits: the refusal that came nearest
  std::vector<double> call_ns;  // modelled, by call

  int64_t needed_bytes() const { return GetSramOverflow(fit)->needed_bytes; }
  bool BetterThan(const Planned& other) const {
    if (fit.ok() != other.fit.ok()) return fit.ok();
    return fit.ok() ? compiled.step_ns < other.compiled.step_ns
                    : needed_bytes() < other.needed_bytes();
  }
};

absl::StatusOr<Planned> PlanAndLower(Graph graph, const MachineSpec& machine,
                                     const SearchOptions& search,
                                     const LowerTarget& target,
                                     const CompileOptions& options) {
  Planned planned{.compiled = {.graph = std::move(graph)}};
  Compiled& out = planned.compiled;
  PlanSearch planner(out.graph, machine, search);
  std::vector<int64_t> capacity(out.graph.calls.size(),
                                target.sram_bytes - target.code_bytes);
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    SearchResult found = planner.Run(capacity);
    planned.call_ns = std::move(found.call_ns);
    // With the whole capacity, which later attempts no longer have.
    if (attempt == 0) out.bound_ns = found.bound_ns;
    TATAMI_ASSIGN_OR_RETURN(Lowered lowered,
                            LowerEvenIfTooLarge(out.graph, found.plan, target));
    if (lowered.fit.ok()) {
      TATAMI_RETURN_IF_ERROR(VerifyProgram(lowered.program));
      if (options.choices) out.choices = planner.ChoicesAround(found, capacity);
      out.plan = std::move(found.plan);
      out.step_ns = found.step_ns;
      out.stage_ns = std::move(found.stage_ns);
      out.program = std::move(lowered.program);
      planned.fit = absl::OkStatus();
      return planned;
    }
    if (planned.fit.ok() ||
        GetSramOverflow(lowered.fit)->needed_bytes < planned.needed_bytes()) {
      planned.fit = lowered.fit;
    }
    if (!found.fits) break;
    for (int stage = 0; stage < search.pinned.stage_grid().count(); ++stage) {
      Tighten(out.graph, lowered.program, stage, found.bytes, capacity);
    }
  }
  return planned;
}

bool SameStages(const Plan& a, const Plan& b) {
  return absl::c_all_of(a.calls, [&](const auto& call) {
    return call.second.stage == b.calls.at(call.first).stage;
  });
}

// Cuts the calls into stages by their arithmetic, plans them, and cuts again by what
// the plan says of their times and of the room there is.
absl::StatusOr<Planned> PlanStages(const Graph& graph, const MachineSpec& machine,
                                   SearchOptions search, const LowerTarget& target,
                                   const CompileOptions& options) {
  const Plan pinned = search.pinned;
  const CostModel model(machine, pinned.stage_grid().stage_mesh());
  StageNeeds needs{.free_bytes = target.sram_bytes - target.code_bytes};
  std::optional<Planned> best;
  for (int cut = 0; cut < kCuts; ++cut) {
    TATAMI_ASSIGN_OR_RETURN(Plan plan, AssignStages(graph, model, needs, pinned));
    if (best && SameStages(plan, search.pinned)) break;
    search.pinned = std::move(plan);
    TATAMI_ASSIGN_OR_RETURN(Planned planned,
                            PlanAndLower(OrderForStages(graph, search.pinned), machine,
                                         search, target, options));
    std::map<std::string, double> ns;
    for (size_t c = 0; c < planned.call_ns.size(); ++c) {
      ns[planned.compiled.graph.calls[c].name] = planned.call_ns[c];
    }
    needs.call_ns.clear();
    for (const GraphCall& call : graph.calls) needs.call_ns.push_back(ns.at(call.name));
    if (!planned.fit.ok()) {
      const double room =
          static_cast<double>(target.sram_bytes - target.code_bytes) /
          static_cast<double>(planned.needed_bytes() - target.code_bytes);
      needs.free_bytes =
          static_cast<int64_t>(room * static_cast<double>(needs.free_bytes));
    }
    if (!best || planned.BetterThan(*best)) best = std::move(planned);
  }
  return *std::move(best);
}

}  // namespace

absl::StatusOr<Compiled> Compile(Graph graph, const MachineSpec& machine,
                                 const CompileOptions& options) {
  const absl::Time start = absl::Now();
  TATAMI_ASSIGN_OR_RETURN(const std::optional<MeshSite> site, SiteOf(machine, options));
  const std::string map = site ? site->live.ToString() : "";
  TATAMI_ASSIGN_OR_RETURN(graph, RunPipeline(std::move(graph)));
  SearchOptions search{.mesh = options.mesh,
                       .stages = options.stages,
                       .pinned = {.mesh = options.mesh, .stages = options.stages}};
  TATAMI_RETURN_IF_ERROR(CheckStages(search.pinned.stage_grid()));
  if (!options.pinned_plan.empty()) {
    const Plan run{.mesh = options.mesh, .stages = options.stages, .map = map};
    TATAMI_ASSIGN_OR_RETURN(search.pinned, ParsePlan(options.pinned_plan, graph));
    TATAMI_RETURN_IF_ERROR(CheckMadeFor(search.pinned, run));
  }
  const Dilation dilation = site ? DilationOf(site->embedding, site->live) : Dilation{};
  const MachineSpec diluted = WithDilation(machine, dilation);
  const LowerTarget target = {.machine = machine.name,
                              .sram_bytes = machine.sram_bytes,
                              .code_bytes = machine.code_bytes_reserved,
                              .site = site};
  TATAMI_ASSIGN_OR_RETURN(
      Planned planned,
      options.stages.nodes() == 1
          ? PlanAndLower(std::move(graph), diluted, search, target, options)
          : PlanStages(graph, diluted, search, target, options));
  TATAMI_RETURN_IF_ERROR(planned.fit);
  Compiled& out = planned.compiled;
  out.plan.map = map;
  out.dilation = dilation;
  out.compile_s = absl::ToDoubleSeconds(absl::Now() - start);
  return std::move(out);
}

}  // namespace tatami
