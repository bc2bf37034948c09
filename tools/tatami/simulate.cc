// tatami simulate
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "core/error.h"
#include "core/proto/wire.h"
#include "core/status_macros.h"
#include "ops/all_ops.h"
#include "tools/simulate/chakra_export.h"
#include "tools/simulate/chakra_import.h"
#include "tools/simulate/simulation_text.h"
#include "tools/simulate/trace.h"
#include "tools/tatami/attempt.h"
#include "tools/tatami/commands.h"
#include "tools/tatami/model_flags.h"
#include "tools/tatami/remedies.h"
#include "tools/tatami/write_file.h"

namespace tatami {
namespace {

struct SimulateFlags {
  ModelFlags model;
  std::string optimizer = "adamw", program_file, trace, chakra, chakra_in;
  std::vector<std::string> settings, sweeps;
  double frames_per_day = 0, decode_rate = 1000;
  std::string select = "100%";
  bool flat = false, json = false;
};

// "FIELD=VALUE"
absl::StatusOr<MachineOverrides> ParseSettings(const std::vector<std::string>& texts) {
  MachineOverrides out;
  for (const std::string& text : texts) {
    const std::vector<std::string> parts =
        absl::StrSplit(text, absl::MaxSplits('=', 1));
    double value = 0;
    if (parts.size() != 2 || !absl::SimpleAtod(parts[1], &value)) {
      return MakeError(ErrorCode::kBadFlag,
                       absl::StrCat("--set ", text,
                                    " is not FIELD=NUMBER, as in --set hop_cycles=2"));
    }
    out.emplace_back(parts[0], value);
  }
  return out;
}

struct Sweep {
  std::string field;
  std::vector<double> values;
};

// "FIELD=LOW..HIGH", in five points whose ratios are equal.
absl::StatusOr<Sweep> ParseSweep(const std::string& text) {
  constexpr int kPoints = 5;
  const std::vector<std::string> parts = absl::StrSplit(text, absl::MaxSplits('=', 1));
  std::vector<std::string> ends;
  if (parts.size() == 2) ends = absl::StrSplit(parts[1], absl::MaxSplits("..", 1));
  double low = 0, high = 0;
  if (ends.size() != 2 || !absl::SimpleAtod(ends[0], &low) ||
      !absl::SimpleAtod(ends[1], &high) || !(low > 0) || !(low < high)) {
    return MakeError(ErrorCode::kBadFlag,
                     absl::StrCat("--sweep ", text,
                                  " is not FIELD=LOW..HIGH with 0 < LOW < HIGH, as in "
                                  "--sweep link_packets_per_cycle=1..4"));
  }
  Sweep sweep{.field = parts[0]};
  for (int i = 0; i < kPoints; ++i) {
    sweep.values.push_back(low * std::pow(high / low, i / (kPoints - 1.0)));
  }
  return sweep;
}

// "1%" or "0.01"; nullopt where no video load is given.
absl::StatusOr<std::optional<VideoLoad>> ParseVideoLoad(const SimulateFlags& flags) {
  if (flags.frames_per_day == 0) return std::nullopt;
  absl::string_view text = flags.select;
  const double unit = absl::ConsumeSuffix(&text, "%") ? 0.01 : 1;
  VideoLoad load{.frames_per_day = flags.frames_per_day,
                 .decoded_per_host_s = flags.decode_rate};
  if (!absl::SimpleAtod(text, &load.selected) || !(load.selected * unit > 0) ||
      !(load.selected * unit <= 1) || !(load.frames_per_day > 0) ||
      !(load.decoded_per_host_s > 0)) {
    return MakeError(
        ErrorCode::kBadFlag,
        absl::StrCat("--frames_per_day ", flags.frames_per_day, " --select ",
                     flags.select, " --decode_rate ", flags.decode_rate,
                     ": rates must be above 0 and a selection above 0 and at most "
                     "100%, as in --frames_per_day 160e9 --select 1%"));
  }
  load.selected *= unit;
  return load;
}

struct SimulatedProgram {
  Program program;
  std::string machine;  // name or path
  StepFacts facts;
};

absl::StatusOr<SimulatedProgram> ReadProgram(const SimulateFlags& flags) {
  std::ifstream file(flags.program_file, std::ios::binary);
  std::ostringstream bytes;
  if (!file || !(bytes << file.rdbuf())) {
    return MakeError(ErrorCode::kDataMissing,
                     absl::StrCat("cannot read '", flags.program_file,
                                  "'. Write one with `tatami compile --save_program "
                                  "FILE.tatami`."));
  }
  SimulatedProgram out;
  TATAMI_ASSIGN_OR_RETURN(out.program, ParseProgram(bytes.str(), FindOp),
                          flags.program_file);
  out.machine = flags.model.machine.empty() ? out.program.machine : flags.model.machine;
  return out;
}

absl::StatusOr<SimulatedProgram> CompileProgram(const SimulateFlags& flags) {
  TrainingChoice choice;
  TATAMI_ASSIGN_OR_RETURN(choice.model, ResolveModelFlags(flags.model));
  choice.optimizer = {.name = flags.optimizer,
                      .weight_decay = choice.model.preset.weight_decay};
  TATAMI_ASSIGN_OR_RETURN(const std::string largest,
                          ResolveBatchMax(choice, kBatchLimit));
  std::cout << largest << std::flush;
  Remedies remedies;
  TATAMI_ASSIGN_OR_RETURN(Compiled compiled, CompileOrAdvise(choice, &remedies));
  return SimulatedProgram{.program = std::move(compiled.program),
                          .machine = flags.model.machine.empty()
                                         ? choice.model.preset.machine
                                         : flags.model.machine,
                          .facts = {.samples = choice.model.batch,
                                    .frames_per_sample = choice.model.preset.frames}};
}

absl::Status WriteChakra(const std::string& folder, const Program& program,
                         const Simulation& simulation) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);  // WriteFile says what is wrong
  for (const NamedFile& file : ChakraFiles(program, simulation)) {
    TATAMI_RETURN_IF_ERROR(
        WriteFile((std::filesystem::path(folder) / file.name).string(), file.bytes));
  }
  return absl::OkStatus();
}

absl::Status RunChakraIn(const SimulateFlags& flags) {
  TATAMI_ASSIGN_OR_RETURN(const ChakraStep step,
                          TimeOfChakra(flags.chakra_in, flags.model.machine));
  if (!flags.json) {
    std::cout << ChakraText(step) << std::flush;
    return absl::OkStatus();
  }
  const nlohmann::json object = {{"model", step.model},
                                 {"machine", step.machine},
                                 {"step_ns", step.step_ns},
                                 {"ranks", step.ranks},
                                 {"traces", step.traces},
                                 {"nodes", step.nodes},
                                 {"exact_nodes", step.exact_nodes},
                                 {"replayed_nodes", step.replayed_nodes},
                                 {"modelled_nodes", step.modelled_nodes},
                                 {"other_attributes", step.other_attributes}};
  // Names come from others' files and may be anything.
  std::cout << object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)
            << std::endl;
  return absl::OkStatus();
}

absl::Status RunSimulate(const SimulateFlags& flags) {
  if (!flags.chakra_in.empty()) return RunChakraIn(flags);
  SimulationOptions options{.classes =
                                flags.flat ? NodeClasses::kFlat : NodeClasses::kAlike};
  TATAMI_ASSIGN_OR_RETURN(options.overrides, ParseSettings(flags.settings));
  std::vector<Sweep> sweeps;
  for (const std::string& text : flags.sweeps) {
    TATAMI_ASSIGN_OR_RETURN(sweeps.emplace_back(), ParseSweep(text));
  }
  TATAMI_ASSIGN_OR_RETURN(const std::optional<VideoLoad> video, ParseVideoLoad(flags));
  TATAMI_ASSIGN_OR_RETURN(SimulatedProgram target, flags.program_file.empty()
                                                       ? CompileProgram(flags)
                                                       : ReadProgram(flags));
  target.facts.video = video;
  TATAMI_ASSIGN_OR_RETURN(const Simulation simulation,
                          SimulateProgram(target.program, target.machine, options));
  if (!flags.trace.empty()) {
    TATAMI_RETURN_IF_ERROR(
        WriteFile(flags.trace, ChromeTrace(target.program, simulation.time)));
  }
  if (!flags.chakra.empty()) {
    if (target.program.HasStages()) {
      return MakeError(ErrorCode::kBadFlag,
                       absl::StrCat("--chakra writes a trace for nodes that all have "
                                    "the same calls, and this program has ",
                                    target.program.stages.nodes(),
                                    " pipeline stages. Leave out --stages, or use "
                                    "--trace."));
    }
    TATAMI_RETURN_IF_ERROR(WriteChakra(flags.chakra, target.program, simulation));
  }
  nlohmann::json swept = nlohmann::json::array();
  std::string table;
  for (const Sweep& sweep : sweeps) {
    for (const double value : sweep.values) {
      MachineOverrides overrides = options.overrides;
      overrides.emplace_back(sweep.field, value);
      TATAMI_ASSIGN_OR_RETURN(
          const double ns,
          StepNsWith(target.program, simulation.loads, target.machine, overrides));
      swept.push_back({{"field", sweep.field}, {"value", value}, {"step_ns", ns}});
      absl::StrAppend(
          &table, absl::StrFormat("  %-23s %10.4g  %10.1f us  %5.2fx\n", sweep.field,
                                  value, ns / 1e3, ns / simulation.time.step_ns));
    }
  }
  if (flags.json) {
    nlohmann::json object = SimulationJson(target.program, simulation, target.facts);
    if (!sweeps.empty()) object["sweep"] = std::move(swept);
    std::cout << object.dump() << std::endl;
    return absl::OkStatus();
  }
  std::cout << SimulationText(target.program, simulation, target.facts);
  if (!table.empty()) std::cout << "the same program, if\n" << table;
  std::cout << std::flush;
  return absl::OkStatus();
}

}  // namespace

void AddSimulateCommand(CLI::App& app, CommandOutcome& outcome) {
  auto flags = std::make_shared<SimulateFlags>();
  CLI::App* command =
      app.add_subcommand("simulate", "how long would a step take, and why");
  command->footer(
      "Example:\n  tatami simulate --model drivenet-full --machine dojo_tile "
      "--trace step.json");
  AddModelFlags(*command, flags->model);
  command->add_option("--optimizer", flags->optimizer, "adamw or sgd")
      ->capture_default_str();
  command
      ->add_option("--program", flags->program_file,
                   "a Program that `tatami compile --save_program` wrote, instead of a "
                   "model")
      ->type_name("FILE.tatami");
  command
      ->add_option("--set", flags->settings,
                   "a number of the machine that is to be another, by its name in the "
                   "machine file; repeatable")
      ->allow_extra_args(false)
      ->type_name("FIELD=VALUE");
  command
      ->add_option("--sweep", flags->sweeps,
                   "times the same program with five values of a number of the "
                   "machine; repeatable")
      ->allow_extra_args(false)
      ->type_name("FIELD=LOW..HIGH");
  command->add_option("--frames_per_day", flags->frames_per_day,
                      "a load of video: how many machines and hosts does it want?");
  command
      ->add_option("--select", flags->select,
                   "the share of those frames that is trained on")
      ->capture_default_str();
  command
      ->add_option("--decode_rate", flags->decode_rate,
                   "frames a second that one host decodes; an assumption")
      ->capture_default_str();
  command->add_option("--trace", flags->trace,
                      "write a Chrome trace of the step to this file");
  command
      ->add_option("--chakra", flags->chakra,
                   "write the step as Chakra execution traces into this folder")
      ->type_name("FOLDER");
  command->add_flag("--flat", flags->flat,
                    "look at every node instead of those that differ; the same times");
  command->add_flag("--json", flags->json,
                    "the last line of output is one JSON object");
  CLI::Option* const chakra_in =
      command
          ->add_option("--chakra_in", flags->chakra_in,
                       "time the Chakra execution traces in this folder instead of a "
                       "model")
          ->type_name("FOLDER");
  // What traces say cannot be changed, and they hold no Program.
  for (const char* other :
       {"--model", "--program", "--set", "--sweep", "--trace", "--chakra", "--flat"}) {
    chakra_in->excludes(command->get_option(other));
  }
  command->callback([flags, &outcome] { outcome.status = RunSimulate(*flags); });
}

}  // namespace tatami
