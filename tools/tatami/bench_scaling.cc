// tatami bench scaling
#include "tools/bench/bench_scaling.h"

#include <cstdlib>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "core/error.h"
#include "core/status_macros.h"
#include "tools/bench/scaling_rank.h"
#include "tools/tatami/commands.h"
#include "tools/tatami/launch.h"
#include "tools/tatami/model_flags.h"
#include "tools/tatami/modelled_scaling.h"
#include "tools/tatami/parse_failure.h"
#include "tools/tatami/write_file.h"

namespace tatami {
namespace {

struct BenchScalingFlags {
  ModelFlags model;
  std::string np, chips, against = "pytorch", out;
  bool strong = false, weak = false, json = false;
  int runs = 5, steps = 3, threads = 1;
  std::string serve;  // of a rank that this command started: where its requests come
};

absl::StatusOr<std::vector<int>> ParseCounts(absl::string_view flag,
                                             const std::string& text) {
  std::vector<int> ranks;
  for (absl::string_view word : absl::StrSplit(text, ',')) {
    int n = 0;
    if (!absl::SimpleAtoi(word, &n) || n < 1 || (!ranks.empty() && n <= ranks.back())) {
      return MakeError(ErrorCode::kBadFlag,
                       absl::StrCat(flag,
                                    " is a list of ascending numbers, as 1,2 or "
                                    "1,2,4; got '",
                                    text, "'"));
    }
    ranks.push_back(n);
  }
  return ranks;
}

absl::StatusOr<ModelChoice> ResolveOnHost(ModelFlags flags) {
  if (flags.machine.empty()) flags.machine = "host";
  return ResolveModelFlags(flags);
}

// Strong and weak, as asked for; both where neither is.
std::vector<Scaling> ScalingsOf(const BenchScalingFlags& flags) {
  std::vector<Scaling> out;
  if (flags.strong || !flags.weak) out.push_back(Scaling::kStrong);
  if (flags.weak || !flags.strong) out.push_back(Scaling::kWeak);
  return out;
}

absl::StatusOr<BenchScalingOptions> OptionsOf(const BenchScalingFlags& flags) {
  if (!flags.model.machine.empty() && flags.np.empty()) {
    return MakeError(ErrorCode::kBadFlag,
                     absl::StrCat("--machine ", flags.model.machine,
                                  " wants --np, to measure over ranks of this "
                                  "computer that emulate the machine, as --np 1,2; or "
                                  "--chips, to model more and more of its dies, as "
                                  "--chips 1,25."));
  }
  TATAMI_ASSIGN_OR_RETURN(const ModelChoice choice, ResolveOnHost(flags.model));
  BenchScalingOptions options{.preset = choice.preset,
                              .batch = choice.batch,
                              .machine = choice.machine.name,
                              .runs = flags.runs,
                              .steps = flags.steps,
                              .threads = flags.threads};
  if (!choice.machine.any_rectangle) options.emulated = choice.mesh;
  TATAMI_ASSIGN_OR_RETURN(options.ranks,
                          ParseCounts("--np", flags.np.empty() ? "1,2" : flags.np));
  options.scalings = ScalingsOf(flags);
  if (flags.against == "none") options.peer = BenchScalingOptions::Peer::kNone;
  options.serving_command = [flags, machine = choice.machine.name](
                                const RankGroup& group, const std::string& folder) {
    std::vector<std::string> words = {
        OwnCommandLine()[0],
        "bench",
        "scaling",
        "--model",
        flags.model.model,
        "--machine",
        flags.model.machine.empty() ? machine : flags.model.machine,
        "--mesh",
        group.mesh.ToString(),
        "--batch",
        absl::StrCat(group.batch),
        "--threads",
        absl::StrCat(flags.threads),
        "--serve",
        folder};
    return group.ranks == 1 ? words
                            : UnderMpirun(group.ranks, flags.threads, std::move(words));
  };
  return options;
}

// What a rank does that this command has started.
absl::Status Serve(const BenchScalingFlags& flags) {
  TATAMI_ASSIGN_OR_RETURN(const ModelChoice choice, ResolveOnHost(flags.model));
  TATAMI_ASSIGN_OR_RETURN(auto transport, StartTransport(/*np=*/1));
  return ServeSteps({.preset = choice.preset,
                     .machine = choice.machine,
                     .mesh = choice.mesh,
                     .batch = choice.batch,
                     .optimizer = {.name = "sgd", .weight_decay = 0},
                     .learning_rate = 1e-3,
                     .emulator = {.threads = flags.threads}},
                    std::move(transport), flags.serve);
}

// How many programs wanted a core in the last minute; above 0 before a benchmark says
// that its times are not the computer's best.
double LoadAverage() {
  double load = 0;
  return getloadavg(&load, 1) == 1 ? load : 0;
}

void PrintPoint(absl::string_view side, const ScalingPoint& p) {
  std::cout << absl::StreamFormat("  %5d  %-8s %10.1f %10.2f   %.2f (%.2f to %.2f)",
                                  p.chips, side, p.step_s * 1e3, p.samples_per_s,
                                  p.efficiency, p.efficiency_min, p.efficiency_max);
  if (p.parts) {
    const double all = p.parts->compute_s + p.parts->exchange_s + p.parts->wait_s;
    std::cout << absl::StreamFormat(
        " %3.0f %3.0f %3.0f", 100 * p.parts->compute_s / all,
        100 * p.parts->exchange_s / all, 100 * p.parts->wait_s / all);
  }
  std::cout << "\n";
}

void Print(const std::vector<ScalingCurves>& curves, const BenchScalingFlags& flags,
           double load_before) {
  const ScalingRecord& any = curves[0].ours;
  std::cout << absl::StreamFormat(
      "%s in f32, %d thread%s a rank, measured on %s\n"
      "with %d cores: %s.\n"
      "Medians of %d interleaved runs of %d steps. Batches are made up, so no step\n"
      "waited for ingest. Load average before: %.1f; other programs show in the range\n"
      "of efficiencies.\n",
      any.model, flags.threads, flags.threads == 1 ? "" : "s", any.machine.chip,
      any.machine.chips, any.software, flags.runs, flags.steps, load_before);
  for (const ScalingCurves& both : curves) {
    std::cout << absl::StreamFormat(
        "\n%s scaling, batch %d%s\n  ranks  %-8s %10s %10s   %-20s %s\n",
        Name(both.ours.scaling), both.ours.batch,
        both.ours.scaling == Scaling::kWeak ? " a rank" : " in all", "side",
        "ms a step", "samples/s", "efficiency", "%compute,copy,wait");
    for (size_t i = 0; i < both.ours.points.size(); ++i) {
      PrintPoint("ours", both.ours.points[i]);
      if (both.peer) PrintPoint("PyTorch", both.peer->points[i]);
    }
    if (!both.peer) continue;
    const ScalingPoint &ours = both.ours.points.back(),
                       &peer = both.peer->points.back();
    std::cout << absl::StreamFormat(
        "  at %d ranks ours makes %.2f times the samples a second of %s\n", ours.chips,
        ours.samples_per_s / peer.samples_per_s, both.peer->software);
  }
  std::cout << std::flush;
}

// The usual keys are those of the largest number of ranks and the first curve.
nlohmann::json ToJson(const std::vector<ScalingCurves>& curves,
                      const BenchScalingFlags& flags, double load_before) {
  const ScalingCurves& first = curves[0];
  const ScalingPoint& ours = first.ours.points.back();
  nlohmann::json records = nlohmann::json::array();
  for (const ScalingCurves& both : curves) {
    records.push_back(nlohmann::json::parse(ToJsonLine(both.ours)));
    if (both.peer) records.push_back(nlohmann::json::parse(ToJsonLine(*both.peer)));
  }
  nlohmann::json object = {
      {"name", absl::StrCat(first.ours.model, " ", Name(first.ours.scaling),
                            " scaling, ", ours.chips, " ranks")},
      {"ours", ours.samples_per_s},
      {"peer", 0},
      {"ratio", 0},
      {"unit", "samples/s"},
      {"runs", flags.runs},
      {"efficiency", ours.efficiency},
      {"load_before", load_before},
      {"records", std::move(records)}};
  if (first.peer) {
    const ScalingPoint& peer = first.peer->points.back();
    object["peer"] = peer.samples_per_s;
    object["ratio"] = ours.samples_per_s / peer.samples_per_s;
    object["peer_efficiency"] = peer.efficiency;
  }
  return object;
}

void PrintModelled(const ScalingRecord& record) {
  std::cout << absl::StreamFormat(
      "%s in %s on %s, modelled: %s scaling, batch %d%s\n"
      "   dies   us a step    samples/s   efficiency (range of the unknowns)  "
      "compute\n",
      record.model, record.precision, record.machine.name, Name(record.scaling),
      record.batch, record.scaling == Scaling::kWeak ? " a die" : " in all");
  for (const ScalingPoint& p : record.points) {
    std::cout << absl::StreamFormat(
        "  %5d  %10.1f  %11.0f   %.2f (%.2f to %.2f)                 %5.1f %%\n",
        p.chips, p.step_s * 1e6, p.samples_per_s, p.efficiency, p.efficiency_min,
        p.efficiency_max, 100 * p.parts->compute_s / p.step_s);
  }
  std::cout << std::flush;
}

absl::Status RunModelledScaling(const BenchScalingFlags& flags) {
  ModelledScalingOptions options{.model = flags.model};
  TATAMI_ASSIGN_OR_RETURN(options.chips, ParseCounts("--chips", flags.chips));
  std::string lines;
  nlohmann::json records = nlohmann::json::array();
  for (const Scaling scaling : ScalingsOf(flags)) {
    options.scaling = scaling;
    TATAMI_ASSIGN_OR_RETURN(const ScalingRecord record, ModelScaling(options));
    PrintModelled(record);
    absl::StrAppend(&lines, ToJsonLine(record), "\n");
    records.push_back(nlohmann::json::parse(ToJsonLine(record)));
  }
  if (!flags.out.empty()) TATAMI_RETURN_IF_ERROR(WriteFile(flags.out, lines));
  if (flags.json) {
    std::cout
        << nlohmann::json{{"name", "modelled scaling"}, {"records", records}}.dump()
        << std::endl;
  }
  return absl::OkStatus();
}

absl::Status WriteRecords(const std::vector<ScalingCurves>& curves,
                          const std::string& path) {
  std::string text;
  for (const ScalingCurves& both : curves) {
    absl::StrAppend(&text, ToJsonLine(both.ours), "\n");
    if (both.peer) absl::StrAppend(&text, ToJsonLine(*both.peer), "\n");
  }
  return WriteFile(path, text);
}

absl::Status RunBenchScaling(const BenchScalingFlags& flags) {
  if (!flags.serve.empty()) return Serve(flags);
  if (!flags.chips.empty()) return RunModelledScaling(flags);
  TATAMI_ASSIGN_OR_RETURN(const BenchScalingOptions options, OptionsOf(flags));
  const double load_before = LoadAverage();
  TATAMI_ASSIGN_OR_RETURN(const std::vector<ScalingCurves> curves,
                          BenchScaling(options));
  Print(curves, flags, load_before);
  if (!flags.out.empty()) TATAMI_RETURN_IF_ERROR(WriteRecords(curves, flags.out));
  if (flags.json) std::cout << ToJson(curves, flags, load_before).dump() << std::endl;
  return absl::OkStatus();
}

}  // namespace

void AddBenchScalingCommand(CLI::App& bench, CommandOutcome& outcome) {
  auto flags = std::make_shared<BenchScalingFlags>();
  CLI::App* command = bench.add_subcommand(
      "scaling",
      "steps over more and more ranks, beside PyTorch DDP over gloo; or modelled");
  command->footer(
      "Example:\n  tatami bench scaling --model resnet18 --np 1,2 --runs 5 --out "
      "curve.json\n"
      "  tatami bench scaling --model drivenet-small --machine d1_die --mesh 8x8 --np "
      "1,2\n"
      "  tatami bench scaling --model resnet50 --machine dojo_exapod --chips 1,25,150\n"
      "On machine host a rank has one node. A mesh of another machine is shared by\n"
      "the ranks; with --weak it is made wider for more of them.");
  command
      ->add_option("--model", flags->model.model,
                   "name of a model, see `tatami models`")
      ->capture_default_str();
  command->add_option("--machine", flags->model.machine,
                      "the machine that ranks emulate (host)");
  command->add_option("--mesh", flags->model.mesh,
                      "rows x columns of nodes of that machine");
  command
      ->add_option("--batch", flags->model.batch,
                   "samples of a step: of all ranks if strong, of each if weak")
      ->check(AtLeast(1));
  command->add_option("--np", flags->np, "numbers of ranks, ascending (1,2)");
  command
      ->add_option("--precision", flags->model.precision,
                   "of modelled steps: f32 or bf16")
      ->capture_default_str();
  command
      ->add_option("--chips", flags->chips,
                   "numbers of dies of the machine, ascending: modelled, not measured")
      ->excludes("--np");
  command->add_flag("--strong", flags->strong, "only with one batch for all ranks");
  command->add_flag("--weak", flags->weak, "only with a batch for each rank");
  command->add_option("--against", flags->against, "pytorch or none")
      ->check(CLI::IsMember({"pytorch", "none"}))
      ->capture_default_str();
  command->add_option("--threads", flags->threads, "of each rank, and of PyTorch's")
      ->check(AtLeast(1))
      ->capture_default_str();
  command->add_option("--runs", flags->runs, "timed runs of each group of ranks")
      ->check(AtLeast(1))
      ->capture_default_str();
  command->add_option("--steps", flags->steps, "training steps in a run")
      ->check(AtLeast(1))
      ->capture_default_str();
  command->add_option("--out", flags->out,
                      "file for the curves, one a line (tools/bench/scaling_record.h)");
  command->add_option("--serve", flags->serve)->group("");
  command->add_flag("--json", flags->json,
                    "the last line of output is one JSON object");
  command->callback([flags, &outcome] { outcome.status = RunBenchScaling(*flags); });
}

}  // namespace tatami
