// tatami bench compare
#include <iostream>
#include <memory>
#include <set>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/error.h"
#include "core/status_macros.h"
#include "tools/bench/comparison.h"
#include "tools/bench/comparison_text.h"
#include "tools/tatami/commands.h"
#include "tools/tatami/write_file.h"

namespace tatami {
namespace {

struct BenchCompareFlags {
  std::vector<std::string> against, records, prices;
  std::string workload, svg, price_file, price_date;
  bool json = false;
};

// A file lists more chips than are shown; a flag that fits none of them is a mistake.
absl::Status CheckPricesAreUsed(absl::Span<const ChipPrice> prices,
                                const Comparison& comparison) {
  std::set<std::string> chips;
  for (const ComparedCurve& curve : comparison.curves) {
    for (const ComparedPoint& point : curve.points) chips.insert(point.chip);
  }
  for (const ChipPrice& price : prices) {
    const auto fits = [&](const std::string& chip) { return IsPriceOf(price, chip); };
    if (absl::c_any_of(chips, fits)) continue;
    return MakeError(ErrorCode::kBadFlag,
                     absl::StrCat("--price: '", price.chip,
                                  "' is none of the chips that are compared: ",
                                  absl::StrJoin(chips, ", "), "."));
  }
  return absl::OkStatus();
}

absl::StatusOr<Comparison> ComparisonFrom(const BenchCompareFlags& flags) {
  TATAMI_ASSIGN_OR_RETURN(const Baselines all, ParseBaselines(EmbeddedBaselines()));
  TATAMI_ASSIGN_OR_RETURN(const Baselines published,
                          SelectBaselines(all, flags.against, flags.workload));
  std::vector<ScalingRecord> records;
  for (const std::string& file : flags.records) {
    TATAMI_ASSIGN_OR_RETURN(const std::vector<ScalingRecord> of_file,
                            ReadScalingRecords(file));
    records.insert(records.end(), of_file.begin(), of_file.end());
  }
  TATAMI_ASSIGN_OR_RETURN(std::vector<ChipPrice> prices,
                          ParsePriceFlags(flags.prices, flags.price_date));
  if (!flags.price_file.empty()) {
    TATAMI_ASSIGN_OR_RETURN(prices, ReadPrices(flags.price_file));
  }
  Comparison comparison = Compare(published, records, prices);
  if (flags.price_file.empty()) {
    TATAMI_RETURN_IF_ERROR(CheckPricesAreUsed(prices, comparison));
  }
  return comparison;
}

absl::Status RunBenchCompare(const BenchCompareFlags& flags) {
  TATAMI_ASSIGN_OR_RETURN(const Comparison comparison, ComparisonFrom(flags));
  if (!flags.svg.empty()) {
    TATAMI_ASSIGN_OR_RETURN(const std::string svg, PlotSvg(EfficiencyPlot(comparison)));
    TATAMI_RETURN_IF_ERROR(WriteFile(flags.svg, svg));
  }
  std::cout << ToText(comparison) << std::flush;
  if (flags.json) std::cout << ToJson(comparison).dump() << std::endl;
  return absl::OkStatus();
}

}  // namespace

void AddBenchCompareCommand(CLI::App& bench, CommandOutcome& outcome) {
  auto flags = std::make_shared<BenchCompareFlags>();
  CLI::App* command = bench.add_subcommand(
      "compare", "how throughput grows with chips, beside published GPUs, IPUs, TPUs");
  command->footer(
      "Example:\n  tatami bench compare --against h100,a100,bow-ipu --workload "
      "resnet50 \\\n      --record scaling.json --svg scaling.svg --price h100=2.99 "
      "--price_date 2026-03");
  command->add_option("--against", flags->against, "chips, as in h100,a100,bow-ipu")
      ->delimiter(',')
      ->required();
  command->add_option("--workload", flags->workload,
                      "resnet50, retinanet, unet3d..; all that there are if left out");
  command
      ->add_option("--record", flags->records,
                   "curves of `bench scaling --out` or `bench gpu --out`; may be "
                   "given again")
      ->allow_extra_args(false);
  command->add_option("--svg", flags->svg, "file for a plot of the efficiencies");
  CLI::Option* price =
      command
          ->add_option("--price", flags->prices,
                       "CHIP=USD for an hour of one chip: adds samples per dollar")
          ->delimiter(',');
  command->add_option("--price_date", flags->price_date,
                      "when prices were so, 2026-03");
  command
      ->add_option("--prices", flags->price_file,
                   "file of prices, as data/baselines/prices.csv")
      ->excludes(price);
  command->add_flag("--json", flags->json,
                    "the last line of output is one JSON object");
  command->callback([flags, &outcome] { outcome.status = RunBenchCompare(*flags); });
}

}  // namespace tatami
