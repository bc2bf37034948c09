// tatami bench schedule
#include "tools/bench/bench_schedule.h"

#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "absl/strings/str_format.h"
#include "core/error.h"
#include "tools/tatami/commands.h"

namespace tatami {
namespace {

struct BenchScheduleFlags {
  int64_t seeds = 6;
  bool json = false;
};

// What the service does by default: the object's own keys.
constexpr char kPlain[] = "EASY, most contact";

nlohmann::json ToJson(const ScheduleBenchResult& r) {
  nlohmann::json uses = nlohmann::json::array();
  nlohmann::json object;
  for (const ScheduleUse& u : r.uses) {
    uses.push_back({{"name", u.policy},
                    {"sizes", u.sizes},
                    {"ours", u.use},
                    {"ours_min", u.use_min},
                    {"ours_max", u.use_max},
                    {"peer", u.use_peer},
                    {"ratio", u.use / u.use_peer},
                    {"unit", "busy share of nodes"},
                    {"runs", r.seeds},
                    {"moves", u.moves}});
    if (u.policy == kPlain && object.is_null()) object = uses.back();
  }
  nlohmann::json times = nlohmann::json::array();
  for (const DecisionTime& t : r.times) {
    times.push_back({{"mesh", t.mesh},
                     {"pending", t.pending},
                     {"running", t.running},
                     {"calls", t.calls},
                     {"seconds_median", t.seconds_median},
                     {"seconds_max", t.seconds_max}});
  }
  object["policies"] = std::move(uses);
  object["decisions"] = std::move(times);
  return object;
}

void PrintResult(const ScheduleBenchResult& r) {
  std::cout << absl::StreamFormat(
      "400 jobs on 16x16 nodes: share of node time busy until the queue is empty,\n"
      "mean of %d seeds (least and most). Earlier: another simulation of such a "
      "trace.\n\n"
      "%-14s %-26s %5s  %-12s %9s %6s\n",
      r.seeds, "sides", "policy", "use", "(spread)", "earlier", "moves");
  for (const ScheduleUse& u : r.uses) {
    std::cout << absl::StreamFormat("%-14s %-26s %5.3f  (%.2f-%.2f) %11.2f %6.1f\n",
                                    u.sizes, u.policy, u.use, u.use_min, u.use_max,
                                    u.use_peer, u.moves);
  }
  std::cout << "\n";
  for (const DecisionTime& t : r.times) {
    std::cout << absl::StreamFormat(
        "%d waiting, %d running on %s: a decision takes %.1f ms (median of %d, at most "
        "%.1f)\n",
        t.pending, t.running, t.mesh, t.seconds_median * 1e3, t.calls,
        t.seconds_max * 1e3);
  }
}

absl::Status RunBenchSchedule(const BenchScheduleFlags& flags) {
  if (flags.seeds < 1) {
    return MakeError(ErrorCode::kBadFlag, "--seeds must be at least 1");
  }
  const ScheduleBenchResult result = BenchSchedule(flags.seeds);
  PrintResult(result);
  if (flags.json) std::cout << ToJson(result).dump() << std::endl;
  return absl::OkStatus();
}

}  // namespace

void AddBenchScheduleCommand(CLI::App& bench, CommandOutcome& outcome) {
  auto flags = std::make_shared<BenchScheduleFlags>();
  CLI::App* command = bench.add_subcommand(
      "schedule", "how busy the job scheduler keeps a mesh, by policy");
  command->footer("Example:\n  tatami bench schedule --seeds 6");
  command->add_option("--seeds", flags->seeds, "traces of each kind")
      ->capture_default_str();
  command->add_flag("--json", flags->json,
                    "the last line of output is one JSON object");
  command->callback([flags, &outcome] { outcome.status = RunBenchSchedule(*flags); });
}

}  // namespace tatami
