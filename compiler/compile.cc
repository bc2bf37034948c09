#include "compiler/compile.h"

#include <algorithm>
#include <map>
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

}  // namespace

absl::StatusOr<Compiled> Compile(Graph graph, const MachineSpec& machine,
                                 const CompileOptions& options) {
  const absl::Time start = absl::Now();
  TATAMI_ASSIGN_OR_RETURN(const std::optional<MeshSite> site, SiteOf(machine, options));
  const std::string map = site ? site->live.ToString() : "";
  Compiled out;
  TATAMI_ASSIGN_OR_RETURN(out.graph, RunPipeline(std::move(graph)));
  SearchOptions search{.mesh = options.mesh,
                       .stages = options.stages,
                       .pinned = {.mesh = options.mesh, .stages = options.stages}};
  const StageGrid grid = search.pinned.stage_grid();
  TATAMI_RETURN_IF_ERROR(CheckStages(grid));
  if (!options.pinned_plan.empty()) {
    const Plan run{.mesh = options.mesh, .stages = options.stages, .map = map};
    TATAMI_ASSIGN_OR_RETURN(search.pinned, ParsePlan(options.pinned_plan, out.graph));
    TATAMI_RETURN_IF_ERROR(CheckMadeFor(search.pinned, run));
  }
  if (site) out.dilation = DilationOf(site->embedding, site->live);
  const MachineSpec diluted = WithDilation(machine, out.dilation);
  if (grid.count() > 1) {
    TATAMI_ASSIGN_OR_RETURN(
        search.pinned,
        AssignStages(out.graph, CostModel(diluted, grid.stage_mesh()),
                     machine.sram_bytes - machine.code_bytes_reserved, search.pinned));
    out.graph = OrderForStages(out.graph, search.pinned);
  }
  PlanSearch planner(out.graph, diluted, search);
  const LowerTarget target = {.machine = machine.name,
                              .sram_bytes = machine.sram_bytes,
                              .code_bytes = machine.code_bytes_reserved,
                              .site = site};
  std::vector<int64_t> capacity(out.graph.calls.size(),
                                machine.sram_bytes - machine.code_bytes_reserved);
  absl::Status refusal;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    SearchResult found = planner.Run(capacity);
    // With the whole capacity, which later attempts no longer have.
    if (attempt == 0) out.bound_ns = found.bound_ns;
    TATAMI_ASSIGN_OR_RETURN(Lowered lowered,
                            LowerEvenIfTooLarge(out.graph, found.plan, target));
    if (lowered.fit.ok()) {
      TATAMI_RETURN_IF_ERROR(VerifyProgram(lowered.program));
      if (options.choices) out.choices = planner.ChoicesAround(found, capacity);
      out.plan = std::move(found.plan);
      out.plan.map = map;
      out.step_ns = found.step_ns;
      out.stage_ns = std::move(found.stage_ns);
      out.program = std::move(lowered.program);
      out.compile_s = absl::ToDoubleSeconds(absl::Now() - start);
      return out;
    }
    // The refusal that came nearest is the one to report.
    if (refusal.ok() || GetSramOverflow(lowered.fit)->needed_bytes <
                            GetSramOverflow(refusal)->needed_bytes) {
      refusal = lowered.fit;
    }
    if (!found.fits) break;
    for (int stage = 0; stage < grid.count(); ++stage) {
      Tighten(out.graph, lowered.program, stage, found.bytes, capacity);
    }
  }
  return refusal;
}

}  // namespace tatami
