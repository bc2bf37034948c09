#include "tools/bench/bench_scaling.h"

#include <map>
#include <memory>

#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "core/status_macros.h"
#include "tools/bench/scaling_group.h"
#include "tools/bench/spread.h"

namespace tatami {
namespace {

enum class Side : uint8_t { kOurs, kPytorch };

// A group that runs, and what its runs took a step.
struct TimedGroup {
  std::unique_ptr<StepGroup> group;
  std::vector<double> step_s;      // by run
  std::optional<StepParts> parts;  // summed over runs, a step
};
using Groups = std::map<std::pair<Side, RankGroup>, TimedGroup>;

RankGroup GroupOf(const BenchScalingOptions& options, Scaling scaling, int ranks) {
  RankGroup group{
      .ranks = ranks,
      .batch = scaling == Scaling::kStrong ? options.batch : options.batch * ranks,
      .mesh = {1, ranks}};
  if (!options.emulated) return group;
  group.mesh = *options.emulated;
  if (scaling == Scaling::kWeak) group.mesh.cols *= ranks;
  return group;
}

absl::Status CheckShares(const BenchScalingOptions& options) {
  for (const Scaling scaling : options.scalings) {
    for (const int ranks : options.ranks) {
      if (GroupOf(options, scaling, ranks).batch % ranks == 0) continue;
      return MakeError(
          ErrorCode::kBadFlag,
          absl::StrCat("--batch ", options.batch, " cannot be shared by ", ranks,
                       " processes of PyTorch, which each take as many samples. Give a "
                       "multiple of ",
                       ranks, ", or --against none."));
    }
  }
  return absl::OkStatus();
}

std::vector<Side> Sides(const BenchScalingOptions& options) {
  if (options.peer == BenchScalingOptions::Peer::kNone) return {Side::kOurs};
  return {Side::kOurs, Side::kPytorch};
}

absl::StatusOr<std::unique_ptr<StepGroup>> Start(const BenchScalingOptions& options,
                                                 Side side, const RankGroup& group) {
  if (side == Side::kPytorch) {
    return StartPytorchGroup(options.preset.name, group.batch / group.ranks,
                             options.threads, group.ranks);
  }
  TATAMI_ASSIGN_OR_RETURN(auto folder, ScratchFolder::Make());
  std::vector<std::string> words = options.serving_command(group, folder->path());
  return StartOurGroup(group.ranks, std::move(words), std::move(folder));
}

absl::Status StartAll(const BenchScalingOptions& options, Groups& groups) {
  for (const Side side : Sides(options)) {
    for (const Scaling scaling : options.scalings) {
      for (const int ranks : options.ranks) {
        RankGroup group = GroupOf(options, scaling, ranks);
        if (side == Side::kPytorch) group.mesh = {};  // it has none
        TimedGroup& timed = groups[{side, group}];
        if (timed.group != nullptr) continue;
        TATAMI_ASSIGN_OR_RETURN(timed.group, Start(options, side, group));
      }
    }
  }
  return absl::OkStatus();
}

absl::Status RunAll(const BenchScalingOptions& options, Groups& groups) {
  const double steps = options.steps;
  for (int run = 0; run < options.runs; ++run) {
    for (auto& [key, timed] : groups) {
      TATAMI_ASSIGN_OR_RETURN(const StepsTime time,
                              timed.group->RunSteps(options.steps));
      timed.step_s.push_back(time.seconds / steps);
      if (!time.parts) continue;
      if (!timed.parts) timed.parts.emplace();
      timed.parts->compute_s += time.parts->compute_s / steps / options.runs;
      timed.parts->exchange_s += time.parts->exchange_s / steps / options.runs;
      timed.parts->wait_s += time.parts->wait_s / steps / options.runs;
    }
  }
  return absl::OkStatus();
}

ScalingPoint PointOf(Scaling scaling, const RankGroup& group, const TimedGroup& timed,
                     int first_ranks, const TimedGroup& first) {
  std::vector<double> efficiencies;
  for (size_t run = 0; run < timed.step_s.size(); ++run) {
    const double speedup = first.step_s[run] / timed.step_s[run];
    efficiencies.push_back(
        scaling == Scaling::kWeak ? speedup : speedup * first_ranks / group.ranks);
  }
  const Spread spread = SpreadOf(efficiencies);
  ScalingPoint point{.chips = group.ranks,
                     .step_s = SpreadOf(timed.step_s).median,
                     .efficiency = spread.median,
                     .efficiency_min = spread.min,
                     .efficiency_max = spread.max,
                     .parts = timed.parts};
  point.samples_per_s = static_cast<double>(group.batch) / point.step_s;
  return point;
}

ScalingRecord RecordOf(const BenchScalingOptions& options, Scaling scaling, Side side,
                       const Groups& groups) {
  ScalingRecord record{.mode = ScalingMode::kMeasured,
                       .scaling = scaling,
                       .model = options.preset.name,
                       .machine = DescribeHost(),
                       .batch = options.batch,
                       .precision = "f32",
                       .date = TodayAsIsoDate(),
                       .software = side == Side::kOurs ? "tatami over Open MPI"
                                                       : "PyTorch DDP over gloo"};
  if (side == Side::kOurs && options.emulated) {
    record.software += absl::StrCat(", emulating ", options.machine, " ",
                                    options.emulated->ToString());
  }
  const TimedGroup* first = nullptr;
  for (const int ranks : options.ranks) {
    RankGroup group = GroupOf(options, scaling, ranks);
    if (side == Side::kPytorch) group.mesh = {};
    const TimedGroup& timed = groups.at({side, group});
    if (first == nullptr) first = &timed;
    record.points.push_back(
        PointOf(scaling, group, timed, options.ranks.front(), *first));
  }
  return record;
}

}  // namespace

absl::StatusOr<std::vector<ScalingCurves>> BenchScaling(
    const BenchScalingOptions& options) {
  const bool has_peer = options.peer != BenchScalingOptions::Peer::kNone;
  if (has_peer) TATAMI_RETURN_IF_ERROR(CheckShares(options));
  Groups groups;
  TATAMI_RETURN_IF_ERROR(StartAll(options, groups));
  TATAMI_RETURN_IF_ERROR(RunAll(options, groups));
  std::vector<ScalingCurves> curves;
  for (const Scaling scaling : options.scalings) {
    ScalingCurves& both = curves.emplace_back();
    both.ours = RecordOf(options, scaling, Side::kOurs, groups);
    if (has_peer) both.peer = RecordOf(options, scaling, Side::kPytorch, groups);
  }
  return curves;
}

}  // namespace tatami
