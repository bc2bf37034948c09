// tatami compile
#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "core/error.h"
#include "core/proto/wire.h"
#include "core/status_macros.h"
#include "tools/tatami/commands.h"
#include "tools/tatami/model_flags.h"
#include "tools/tatami/write_file.h"

namespace tatami {
namespace {

struct CompileFlags {
  ModelFlags model;
  std::string optimizer = "adamw", save_plan, save_program;
  bool explain = false, json = false;
};

// One line a call: its cut, its place, and what its inputs cost to bring.
void Explain(const Compiled& c) {
  std::cout << absl::StreamFormat("%-44s %-22s %-14s %s\n", "call", "output", "cut",
                                  "transfers");
  for (size_t s = 0; s < c.program.supersteps.size(); ++s) {
    const Superstep& superstep = c.program.supersteps[s];
    for (const ExchangeOp& e : superstep.exchanges) {
      const ProgramBuffer& to = c.program.buffers[e.to];
      std::cout << absl::StreamFormat(
          "  superstep %-4d %s %s%s\n", s, to.name,
          to.placement.ToString(c.program.mesh),
          e.resolve.empty() ? ""
                            : " combined along " + ToString(e.resolve, c.program.mesh));
    }
    for (const ComputeOp& compute : superstep.computes) {
      const ProgramCall& call = c.program.calls[compute.call];
      std::string cuts;
      const auto it = c.plan.calls.find(call.name);
      for (const auto& [factor, axes] : it->second.cuts) {
        cuts +=
            (cuts.empty() ? "" : " ") + factor + "=" + ToString(axes, c.program.mesh);
      }
      std::cout << absl::StreamFormat("%-44s %-22s %s\n", call.name,
                                      call.call->out.ToString(), cuts);
    }
  }
}

// What --json tells of a choice that does not fit: the keys that are known then.
nlohmann::json RefusalObject(const ModelChoice& choice, const SramOverflow& overflow) {
  return {{"model", choice.preset.name},
          {"machine", choice.machine.name},
          {"mesh", choice.mesh.ToString()},
          {"fits", false},
          {"peak_bytes", overflow.needed_bytes},
          {"sram_bytes", overflow.available_bytes},
          {"worst_node", {overflow.row, overflow.col}},
          {"superstep", overflow.superstep}};
}

// On failure, `failure` gets what --json tells beside the error.
absl::Status RunCompile(const CompileFlags& flags, nlohmann::json& failure) {
  TATAMI_ASSIGN_OR_RETURN(const ModelChoice choice, ResolveModelFlags(flags.model));
  const absl::StatusOr<Compiled> compiled = CompileTraining(
      choice, {.name = flags.optimizer, .weight_decay = choice.preset.weight_decay});
  if (const auto overflow = GetSramOverflow(compiled.status())) {
    failure = RefusalObject(choice, *overflow);
  }
  TATAMI_RETURN_IF_ERROR(compiled.status());
  const Compiled& c = *compiled;
  if (!flags.save_plan.empty()) {
    TATAMI_RETURN_IF_ERROR(WriteFile(flags.save_plan, c.plan.ToString(c.graph)));
  }
  if (!flags.save_program.empty()) {
    TATAMI_RETURN_IF_ERROR(WriteFile(
        flags.save_program, absl::EndsWith(flags.save_program, ".tatami")
                                ? SerializeProgram(c.program, WireForm::kBinary)
                                : c.program.ToString()));
  }
  if (flags.explain) Explain(c);
  const LinkBytes links = CountLinkBytes(c.program);
  if (flags.json) {
    const nlohmann::json object = {{"model", c.program.model},
                                   {"machine", c.program.machine},
                                   {"mesh", c.program.mesh.ToString()},
                                   {"fits", true},
                                   {"peak_bytes", c.program.peak_bytes()},
                                   {"sram_bytes", c.program.sram_bytes},
                                   {"step_ns", c.step_ns},
                                   {"compile_s", c.compile_s},
                                   {"link_bytes", links.total()},
                                   {"program_hash", c.program.Hash()}};
    std::cout << object.dump() << std::endl;
    return absl::OkStatus();
  }
  std::cout << absl::StreamFormat(
      "%s fits %s %s: peak %.1f of %.1f KiB on %d node classes, %d supersteps, %d "
      "calls\n"
      "step %.1f us (modelled), %.1f MiB over links (busiest %.1f KiB), compiled in "
      "%.2f s, "
      "program %s\n",
      c.program.model, c.program.machine, c.program.mesh.ToString(),
      c.program.peak_bytes() / 1024.0, c.program.sram_bytes / 1024.0,
      c.program.classes.size(), c.program.supersteps.size(), c.program.calls.size(),
      c.step_ns / 1e3, links.total() / 1048576.0, links.max() / 1024.0, c.compile_s,
      c.program.Hash());
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
  command->add_flag("--explain", flags->explain, "every call's cut and transfers");
  command->add_option("--save_plan", flags->save_plan, "write the plan to this file");
  command->add_option("--save_program", flags->save_program,
                      "write the program: to FILE.tatami for `tatami inspect`, "
                      "else as text");
  command->add_flag("--json", flags->json,
                    "the last line of output is one JSON object");
  command->callback(
      [flags, &outcome] { outcome.status = RunCompile(*flags, outcome.failure); });
}

}  // namespace tatami
