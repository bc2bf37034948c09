// tatami bench collectives
#include "tools/bench/bench_collectives.h"

#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "absl/strings/str_format.h"
#include "core/error.h"
#include "core/machine.h"
#include "core/status_macros.h"
#include "tools/tatami/bench_measured_collectives.h"
#include "tools/tatami/commands.h"
#include "tools/tatami/dead_flag.h"
#include "tools/tatami/parse_failure.h"

namespace tatami {
namespace {

struct BenchCollectivesFlags {
  std::string machine = "d1_die", grid, dead, bytes, against = "bounds";
  int np = 2, runs = 7;
  int64_t random_dead = 0;
  uint64_t seed = 1;
  bool json = false;
};

constexpr absl::string_view kModelledBytes = "64MiB";

absl::StatusOr<LiveMesh> LiveMeshOf(const BenchCollectivesFlags& flags,
                                    const Mesh& grid) {
  if (flags.random_dead == 0) return ReadDeadFlag(flags.dead, grid);
  if (flags.dead.empty()) return RandomDeadNodes(grid, flags.random_dead, flags.seed);
  return MakeError(ErrorCode::kBadFlag,
                   "--dead and --random_dead each give the whole map; use one of them");
}

double Us(double seconds) { return seconds * 1e6; }

// What --json says of one size; times in microseconds.
nlohmann::json ToJson(const CollectiveSizeResult& r) {
  nlohmann::json ways = nlohmann::json::array();
  for (const CollectiveTime& way : r.ways) {
    nlohmann::json object = {{"algorithm", way.plan.Name()},
                             {"chunks", way.plan.pipeline.chunks},
                             {"chunk_bytes", way.plan.pipeline.chunk_bytes},
                             {"modelled_us", Us(way.plan.pipeline.seconds)}};
    if (way.simulated_s) object["simulated_us"] = Us(*way.simulated_s);
    ways.push_back(std::move(object));
  }
  return {{"bytes", r.bytes},
          {"bound_us", Us(r.bounds.seconds())},
          {"capacity_us", Us(r.bounds.capacity_s)},
          {"degree_us", Us(r.bounds.degree_s)},
          {"bottleneck_us", Us(r.bounds.bottleneck_s)},
          {"latency_us", Us(r.bounds.latency_s)},
          {"ways", std::move(ways)}};
}

// The usual keys of `bench` are those of the cheapest all-reduce: ours is its simulated
// time, or the modelled one where there is no other, and peer the lower bound.
nlohmann::json ToJson(const CollectiveBenchResult& r, const LiveMesh& live) {
  const CollectiveTime& best = r.all_reduce.ways[0];
  const double ours = best.simulated_s.value_or(best.plan.pipeline.seconds);
  const double bound = r.all_reduce.bounds.seconds();
  nlohmann::json sweep = nlohmann::json::array(), ticks = sweep, row = sweep;
  for (const CollectiveSizeResult& size : r.sweep) sweep.push_back(ToJson(size));
  for (const ChunkTickResult& t : r.ticks) {
    ticks.push_back({{"chunks", t.chunks}, {"ticks", t.ticks}});
  }
  for (const RowCycles& c : r.row) {
    row.push_back({{"words", c.words},
                   {"star", c.star},
                   {"chain", c.chain},
                   {"binary", c.binary},
                   {"two_phase", c.two_phase},
                   {"best", c.best}});
  }
  return {{"name", "all-reduce"},
          {"ours", Us(ours)},
          {"peer", Us(bound)},
          {"ratio", bound == 0 ? 1 : ours / bound},
          {"unit", "us, simulated; peer is the lower bound"},
          {"runs", 1},
          {"map", live.ToString()},
          {"map_hash", absl::StrFormat("%016x", live.Hash())},
          {"live_nodes", r.live_nodes},
          {"live_links", r.live_links},
          {"logical_mesh", r.logical.ToString()},
          {"dilation_hops_max", r.dilation.hops_max},
          {"dilation_hops_total", r.dilation.hops_total},
          {"dilation_pairs", r.dilation.pairs},
          {"dilation_pairs_above_2", r.dilation.pairs_above_2},
          {"all_reduce", ToJson(r.all_reduce)},
          {"broadcast", ToJson(r.broadcast)},
          {"sizes", std::move(sweep)},
          {"reduce_scatter_us", Us(r.reduce_scatter_s)},
          {"reduce_scatter_bound_us", Us(r.reduce_scatter_bounds.seconds())},
          {"chunk_ticks", std::move(ticks)},
          {"row_cycles", std::move(row)}};
}

void PrintWays(const CollectiveSizeResult& r) {
  const double bound = r.bounds.seconds();
  std::cout << absl::StreamFormat("  %-16s %16s %12s %13s %9s\n", "algorithm",
                                  "chunks x bytes", "modelled us", "simulated us",
                                  "of bound");
  for (const CollectiveTime& way : r.ways) {
    const Pipeline& p = way.plan.pipeline;
    const double seconds = way.simulated_s.value_or(p.seconds);
    std::cout << absl::StreamFormat(
        "  %-16s %7d x %6d %12.3f %13s %9.3f\n", way.plan.Name(), p.chunks,
        p.chunk_bytes, Us(p.seconds),
        way.simulated_s ? absl::StrFormat("%.3f", Us(*way.simulated_s)) : "-",
        bound == 0 ? 1 : seconds / bound);
  }
}

void PrintSweep(const CollectiveBenchResult& r) {
  std::cout << absl::StreamFormat(
      "\nall-reduce by size, the cheapest by the model\n"
      "  %-8s %-16s %12s %13s %10s %9s\n",
      "bytes", "algorithm", "modelled us", "simulated us", "bound us", "of bound");
  std::vector<CollectiveSizeResult> sizes = r.sweep;
  sizes.push_back(r.all_reduce);
  for (const CollectiveSizeResult& size : sizes) {
    const CollectiveTime& way = size.ways[0];
    const double seconds = way.simulated_s.value_or(way.plan.pipeline.seconds);
    const double bound = size.bounds.seconds();
    std::cout << absl::StreamFormat("  %-8s %-16s %12.3f %13.3f %10.3f %9.3f\n",
                                    BytesText(size.bytes), way.plan.Name(),
                                    Us(way.plan.pipeline.seconds), Us(seconds),
                                    Us(bound), bound == 0 ? 1 : seconds / bound);
  }
}

void PrintTicksAndRow(const CollectiveBenchResult& r, const Mesh& grid) {
  std::cout << "\nall-reduce over 8 trees, one chunk a link and tick, no latency\n";
  for (const ChunkTickResult& t : r.ticks) {
    std::cout << absl::StreamFormat("  %4d chunks %5d ticks\n", t.chunks, t.ticks);
  }
  std::cout << absl::StreamFormat(
      "\nreduce along a row of %d whole nodes, modelled cycles\n"
      "  %6s %9s %9s %9s %9s %9s\n",
      grid.cols, "words", "star", "chain", "binary", "two-phase", "best");
  for (const RowCycles& c : r.row) {
    std::cout << absl::StreamFormat("  %6d %9.1f %9.1f %9.1f %9.1f %9.1f\n", c.words,
                                    c.star, c.chain, c.binary, c.two_phase, c.best);
  }
}

// The canonical text of a map, broken after commas to lines of 80 columns.
std::string Wrapped(absl::string_view map) {
  constexpr size_t kColumns = 78;
  std::string out;
  while (map.size() > kColumns) {
    // Between parts only: a comma inside of one has no bracket before it.
    const size_t cut = map.rfind("),", kColumns - 2) + 2;
    absl::StrAppend(&out, map.substr(0, cut), "\n  ");
    map.remove_prefix(cut);
  }
  return absl::StrCat(out, map);
}

void PrintResult(const CollectiveBenchResult& r, const LiveMesh& live,
                 const LinkModel& link, const std::string& machine) {
  std::cout << absl::StreamFormat(
      "%s\nmap %016x: %d live nodes, %d live links\n"
      "%s: %.0f GB/s each way, %.1f ns a hop\n"
      "largest logical mesh %s: neighbours %d hops apart at most, %.2f on average;\n"
      "%d of %d pairs more than 2\n",
      Wrapped(live.ToString()), live.Hash(), r.live_nodes, r.live_links, machine,
      link.bytes_per_s / 1e9, link.hop_s * 1e9, r.logical.ToString(),
      r.dilation.hops_max,
      static_cast<double>(r.dilation.hops_total) /
          static_cast<double>(std::max<int64_t>(1, r.dilation.pairs)),
      r.dilation.pairs_above_2, r.dilation.pairs);
  const CollectiveBounds& b = r.all_reduce.bounds;
  const std::string bytes = BytesText(r.all_reduce.bytes);
  std::cout << absl::StreamFormat(
      "\nall-reduce of %s: at least %.3f us\n"
      "  (capacity %.3f, degree %.3f, bottleneck %.3f, latency %.3f)\n",
      bytes, Us(b.seconds()), Us(b.capacity_s), Us(b.degree_s), Us(b.bottleneck_s),
      Us(b.latency_s));
  PrintWays(r.all_reduce);
  std::cout << absl::StreamFormat(
      "\nbroadcast of %s from the first live node: at "
      "least %.3f us\n",
      bytes, Us(r.broadcast.bounds.seconds()));
  PrintWays(r.broadcast);
  if (r.reduce_scatter_s > 0) {
    std::cout << absl::StreamFormat(
        "\nreduce-scatter or all-gather of %s, two-colour X-Y: %.3f us modelled, at\n"
        "least %.3f us\n",
        bytes, Us(r.reduce_scatter_s), Us(r.reduce_scatter_bounds.seconds()));
  }
  PrintSweep(r);
  PrintTicksAndRow(r, live.grid());
}

absl::Status RunModelled(const BenchCollectivesFlags& flags) {
  TATAMI_ASSIGN_OR_RETURN(const MachineSpec machine, LoadMachine(flags.machine));
  const Mesh die = {machine.die_nodes.rows, machine.die_nodes.cols};
  Mesh grid = die;
  if (!flags.grid.empty()) {
    TATAMI_ASSIGN_OR_RETURN(grid, ParseMesh(flags.grid));
  }
  // Links between dies have other rates, which these algorithms do not tell apart.
  if (!machine.any_rectangle && (grid.rows > die.rows || grid.cols > die.cols)) {
    return MakeError(
        ErrorCode::kMeshTooLarge,
        absl::StrCat("--grid ", grid.ToString(), " is larger than a die of ",
                     machine.name, ", ", die.ToString(),
                     "; collectives are timed on links of one rate, inside "
                     "a die. Give a grid up to ",
                     die.ToString(), "."));
  }
  TATAMI_ASSIGN_OR_RETURN(
      const int64_t bytes,
      ParseBytes(flags.bytes.empty() ? kModelledBytes : flags.bytes));
  TATAMI_ASSIGN_OR_RETURN(const LiveMesh live, LiveMeshOf(flags, grid));
  const LinkModel link{.bytes_per_s = machine.link_bytes_per_s,
                       .hop_s = machine.hop_ns * 1e-9,
                       .packet_bytes = machine.packet_bytes};
  TATAMI_ASSIGN_OR_RETURN(const CollectiveBenchResult result,
                          BenchCollectives(live, link, bytes));
  PrintResult(result, live, link, machine.name);
  if (flags.json) std::cout << ToJson(result, live).dump() << std::endl;
  return absl::OkStatus();
}

absl::Status RunBenchCollectives(const BenchCollectivesFlags& flags,
                                 CommandOutcome& outcome) {
  if (flags.against == "bounds") return RunModelled(flags);
  return RunMeasuredCollectives(
      {.np = flags.np, .runs = flags.runs, .bytes = flags.bytes, .json = flags.json},
      outcome);
}

}  // namespace

void AddBenchCollectivesCommand(CLI::App& bench, CommandOutcome& outcome) {
  auto flags = std::make_shared<BenchCollectivesFlags>();
  CLI::App* command = bench.add_subcommand(
      "collectives",
      "modelled beside their lower bounds, or measured beside Open MPI's");
  command->footer(
      "Example:\n"
      "  tatami bench collectives --grid 18x20 --dead \"(3,7),(0,0)\" --bytes 64MiB\n"
      "  tatami bench collectives --against openmpi --np 2 --bytes 64KiB..16MiB");
  command
      ->add_option("--against", flags->against,
                   "bounds: modelled on a machine; openmpi: measured here, over ranks")
      ->check(CLI::IsMember({"bounds", "openmpi"}))
      ->capture_default_str();
  command->add_option("--np", flags->np, "ranks, with openmpi")->capture_default_str();
  command->add_option("--runs", flags->runs, "timed runs of each side, with openmpi")
      ->check(AtLeast(1))
      ->capture_default_str();
  command->add_option("--machine", flags->machine, "its link rate and hop latency")
      ->capture_default_str();
  command->add_option("--grid", flags->grid, "physical grid, RxC (default: one die)");
  command->add_option("--dead", flags->dead, kDeadHelp);
  command->add_option("--random_dead", flags->random_dead, "draw so many dead nodes");
  command->add_option("--seed", flags->seed, "of --random_dead")->capture_default_str();
  command->add_option("--bytes", flags->bytes,
                      "size of the tensor (64MiB); with openmpi a size or a range in "
                      "steps of 4 (64KiB..16MiB)");
  command->add_flag("--json", flags->json,
                    "the last line of output is one JSON object");
  command->callback(
      [flags, &outcome] { outcome.status = RunBenchCollectives(*flags, outcome); });
}

}  // namespace tatami
