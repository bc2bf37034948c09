// tatami bench kernels
#include "tools/bench/bench_kernels.h"

#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "absl/strings/str_format.h"
#include "core/status_macros.h"
#include "tools/tatami/commands.h"
#include "tools/tatami/parse_failure.h"

namespace tatami {
namespace {

struct BenchKernelsFlags {
  std::string model = "resnet18", op, dtype = "f32";
  int64_t batch = 0;
  int runs = 5;
  double share = 0.99;
  bool json = false;
};

double Us(double seconds) { return seconds * 1e6; }

nlohmann::json ToJson(const Spread& s) {
  return {{"min", Us(s.min)}, {"median", Us(s.median)}, {"max", Us(s.max)}};
}

// The usual keys: ours and peer are rates, so that a ratio above 1 says that ours is
// the faster.
nlohmann::json ToJson(const BenchKernelsResult& r, const BenchKernelsFlags& flags) {
  nlohmann::json kernels = nlohmann::json::array();
  for (const KernelTimes& k : r.kernels) {
    nlohmann::json object = {
        {"name", k.call}, {"op", k.op}, {"shapes", k.shapes}, {"count", k.count}};
    if (!k.not_timed.empty()) {
      object["not_timed"] = k.not_timed;
    } else {
      object["ours"] = 1 / k.ours_s.median;
      object["peer"] = 1 / k.peer_s.median;
      object["ratio"] = k.ratio;
      object["unit"] = "calls/s";
      object["runs"] = flags.runs;
      object["ours_us"] = ToJson(k.ours_s);
      object["peer_us"] = ToJson(k.peer_s);
      object["peer_format"] = k.peer_format;
      if (!k.peer_differs.empty()) object["peer_differs"] = k.peer_differs;
    }
    kernels.push_back(std::move(object));
  }
  const bool any = r.compared > 0;
  return {{"name", r.name},
          {"ours", any ? 1 / r.ours_s : 0},
          {"peer", any ? 1 / r.peer_s : 0},
          {"ratio", any ? r.peer_s / r.ours_s : 0},
          {"unit", "times a second all compared calls of a step"},
          {"runs", flags.runs},
          {"geometric_mean_ratio", r.mean_ratio},
          {"compared", r.compared},
          {"light_calls", r.light_calls},
          {"light_share", r.light_share},
          {"kernels", std::move(kernels)}};
}

// Half of what lies between the slowest and the fastest run, in % of the median.
int SpreadPercent(const Spread& s) {
  return static_cast<int>(50 * (s.max - s.min) / s.median + 0.5);
}

// In at most 80 columns.
std::string Shortened(std::string text, size_t columns) {
  if (text.size() > columns) text = text.substr(0, columns - 2) + "..";
  return text;
}

void PrintResult(const BenchKernelsResult& r, const BenchKernelsFlags& flags) {
  std::cout << absl::StreamFormat(
      "%s: the calls that make up %.1f %% of our compute\ntime, beside PyTorch's "
      "operators, one thread each, medians of %d interleaved\nruns. Results agreed "
      "before anything was timed. PyTorch makes room for a result\nat each call, ours "
      "has its place. n: such calls in a step.\n\n",
      r.name, 100 * (1 - r.light_share), flags.runs);
  std::cout << absl::StreamFormat("%-22s %3s %16s %16s %6s  %s\n", "op", "n", "ours us",
                                  "PyTorch us", "ratio", "its format");
  for (const KernelTimes& k : r.kernels) {
    if (!k.not_timed.empty()) {
      std::cout << absl::StreamFormat("%-22s %3d  not timed: %s\n", k.op, k.count,
                                      Shortened(k.not_timed, 41));
    } else {
      std::cout << absl::StreamFormat(
          "%-22s %3d %10.1f +-%2d%% %10.1f +-%2d%% %6.2f  %s%s\n", k.op, k.count,
          Us(k.ours_s.median), SpreadPercent(k.ours_s), Us(k.peer_s.median),
          SpreadPercent(k.peer_s), k.ratio, k.peer_format,
          k.peer_differs.empty() ? "" : " *");
    }
    std::cout << "  " << Shortened(k.shapes, 78) << "\n";
    if (!k.peer_differs.empty()) {
      std::cout << "  * PyTorch's operator " << k.peer_differs << "\n";
    }
  }
  if (r.compared == 0) {
    std::cout << "no call could be compared" << std::endl;
    return;
  }
  std::cout << absl::StreamFormat(
      "\n%d distinct calls compared, those with * aside: geometric mean of ratios "
      "%.2f;\nsummed over a step ours take %.1f ms, PyTorch's %.1f ms, ratio %.2f\n",
      r.compared, r.mean_ratio, r.ours_s * 1e3, r.peer_s * 1e3, r.peer_s / r.ours_s);
}

absl::Status RunBenchKernels(const BenchKernelsFlags& flags) {
  TATAMI_ASSIGN_OR_RETURN(const ModelPreset preset, FindModel(flags.model));
  BenchKernelsOptions options{
      .runs = flags.runs, .heavy_share = flags.share, .op = flags.op};
  TATAMI_ASSIGN_OR_RETURN(options.dtype, ParseDType(flags.dtype));
  const StepSetup setup{.preset = preset,
                        .batch = flags.batch > 0 ? flags.batch : preset.batch,
                        .optimizer = {.name = "sgd", .weight_decay = 0}};
  TATAMI_ASSIGN_OR_RETURN(const BenchKernelsResult result,
                          BenchKernels(setup, options));
  PrintResult(result, flags);
  if (flags.json) std::cout << ToJson(result, flags).dump() << std::endl;
  return absl::OkStatus();
}

}  // namespace

void AddBenchKernelsCommand(CLI::App& bench, CommandOutcome& outcome) {
  auto flags = std::make_shared<BenchKernelsFlags>();
  CLI::App* command = bench.add_subcommand(
      "kernels", "our kernels beside PyTorch's operators, one thread each");
  command->footer(
      "Example:\n  tatami bench kernels --model resnet18 --batch 8\n"
      "  tatami bench kernels --model drivenet-small --op conv --dtype bf16");
  command->add_option("--model", flags->model, "whose training step makes the calls")
      ->capture_default_str();
  command->add_option("--batch", flags->batch, "samples in one step")
      ->check(AtLeast(1));
  command->add_option("--op", flags->op, "only the calls of this op");
  command->add_option("--dtype", flags->dtype, "element type of operands: f32 or bf16")
      ->check(CLI::IsMember({"f32", "bf16"}))
      ->capture_default_str();
  command
      ->add_option("--share", flags->share,
                   "time the heaviest calls, which make up this share of our compute")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command->add_option("--runs", flags->runs, "timed runs of each side")
      ->check(AtLeast(1))
      ->capture_default_str();
  command->add_flag("--json", flags->json,
                    "the last line of output is one JSON object");
  command->callback([flags, &outcome] { outcome.status = RunBenchKernels(*flags); });
}

}  // namespace tatami
