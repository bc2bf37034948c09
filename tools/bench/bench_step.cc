#include "tools/bench/bench_step.h"

#include <algorithm>
#include <ctime>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "core/status_macros.h"
#include "tools/bench/pytorch_peer.h"
#include "tools/bench/spread.h"

namespace tatami {
namespace {

absl::StatusOr<RunTime> RunSteps(RepeatedBatch& side, int steps) {
  const absl::Time start = absl::Now();
  const std::clock_t start_cpu = std::clock();
  for (int i = 0; i < steps; ++i) TATAMI_RETURN_IF_ERROR(side.Step());
  return RunTime{
      .seconds = absl::ToDoubleSeconds(absl::Now() - start),
      .cpu_seconds = static_cast<double>(std::clock() - start_cpu) / CLOCKS_PER_SEC};
}

// Rates of one side, run by run, in samples a second.
struct Rates {
  std::vector<double> wall, cpu;

  void Add(const RunTime& time, double samples) {
    wall.push_back(samples / time.seconds);
    cpu.push_back(samples / time.cpu_seconds);
  }
};

void Conclude(const Rates& ours, const Rates& peer, BenchResult& result) {
  result.ours_runs = ours.wall;
  result.peer_runs = peer.wall;
  result.ours = SpreadOf(ours.wall).median;
  result.peer = SpreadOf(peer.wall).median;
  result.ratio = result.ours / result.peer;
  result.cpu_ratio = SpreadOf(ours.cpu).median / SpreadOf(peer.cpu).median;
}

std::string NameOf(const StepSetup& setup) {
  return absl::StrCat(setup.preset.name, " batch ", setup.batch,
                      setup.micro_batches == 1
                          ? ""
                          : absl::StrCat(" in ", setup.micro_batches, " micro-batches"),
                      setup.precision == Precision::kF32
                          ? ""
                          : absl::StrCat(" in ", Name(setup.precision)),
                      " on ", setup.machine.name, " ", setup.mesh.ToString(),
                      setup.stages.nodes() == 1
                          ? ""
                          : absl::StrCat(" in ", setup.stages.ToString(), " stages"),
                      setup.live ? " of " + setup.live->ToString() : "");
}

}  // namespace

absl::StatusOr<BenchResult> BenchAgainstPytorch(const StepSetup& setup,
                                                const BenchStepOptions& options) {
  BenchResult result{.name = NameOf(setup), .unit = "samples/s"};
  TATAMI_ASSIGN_OR_RETURN(RepeatedBatch ours, RepeatedBatch::Create(setup));
  TATAMI_ASSIGN_OR_RETURN(PytorchPeer peer,
                          PytorchPeer::Start(setup.preset.name, setup.batch,
                                             setup.emulator.threads, setup.precision));
  const std::string formats[] = {"contiguous", "channels_last"};
  for (const std::string& format : formats) {
    TATAMI_RETURN_IF_ERROR(peer.RunSteps(format, 1).status());
  }
  const auto samples = static_cast<double>(options.steps * setup.batch);
  Rates our_rates, peers[2];
  for (int run = 0; run < options.runs; ++run) {
    TATAMI_ASSIGN_OR_RETURN(const RunTime time, RunSteps(ours, options.steps));
    our_rates.Add(time, samples);
    TATAMI_ASSIGN_OR_RETURN(const double loss, ours.runner().Loss());
    result.losses.push_back(loss);
    for (int f = 0; f < 2; ++f) {
      TATAMI_ASSIGN_OR_RETURN(const RunTime theirs,
                              peer.RunSteps(formats[f], options.steps));
      peers[f].Add(theirs, samples);
    }
  }
  const int better =
      SpreadOf(peers[0].wall).median > SpreadOf(peers[1].wall).median ? 0 : 1;
  result.peer_name = absl::StrCat("PyTorch (", formats[better], ")");
  Conclude(our_rates, peers[better], result);
  return result;
}

absl::StatusOr<BenchResult> BenchAgainstHost(const StepSetup& setup,
                                             const BenchStepOptions& options) {
  StepSetup host = setup;
  TATAMI_ASSIGN_OR_RETURN(host.machine, LoadMachine("host"));
  host.mesh = {1, setup.emulator.threads};
  host.stages = {1, 1};
  host.micro_batches = 1;  // there is room for all at once
  host.live.reset();
  host.pinned_plan.clear();  // it is for the other mesh
  BenchResult result{
      .name = NameOf(setup), .peer_name = NameOf(host), .unit = "samples/s"};
  TATAMI_ASSIGN_OR_RETURN(RepeatedBatch ours, RepeatedBatch::Create(setup));
  TATAMI_ASSIGN_OR_RETURN(RepeatedBatch peer, RepeatedBatch::Create(host));
  const auto samples = static_cast<double>(options.steps * setup.batch);
  Rates our_rates, peer_rates;
  for (int run = 0; run < options.runs; ++run) {
    TATAMI_ASSIGN_OR_RETURN(const RunTime our_time, RunSteps(ours, options.steps));
    our_rates.Add(our_time, samples);
    TATAMI_ASSIGN_OR_RETURN(const double loss, ours.runner().Loss());
    result.losses.push_back(loss);
    TATAMI_ASSIGN_OR_RETURN(const RunTime peer_time, RunSteps(peer, options.steps));
    peer_rates.Add(peer_time, samples);
  }
  Conclude(our_rates, peer_rates, result);
  return result;
}

absl::StatusOr<BenchResult> BenchAlone(const StepSetup& setup,
                                       const BenchStepOptions& options) {
  BenchResult result{.name = NameOf(setup), .unit = "samples/s"};
  TATAMI_ASSIGN_OR_RETURN(RepeatedBatch side, RepeatedBatch::Create(setup));
  for (int run = 0; run < options.runs; ++run) {
    TATAMI_ASSIGN_OR_RETURN(const RunTime time, RunSteps(side, options.steps));
    result.ours_runs.push_back(static_cast<double>(options.steps * setup.batch) /
                               time.seconds);
    TATAMI_ASSIGN_OR_RETURN(const double loss, side.runner().Loss());
    result.losses.push_back(loss);
  }
  result.ours = SpreadOf(result.ours_runs).median;
  return result;
}

absl::StatusOr<std::vector<OpTime>> ProfileStep(const StepSetup& setup,
                                                const BenchStepOptions& options) {
  StepSetup timed = setup;
  timed.emulator.time_calls = true;
  TATAMI_ASSIGN_OR_RETURN(RepeatedBatch side, RepeatedBatch::Create(timed));
  const Emulator& emulator = side.runner().emulator();
  std::map<std::string, double> before;  // the untimed step's share
  for (const CallTime& t : emulator.call_times()) before[t.call] = t.seconds;
  const double exchange_before = emulator.times().exchange_s;
  TATAMI_RETURN_IF_ERROR(RunSteps(side, options.steps).status());
  std::map<std::string, OpTime> by_op;
  for (const CallTime& t : emulator.call_times()) {
    const double seconds = (t.seconds - before[t.call]) / options.steps;
    OpTime& op = by_op[t.op];
    op.op = t.op;
    ++op.calls;
    op.seconds += seconds;
    if (seconds > op.slowest_seconds) {
      op.slowest = t.call;
      op.slowest_seconds = seconds;
    }
  }
  std::vector<OpTime> out;
  for (auto& [name, time] : by_op) out.push_back(std::move(time));
  // Transfers run on all threads at once: counted as if each were busy throughout.
  out.push_back({.op = "(exchange)",
                 .calls = static_cast<int64_t>(emulator.program().supersteps.size()),
                 .seconds = (emulator.times().exchange_s - exchange_before) *
                            setup.emulator.threads / options.steps});
  std::sort(out.begin(), out.end(),
            [](const OpTime& a, const OpTime& b) { return a.seconds > b.seconds; });
  return out;
}

}  // namespace tatami
