// tatami compile
#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "compiler/explain.h"
#include "compiler/stage_order.h"
#include "core/error.h"
#include "core/proto/wire.h"
#include "core/status_macros.h"
#include "tools/tatami/commands.h"
#include "tools/tatami/model_flags.h"
#include "tools/tatami/remedies.h"
#include "tools/tatami/what_if.h"
#include "tools/tatami/write_file.h"

namespace tatami {
namespace {

// What --explain alone means; no call can have this name.
constexpr char kExplainAll[] = "*";

struct CompileFlags {
  ModelFlags model;
  std::string optimizer = "adamw", save_plan, save_program;
  std::string explain;  // kExplainAll or the name of a call
  std::vector<std::string> scenarios;
  bool json = false;
};

// What --json tells of a choice that does not fit: the keys that are known then.
nlohmann::json RefusalObject(const ModelChoice& choice, const SramOverflow& overflow) {
  return {{"model", choice.preset.name},
          {"machine", choice.machine.name},
          {"mesh", choice.mesh.ToString()},
          {"stages", choice.stages.ToString()},
          {"fits", false},
          {"micro_batches", choice.micro_batches},
          {"precision", Name(choice.precision)},
          {"peak_bytes", overflow.needed_bytes},
          {"sram_bytes", overflow.available_bytes},
          {"worst_node", {overflow.row, overflow.col}},
          {"superstep", overflow.superstep}};
}

nlohmann::json RemediesJson(const Remedies& remedies) {
  nlohmann::json out = nlohmann::json::array();
  for (const Remedy& remedy : remedies.fit) {
    out.push_back({{"flags", remedy.flags},
                   {"without_plan", remedy.without_plan},
                   {"without_dead", remedy.without_dead},
                   {"peak_bytes", remedy.attempt.peak_bytes},
                   {"step_ns", remedy.attempt.step_ns}});
  }
  return out;
}

nlohmann::json CompiledObject(const Compiled& c, const LinkBytes& links) {
  nlohmann::json by_class = nlohmann::json::array();
  for (const NodeClass& node_class : c.program.classes) {
    by_class.push_back({{"row", node_class.example.row},
                        {"col", node_class.example.col},
                        {"nodes", node_class.nodes},
                        {"peak_bytes", node_class.peak_bytes}});
  }
  nlohmann::json object = {{"model", c.program.model},
                           {"machine", c.program.machine},
                           {"mesh", c.program.mesh.ToString()},
                           {"stages", c.program.stages.ToString()},
                           {"stage_ns", c.stage_ns},
                           {"fits", true},
                           {"peak_bytes", c.program.peak_bytes()},
                           {"peak_bytes_by_class", std::move(by_class)},
                           {"sram_bytes", c.program.sram_bytes},
                           {"step_ns", c.step_ns},
                           {"bound_ns", c.bound_ns},
                           {"gap", c.gap()},
                           {"compile_s", c.compile_s},
                           {"link_bytes", links.total()},
                           {"link_bytes_max", links.max()},
                           {"program_hash", c.program.Hash()}};
  if (c.program.site) {
    const LiveMesh& live = c.program.site->live;
    object["map"] = live.ToString();
    object["map_hash"] = absl::StrFormat("%016x", live.Hash());
    object["dilation_hops_max"] = c.dilation.hops_max;
    object["links_sharing_max"] = c.dilation.links_sharing_max;
  }
  return object;
}

void PrintCompiled(const Compiled& c, const ModelChoice& choice,
                   const LinkBytes& links) {
  std::cout << absl::StreamFormat(
      "%s fits %s %s: peak %.1f of %.1f KiB on %d node classes, %d supersteps, %d "
      "calls\n"
      "step %.1f us (modelled), within %.1f %% of %s\n"
      "%.1f MiB over links (busiest %.1f KiB), compiled in %.2f s, program %s\n",
      c.program.model, c.program.machine, c.program.mesh.ToString(),
      c.program.peak_bytes() / 1024.0, c.program.sram_bytes / 1024.0,
      c.program.classes.size(), c.program.supersteps.size(), c.program.calls.size(),
      c.step_ns / 1e3, 100 * c.gap(),
      c.program.HasStages() ? "stages that share all work evenly and never wait"
                            : "the best plan considered",
      links.total() / 1048576.0, links.max() / 1024.0, c.compile_s, c.program.Hash());
  std::cout << StagesText(c, choice.micro_batches) << SiteText(c);
}

absl::Status SaveFiles(const Compiled& c, const CompileFlags& flags) {
  if (!flags.save_plan.empty()) {
    TATAMI_RETURN_IF_ERROR(WriteFile(flags.save_plan, c.plan.ToString(c.graph)));
  }
  if (!flags.save_program.empty()) {
    TATAMI_RETURN_IF_ERROR(WriteFile(
        flags.save_program, absl::EndsWith(flags.save_program, ".tatami")
                                ? SerializeProgram(c.program, WireForm::kBinary)
                                : c.program.ToString()));
  }
  return absl::OkStatus();
}

// On failure, `failure` gets what --json tells beside the error.
absl::Status RunCompile(const CompileFlags& flags, nlohmann::json& failure) {
  TrainingChoice choice;
  TATAMI_ASSIGN_OR_RETURN(choice.model, ResolveModelFlags(flags.model));
  choice.optimizer = {.name = flags.optimizer,
                      .weight_decay = choice.model.preset.weight_decay};
  TATAMI_ASSIGN_OR_RETURN(const std::string largest,
                          ResolveBatchMax(choice, kBatchLimit));
  std::cout << largest << std::flush;
  TATAMI_ASSIGN_OR_RETURN(const std::vector<Scenario> scenarios,
                          ParseScenarios(flags.scenarios, choice));
  choice.model.explained = !flags.explain.empty();
  Remedies remedies;
  const absl::StatusOr<Compiled> compiled = CompileOrAdvise(choice, &remedies);
  if (const auto overflow = GetSramOverflow(compiled.status())) {
    failure = RefusalObject(choice.model, *overflow);
    failure["remedies"] = RemediesJson(remedies);
  } else {
    TATAMI_RETURN_IF_ERROR(compiled.status());
  }
  std::vector<ScenarioOutcome> outcomes;
  if (!scenarios.empty()) {
    TATAMI_ASSIGN_OR_RETURN(outcomes, TryScenarios(scenarios, choice.model, compiled));
    failure["what_if"] = ScenarioJson(outcomes);
    std::cout << ScenarioTable(outcomes) << std::endl;
  }
  TATAMI_RETURN_IF_ERROR(compiled.status());
  const Compiled& c = *compiled;
  TATAMI_RETURN_IF_ERROR(SaveFiles(c, flags));
  if (flags.explain == kExplainAll) {
    std::cout << ExplainPlan(c) << "\n";
  } else if (!flags.explain.empty()) {
    TATAMI_ASSIGN_OR_RETURN(const std::string text, ExplainCall(c, flags.explain));
    std::cout << text << "\n";
  }
  const LinkBytes links = CountLinkBytes(c.program);
  if (!flags.json) {
    PrintCompiled(c, choice.model, links);
    return absl::OkStatus();
  }
  nlohmann::json object = CompiledObject(c, links);
  object["batch"] = choice.model.batch;
  object["micro_batches"] = choice.model.micro_batches;
  object["precision"] = Name(choice.model.precision);
  object["bubble"] = BubbleShare(c.program.stages.nodes(), choice.model.micro_batches);
  if (!scenarios.empty()) object["what_if"] = ScenarioJson(outcomes);
  std::cout << object.dump() << std::endl;
  return absl::OkStatus();
}

}  // namespace

void AddCompileCommand(CLI::App& app, CommandOutcome& outcome) {
  auto flags = std::make_shared<CompileFlags>();
  CLI::App* command = app.add_subcommand("compile", "does it fit, and how is it cut");
  command->footer(
      "Example:\n  tatami compile --model drivenet-small --machine d1_die "
      "--mesh 8x8 --explain");
  AddModelFlags(*command, flags->model);
  command->add_option("--optimizer", flags->optimizer, "adamw or sgd")
      ->capture_default_str();
  const CLI::Option* explain =
      command
          ->add_option("--explain", flags->explain,
                       "why each call is cut so, and what else was considered; with "
                       "the name of a CALL, all of it")
          ->expected(0, 1)
          ->type_name("[CALL]");
  command
      ->add_option("--if", flags->scenarios,
                   "what if: mesh=8x8, stages=2x1, batch=16, micro_batches=4, "
                   "precision=bf16, sram=1.0MiB, link=0.5x, clock=1.2x, machine=NAME "
                   "or optimizer=sgd, several joined by ','; repeatable")
      ->allow_extra_args(false)
      ->type_name("KEY=VALUE,..");
  command->add_option("--save_plan", flags->save_plan, "write the plan to this file");
  command->add_option("--save_program", flags->save_program,
                      "write the program: to FILE.tatami for `tatami inspect`, "
                      "else as text");
  command->add_flag("--json", flags->json,
                    "the last line of output is one JSON object");
  command->callback([flags, explain, &outcome] {
    if (explain->count() > 0 && flags->explain.empty()) flags->explain = kExplainAll;
    outcome.status = RunCompile(*flags, outcome.failure);
  });
}

}  // namespace tatami
