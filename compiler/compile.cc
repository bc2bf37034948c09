#include "compiler/compile.h"

#include "absl/time/clock.h"
#include "compiler/lower/lower.h"
#include "compiler/pipeline.h"
#include "compiler/plan/search.h"
#include "compiler/verify.h"
#include "core/error.h"
#include "core/status_macros.h"

namespace tatami {
namespace {

// Prices of a byte, in ns, tried in turn until a plan fits.
constexpr double kNsPerByte[] = {1e-6, 1e-3, 1e-2, 1e-1, 1.0};

}  // namespace

absl::StatusOr<Compiled> Compile(Graph graph, const MachineSpec& machine,
                                 const CompileOptions& options) {
  const absl::Time start = absl::Now();
  TATAMI_RETURN_IF_ERROR(CheckMesh(machine, options.mesh.rows, options.mesh.cols));
  Compiled out;
  TATAMI_ASSIGN_OR_RETURN(out.graph, RunPipeline(std::move(graph)));
  SearchOptions search{.mesh = options.mesh};
  if (!options.pinned_plan.empty()) {
    TATAMI_ASSIGN_OR_RETURN(search.pinned, ParsePlan(options.pinned_plan, out.graph));
    if (!(search.pinned.mesh == options.mesh)) {
      return MakeError(ErrorCode::kBadPlan,
                       "the plan is for mesh " + search.pinned.mesh.ToString() +
                           " and the run for " + options.mesh.ToString() +
                           ". Give --mesh " + search.pinned.mesh.ToString() +
                           ", or save a plan for this mesh with `tatami compile "
                           "--save_plan FILE`.");
    }
  }
  absl::Status refusal;
  for (const double ns_per_byte : kNsPerByte) {
    search.ns_per_byte = ns_per_byte;
    SearchResult found = SearchPlan(out.graph, machine, search);
    absl::StatusOr<Program> program =
        Lower(out.graph, found.plan,
              {.machine = machine.name,
               .sram_bytes = machine.sram_bytes,
               .code_bytes = machine.code_bytes_reserved});
    if (program.ok()) {
      TATAMI_RETURN_IF_ERROR(VerifyProgram(*program));
      out.plan = std::move(found.plan);
      out.step_ns = found.step_ns;
      out.program = *std::move(program);
      out.compile_s = absl::ToDoubleSeconds(absl::Now() - start);
      return out;
    }
    if (GetErrorCode(program.status()) != ErrorCode::kDoesNotFit)
      return program.status();
    // The refusal that came nearest is the one to report.
    if (refusal.ok() || GetSramOverflow(program.status())->needed_bytes <
                            GetSramOverflow(refusal)->needed_bytes) {
      refusal = program.status();
    }
  }
  return refusal;
}

}  // namespace tatami
