// tatami bench gpu
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/status_macros.h"
#include "tools/bench/line_process.h"
#include "tools/bench/scaling_record.h"
#include "tools/bench/scratch_folder.h"
#include "tools/tatami/commands.h"
#include "tools/tatami/launch.h"
#include "tools/tatami/parse_failure.h"

namespace tatami {
namespace {

struct BenchGpuFlags {
  std::string model = "resnet50", precision = "bf16,f32", out, python, device = "cuda";
  int batch = 64, gpus = 0, runs = 5, steps = 20;
  bool json = false;
};

std::vector<std::string> Words(const BenchGpuFlags& flags, const std::string& out) {
  std::vector<std::string> words = PytorchScript(
      "gpu_train.py",
      {"--model", flags.model, "--batch", absl::StrCat(flags.batch), "--precision",
       flags.precision, "--gpus", absl::StrCat(flags.gpus), "--runs",
       absl::StrCat(flags.runs), "--steps", absl::StrCat(flags.steps), "--out", out,
       "--device", flags.device});
  if (!flags.python.empty()) words[0] = flags.python;
  return words;
}

void Print(const ScalingRecord& r) {
  std::cout << absl::StreamFormat(
      "%s in %s, batch %d a chip, on %s (%d here)\n%s\n"
      "  chips  ms a step   samples/s   efficiency\n",
      r.model, r.precision, r.batch, r.machine.chip, r.machine.chips, r.software);
  for (const ScalingPoint& p : r.points) {
    std::cout << absl::StreamFormat("  %5d %10.2f %11.1f   %.2f (%.2f to %.2f)\n",
                                    p.chips, p.step_s * 1e3, p.samples_per_s,
                                    p.efficiency, p.efficiency_min, p.efficiency_max);
  }
}

// The usual keys: the peer is the largest number of chips in the first precision, and
// nothing of ours ran.
nlohmann::json ToJson(const std::vector<ScalingRecord>& records, int runs) {
  nlohmann::json lines = nlohmann::json::array();
  for (const ScalingRecord& r : records) {
    lines.push_back(nlohmann::json::parse(ToJsonLine(r)));
  }
  const ScalingPoint& p = records[0].points.back();
  return {{"name", absl::StrCat(records[0].model, " in ", records[0].precision, " on ",
                                p.chips, " x ", records[0].machine.chip)},
          {"ours", 0},
          {"peer", p.samples_per_s},
          {"ratio", 0},
          {"unit", "samples/s"},
          {"runs", runs},
          {"records", std::move(lines)}};
}

absl::Status RunBenchGpu(const BenchGpuFlags& flags, CommandOutcome& outcome) {
  TATAMI_ASSIGN_OR_RETURN(const auto scratch, ScratchFolder::Make());
  const std::string out =
      flags.out.empty() ? absl::StrCat(scratch->path(), "/gpu.json") : flags.out;
  TATAMI_ASSIGN_OR_RETURN(const int code, RunToItsEnd(Words(flags, out), " for PyTorch",
                                                      "Name one with --python."));
  if (code != 0) {  // it has told why
    outcome.reported_exit_code = code;
    return absl::OkStatus();
  }
  TATAMI_ASSIGN_OR_RETURN(const std::vector<ScalingRecord> records,
                          ReadScalingRecords(out));
  for (const ScalingRecord& record : records) Print(record);
  std::cout << std::flush;
  if (flags.json) std::cout << ToJson(records, flags.runs).dump() << std::endl;
  return absl::OkStatus();
}

}  // namespace

void AddBenchGpuCommand(CLI::App& bench, CommandOutcome& outcome) {
  auto flags = std::make_shared<BenchGpuFlags>();
  CLI::App* command = bench.add_subcommand(
      "gpu", "PyTorch's training steps on this computer's GPUs, for curves to compare");
  command->footer(
      "Example:\n  tatami bench gpu --model resnet50 --batch 64 --out gpu.json\n"
      "All GPUs are measured, 1, 2, 4.. together. Where there is none, the command "
      "says\n"
      "so and ends with code 6.");
  command->add_option("--model", flags->model, "one that PyTorch builds too")
      ->capture_default_str();
  command->add_option("--batch", flags->batch, "samples on each GPU")
      ->check(AtLeast(1))
      ->capture_default_str();
  command->add_option("--precision", flags->precision, "bf16, f32 or both")
      ->check(CLI::IsMember({"bf16", "f32", "bf16,f32"}))
      ->capture_default_str();
  command->add_option("--gpus", flags->gpus, "how many to use; 0: all")
      ->check(AtLeast(0))
      ->capture_default_str();
  command->add_option("--runs", flags->runs, "timed runs")
      ->check(AtLeast(1))
      ->capture_default_str();
  command->add_option("--steps", flags->steps, "training steps in a run")
      ->check(AtLeast(1))
      ->capture_default_str();
  command->add_option("--out", flags->out,
                      "file for the curves, one a line (tools/bench/scaling_record.h)");
  command->add_option("--python", flags->python,
                      "the interpreter whose PyTorch sees the GPUs (/usr/bin/python3)");
  command->add_option("--device", flags->device)
      ->check(CLI::IsMember({"cuda", "cpu"}))
      ->group("");
  command->add_flag("--json", flags->json,
                    "the last line of output is one JSON object");
  command->callback(
      [flags, &outcome] { outcome.status = RunBenchGpu(*flags, outcome); });
}

}  // namespace tatami
