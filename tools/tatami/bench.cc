// tatami bench
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "absl/strings/str_format.h"
#include "core/error.h"
#include "core/status_macros.h"
#include "tools/bench/bench_packing.h"
#include "tools/bench/bench_step.h"
#include "tools/tatami/attempt.h"
#include "tools/tatami/commands.h"
#include "tools/tatami/model_flags.h"
#include "tools/tatami/parse_failure.h"

namespace tatami {
namespace {

struct BenchStepFlags {
  ModelFlags model;
  std::string against = "pytorch";
  std::string optimizer = "sgd";
  double learning_rate = 1e-3;
  int threads = 2, runs = 5, steps = 2;
  bool profile = false, json = false;
};

nlohmann::json ToJson(const BenchResult& r) {
  return {{"name", r.name},
          {"ours", r.ours},
          {"peer", r.peer},
          {"ratio", r.ratio},
          {"unit", r.unit},
          {"cpu_ratio", r.cpu_ratio},
          {"runs", r.ours_runs.size()},
          {"peer_name", r.peer_name},
          {"ours_runs", r.ours_runs},
          {"peer_runs", r.peer_runs},
          {"losses", r.losses}};
}

void PrintCallTimes(const std::vector<OpTime>& times) {
  double total = 0;
  for (const OpTime& t : times) total += t.seconds;
  std::cout << absl::StreamFormat("%-28s %6s %10s %7s  %s\n", "op", "calls",
                                  "ms a step", "share", "slowest call");
  for (const OpTime& t : times) {
    std::cout << absl::StreamFormat("%-28s %6d %10.2f %6.1f%%  %s %.2f ms\n", t.op,
                                    t.calls, t.seconds * 1e3, 100 * t.seconds / total,
                                    t.slowest, t.slowest_seconds * 1e3);
  }
  std::cout << absl::StreamFormat("%-28s %6s %10.2f  (summed over nodes)\n", "total",
                                  "", total * 1e3);
}

void PrintResult(const BenchResult& r) {
  std::cout << absl::StreamFormat(
      "loss of one batch, over and over: %.4f after the first run, %.4f after the "
      "last\n",
      r.losses.front(), r.losses.back());
  std::cout << absl::StreamFormat("%s: %.3f %s", r.name, r.ours, r.unit);
  if (r.peer_runs.empty()) {
    std::cout << absl::StreamFormat(" (median of %d runs)\n", r.ours_runs.size());
    return;
  }
  std::cout << absl::StreamFormat(
      "\n%s: %.3f %s\nratio %.3f, by processor time %.3f (medians of %d interleaved "
      "runs)\n",
      r.peer_name, r.peer, r.unit, r.ratio, r.cpu_ratio, r.ours_runs.size());
  for (size_t i = 0; i < r.ours_runs.size(); ++i) {
    std::cout << absl::StreamFormat("  run %d: %.3f and %.3f\n", i + 1, r.ours_runs[i],
                                    r.peer_runs[i]);
  }
}

absl::Status RunBenchStep(const BenchStepFlags& flags) {
  if (flags.runs < 1 || flags.steps < 1 || flags.threads < 1) {
    return MakeError(ErrorCode::kBadFlag,
                     "--runs, --steps and --threads must be at least 1");
  }
  TrainingChoice training{.optimizer = {.name = flags.optimizer, .weight_decay = 0}};
  TATAMI_ASSIGN_OR_RETURN(training.model, ResolveModelFlags(flags.model));
  TATAMI_ASSIGN_OR_RETURN(const std::string largest,
                          ResolveBatchMax(training, kBatchLimit));
  std::cout << largest << std::flush;
  const ModelChoice& choice = training.model;
  const StepSetup setup{.preset = choice.preset,
                        .machine = choice.machine,
                        .mesh = choice.mesh,
                        .stages = choice.stages,
                        .live = choice.live,
                        .pinned_plan = choice.pinned_plan,
                        .batch = choice.batch,
                        .micro_batches = choice.micro_batches,
                        .precision = choice.precision,
                        .optimizer = training.optimizer,
                        .learning_rate = flags.learning_rate,
                        .emulator = {.threads = flags.threads}};
  const BenchStepOptions options{.runs = flags.runs, .steps = flags.steps};
  if (flags.profile) {
    TATAMI_ASSIGN_OR_RETURN(const std::vector<OpTime> times,
                            ProfileStep(setup, options));
    PrintCallTimes(times);
  }
  absl::StatusOr<BenchResult> result;
  if (flags.against == "pytorch") {
    result = BenchAgainstPytorch(setup, options);
  } else if (flags.against == "host") {
    result = BenchAgainstHost(setup, options);
  } else if (flags.against == "none") {
    result = BenchAlone(setup, options);
  } else {
    return MakeError(ErrorCode::kBadFlag,
                     "--against is pytorch, host or none; got " + flags.against);
  }
  TATAMI_RETURN_IF_ERROR(result.status());
  PrintResult(*result);
  if (flags.json) {
    nlohmann::json object = ToJson(*result);
    object["micro_batches"] = choice.micro_batches;
    object["precision"] = Name(choice.precision);
    std::cout << object.dump() << std::endl;
  }
  return absl::OkStatus();
}

struct BenchPackingFlags {
  std::vector<std::string> files;
  bool json = false;
};

// Greedy is the peer: ratio is the height it needs over the capacity.
absl::Status RunBenchPacking(const BenchPackingFlags& flags) {
  nlohmann::json rows = nlohmann::json::array();
  for (const std::string& file : flags.files) {
    TATAMI_ASSIGN_OR_RETURN(const PackingBenchResult r, BenchPacking(file));
    const double overshoot =
        static_cast<double>(r.greedy_bytes) / static_cast<double>(r.capacity);
    std::cout << absl::StreamFormat(
                     "%s: %d buffers, %s %d bytes in %.2f s; greedy needs %.2fx\n",
                     r.name, r.buffers, r.answer == "fits" ? "fits" : r.answer + " in",
                     r.capacity, r.seconds, overshoot)
              << std::flush;
    rows.push_back({{"name", r.name},
                    {"answer", r.answer},
                    {"ours", r.capacity},
                    {"peer", r.greedy_bytes},
                    {"ratio", overshoot},
                    {"unit", "bytes"},
                    {"runs", 1},
                    {"lower_bound", r.lower_bound},
                    {"seconds", r.seconds}});
  }
  if (flags.json) std::cout << nlohmann::json{{"instances", rows}}.dump() << std::endl;
  return absl::OkStatus();
}

void AddBenchPackingCommand(CLI::App& bench, CommandOutcome& outcome) {
  auto flags = std::make_shared<BenchPackingFlags>();
  CLI::App* command =
      bench.add_subcommand("packing", "exact offset packing beside greedy orders");
  command->footer("Example:\n  tatami bench packing data/packing/*.csv");
  command->add_option("files", flags->files, "instances, NAME.BYTES.csv")->required();
  command->add_flag("--json", flags->json,
                    "the last line of output is one JSON object");
  command->callback([flags, &outcome] { outcome.status = RunBenchPacking(*flags); });
}

}  // namespace

void AddBenchCommand(CLI::App& app, CommandOutcome& outcome) {
  auto flags = std::make_shared<BenchStepFlags>();
  CLI::App* bench = app.add_subcommand("bench", "measure beside a rival, interleaved");
  bench->require_subcommand(1);
  AddBenchCollectivesCommand(*bench, outcome);
  AddBenchCompareCommand(*bench, outcome);
  AddBenchGpuCommand(*bench, outcome);
  AddBenchKernelsCommand(*bench, outcome);
  AddBenchNetworkCommand(*bench, outcome);
  AddBenchScalingCommand(*bench, outcome);
  AddBenchScheduleCommand(*bench, outcome);
  AddBenchPackingCommand(*bench, outcome);
  CLI::App* command = bench->add_subcommand("step", "training steps on random data");
  command->footer(
      "Example:\n  tatami bench step --model resnet50 --machine host --mesh 1x2 "
      "--batch 8\n  tatami bench step --model drivenet-small --against host");
  AddModelFlags(*command, flags->model);
  command->add_option("--against", flags->against, "pytorch, host or none")
      ->capture_default_str();
  command->add_option("--optimizer", flags->optimizer, "adamw or sgd")
      ->capture_default_str();
  command->add_option("--learning_rate", flags->learning_rate)
      ->check(Above(0))
      ->capture_default_str();
  command->add_option("--threads", flags->threads, "of this process, and of PyTorch")
      ->capture_default_str();
  command->add_option("--runs", flags->runs, "timed runs of each side")
      ->capture_default_str();
  command->add_option("--steps", flags->steps, "training steps in a run")
      ->capture_default_str();
  command->add_flag("--profile", flags->profile,
                    "first print where a step's compute time goes, by op");
  command->add_flag("--json", flags->json,
                    "the last line of output is one JSON object");
  command->callback([flags, &outcome] { outcome.status = RunBenchStep(*flags); });
}

}  // namespace tatami
