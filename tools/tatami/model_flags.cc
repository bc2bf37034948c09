#include "tools/tatami/model_flags.h"

#include <algorithm>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "compiler/stage_order.h"
#include "core/embedding.h"
#include "core/error.h"
#include "core/status_macros.h"
#include "tools/tatami/dead_flag.h"
#include "tools/tatami/parse_failure.h"

namespace tatami {

namespace {

CLI::Validator BatchCheck() {
  return CLI::Validator(
      [at_least_1 = AtLeast(1)](std::string& text) {
        if (text != "max") return at_least_1(text);
        text = absl::StrCat(kBatchMax);
        return std::string();
      },
      "");
}

// What is left of the machine when the value of --dead is; none when that is all.
absl::StatusOr<std::optional<LiveMesh>> LiveOf(const MachineSpec& machine,
                                               const std::string& dead) {
  if (dead.empty()) return std::nullopt;
  if (machine.any_rectangle) {
    return MakeError(
        ErrorCode::kBadFlag,
        absl::StrCat("--dead names places of a machine's grid, and '", machine.name,
                     "' has none: its ", NumNodes(machine),
                     " nodes reach each other at one cost. Leave --dead out, or name a "
                     "machine with a grid, as --machine d1_die."));
  }
  const Grid grid = PhysicalGrid(machine);
  TATAMI_ASSIGN_OR_RETURN(LiveMesh live, ReadDeadFlag(dead, {grid.rows, grid.cols}));
  if (live.IsWhole()) return std::nullopt;
  return live;
}

}  // namespace

void AddModelFlags(CLI::App& command, ModelFlags& flags) {
  command.add_option("--model", flags.model, "name of a model, see `tatami models`")
      ->capture_default_str();
  command.add_option("--machine", flags.machine,
                     "name of a machine or a .textproto file, see `tatami machines`");
  command.add_option("--mesh", flags.mesh, "rows x columns of nodes, as 8x8");
  command
      .add_option(
          "--stages", flags.stages,
          "rows x columns of pipeline stages that the mesh is cut into, as 2x1; "
          "micro-batches pass through them")
      ->capture_default_str();
  command.add_option("--dead", flags.dead, kDeadHelp);
  command
      .add_option("--batch", flags.batch,
                  "samples in one step, or max for the most that fit")
      ->transform(BatchCheck());
  command
      .add_option("--micro_batches", flags.micro_batches,
                  "equal parts of the batch that a step takes one after the other")
      ->check(AtLeast(1))
      ->capture_default_str();
  command
      .add_option("--precision", flags.precision,
                  "f32, or bf16: what activations and the weights that meet them are "
                  "stored in")
      ->capture_default_str();
  command.add_option("--plan", flags.plan_file,
                     "file that pins cuts of calls; the search fills in the rest");
}

absl::StatusOr<ModelChoice> ResolveModelFlags(const ModelFlags& flags) {
  ModelChoice choice;
  TATAMI_ASSIGN_OR_RETURN(choice.preset, FindModel(flags.model));
  TATAMI_ASSIGN_OR_RETURN(
      choice.machine,
      LoadMachine(flags.machine.empty() ? choice.preset.machine : flags.machine));
  TATAMI_ASSIGN_OR_RETURN(choice.live, LiveOf(choice.machine, flags.dead));
  const absl::StatusOr<Mesh> stages = ParseMesh(flags.stages);
  if (!stages.ok()) {
    return MakeError(ErrorCode::kBadFlag,
                     absl::StrCat("--stages takes ROWSxCOLS of stages, as 2x1; got '",
                                  flags.stages, "'."));
  }
  choice.stages = *stages;
  if (!flags.mesh.empty()) {
    TATAMI_ASSIGN_OR_RETURN(choice.mesh, ParseMesh(flags.mesh));
    TATAMI_RETURN_IF_ERROR(CheckMesh(choice));
  } else if (flags.machine.empty() || flags.machine == choice.preset.machine) {
    TATAMI_ASSIGN_OR_RETURN(choice.mesh, ParseMesh(choice.preset.mesh));
    TATAMI_RETURN_IF_ERROR(CheckMesh(choice),
                           absl::StrCat(choice.preset.mesh, " is the default mesh of ",
                                        choice.preset.name));
  } else {
    choice.mesh = LargestMesh(choice);
    TATAMI_RETURN_IF_ERROR(CheckMesh(choice));
  }
  choice.batch = flags.batch == 0 ? choice.preset.batch : flags.batch;
  choice.micro_batches = flags.micro_batches;
  TATAMI_ASSIGN_OR_RETURN(choice.precision,
                          ParsePrecision("--precision is", flags.precision));
  TATAMI_RETURN_IF_ERROR(CheckMicroBatches(choice));
  if (!flags.plan_file.empty()) {
    std::ifstream file(flags.plan_file);
    if (!file) {
      return MakeError(ErrorCode::kDataMissing,
                       absl::StrCat("cannot read plan file '", flags.plan_file,
                                    "'. Check the path of --plan; `tatami compile "
                                    "--save_plan FILE` writes one to start from."));
    }
    std::stringstream text;
    text << file.rdbuf();
    choice.pinned_plan = text.str();
  }
  return choice;
}

absl::StatusOr<Precision> ParsePrecision(absl::string_view what,
                                         absl::string_view name) {
  for (const Precision precision : {Precision::kF32, Precision::kBF16}) {
    if (name == Name(precision)) return precision;
  }
  return MakeError(ErrorCode::kBadFlag,
                   absl::StrCat(what, " f32 or bf16; got '", name, "'."));
}

absl::Status CheckMicroBatches(const ModelChoice& choice) {
  const int64_t batch = choice.batch, parts = choice.micro_batches;
  if (batch == kBatchMax || batch % parts == 0) return absl::OkStatus();
  int64_t below = std::min(parts, batch), above = parts;
  while (batch % below != 0) --below;
  while (above < batch && batch % above != 0) ++above;
  return MakeError(ErrorCode::kBadFlag,
                   absl::StrCat("a batch of ", batch, " cannot be cut into ", parts,
                                " equal micro-batches. Use --micro_batches ", below,
                                above <= batch ? absl::StrCat(" or ", above) : "",
                                ", or a --batch that ", parts, " divides, as ",
                                (batch / parts + 1) * parts, "."));
}

Mesh LargestMesh(const ModelChoice& choice) {
  if (choice.live) return LargestLogicalMesh(*choice.live);
  const Grid grid = MaxMesh(choice.machine);
  return {grid.rows, grid.cols};
}

absl::Status CheckMesh(const ModelChoice& choice) {
  TATAMI_RETURN_IF_ERROR(
      choice.live ? CheckHosts(*choice.live, choice.mesh)
                  : CheckMesh(choice.machine, choice.mesh.rows, choice.mesh.cols));
  return CheckStages({choice.mesh, choice.stages});
}

absl::StatusOr<Compiled> CompileTraining(const ModelChoice& choice,
                                         const OptimizerOptions& optimizer) {
  GraphBuilder g(choice.preset.name);
  const BuiltModel model =
      BuildModel(g, choice.preset, choice.batch / choice.micro_batches, Mode::kTrain);
  AddTrainingStep(g, model.loss, model.parameters, optimizer, choice.micro_batches,
                  choice.precision);
  TATAMI_ASSIGN_OR_RETURN(Graph graph, g.Finish());
  return Compile(std::move(graph), choice.machine,
                 {.mesh = choice.mesh,
                  .stages = choice.stages,
                  .live = choice.live,
                  .pinned_plan = choice.pinned_plan,
                  .choices = choice.explained});
}

absl::StatusOr<Compiled> CompileEvaluation(const ModelChoice& choice) {
  GraphBuilder g(choice.preset.name);
  BuildModel(g, choice.preset, choice.evaluation_batch(), Mode::kEvaluate);
  if (choice.precision == Precision::kBF16) NarrowStorage(g);
  TATAMI_ASSIGN_OR_RETURN(Graph graph, g.Finish());
  return Compile(std::move(graph), choice.machine,
                 {.mesh = choice.mesh, .live = choice.live});
}

std::string StagesText(const Compiled& compiled, int64_t micro_batches) {
  const StageGrid grid = compiled.plan.stage_grid();
  if (grid.count() == 1) return "";
  std::string busy;
  for (const double ns : compiled.stage_ns) {
    absl::StrAppendFormat(&busy, "%s%.1f", busy.empty() ? "" : ", ",
                          100 * ns / compiled.step_ns);
  }
  return absl::StrFormat(
      "%d stages of %s: with %d micro-batches each waits %d of %d turns, %.1f %% of a "
      "step (modelled busy: %s %%)\n",
      grid.count(), grid.stage_mesh().ToString(), micro_batches, grid.count() - 1,
      micro_batches + grid.count() - 1, 100 * BubbleShare(grid.count(), micro_batches),
      busy);
}

std::string SiteText(const Compiled& compiled) {
  if (!compiled.program.site) return "";
  return absl::StrFormat(
      "laid on %s\nlinks of the mesh take at most %d hops, and at most %d of them "
      "share "
      "a link of the grid\n",
      compiled.program.site->live.ShortText(), compiled.dilation.hops_max,
      compiled.dilation.links_sharing_max);
}

}  // namespace tatami
