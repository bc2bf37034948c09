// tatami bench network
#include "tools/bench/bench_network.h"

#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "absl/strings/str_format.h"
#include "core/status_macros.h"
#include "runtime/simulator/booksim_figures.h"
#include "tools/tatami/commands.h"

namespace tatami {
namespace {

struct BenchNetworkFlags {
  std::string mesh = "8x8";
  int32_t packet_flits = 1;
  bool json = false;
};

nlohmann::json OrNull(const std::optional<double>& figure) {
  return figure ? nlohmann::json(*figure) : nlohmann::json();
}
std::string OrDash(const std::optional<double>& figure) {
  return figure ? absl::StrFormat("%.3f", *figure) : "-";
}

// The usual keys of `bench` are those of uniform traffic's saturation.
nlohmann::json ToJson(const NetworkBenchResult& r) {
  nlohmann::json patterns = nlohmann::json::array();
  for (const NetworkPatternResult& p : r.patterns) {
    patterns.push_back({{"pattern", std::string(PatternName(p.pattern))},
                        {"bound", p.bound},
                        {"saturation", p.saturation},
                        {"saturation_peer", OrNull(p.saturation_peer)},
                        {"unpaced_ratio", p.unpaced_ratio},
                        {"unpaced_ratio_peer", OrNull(p.unpaced_ratio_peer)},
                        {"paced_ratio", p.paced_ratio},
                        {"unpaced_efficiency", p.phase.unpaced.efficiency()},
                        {"paced_efficiency", p.phase.paced.efficiency()}});
  }
  const NetworkPatternResult& uniform = r.patterns[0];
  const std::optional<double>& peer = uniform.saturation_peer;
  return {{"name", "network " + r.mesh.ToString()},
          {"ours", uniform.saturation},
          {"peer", OrNull(peer)},
          {"ratio", peer ? nlohmann::json(uniform.saturation / *peer) : nullptr},
          {"unit", "flits a node and cycle, uniform; peer is BookSim2, published"},
          {"runs", 1},
          {"patterns", std::move(patterns)},
          {"node_cycles_per_s", r.node_cycles_per_s},
          {"node_cycles_per_s_peer",
           {kBookSimNodeCyclesPerS[0], kBookSimNodeCyclesPerS[1]}}};
}

void PrintResult(const NetworkBenchResult& r) {
  const RouterSpec spec;
  std::cout << absl::StreamFormat(
      "%s, routers of %d virtual channels x %d flits, X-Y; BookSim2's figures in (),\n"
      "published. Loads in flits a node and cycle. A phase: %d flits a node, its time\n"
      "in that of the busiest link; what it attains of that link's rate.\n\n"
      "%-15s %6s  %-19s %-19s %7s  %-15s\n%-15s %6s  %-19s %-19s %7s  %-15s\n",
      r.mesh.ToString(), spec.virtual_channels, spec.buffer_flits, kPhaseFlits, "", "",
      "saturation", "unpaced phase", "paced", "attained", "pattern", "bound",
      "(of the bound)", "", "phase", "unpaced / paced");
  for (const NetworkPatternResult& p : r.patterns) {
    std::cout << absl::StreamFormat(
        "%-15s %6.3f  %.3f (%s) %3.0f%%  %.3f (%s) %13.3f  %.3f / %.3f\n",
        PatternName(p.pattern), p.bound, p.saturation,
        absl::StrFormat("%5s", OrDash(p.saturation_peer)), 100 * p.saturation / p.bound,
        p.unpaced_ratio, absl::StrFormat("%5s", OrDash(p.unpaced_ratio_peer)),
        p.paced_ratio, p.phase.unpaced.efficiency(), p.phase.paced.efficiency());
  }
  std::cout << absl::StreamFormat(
      "\n%.1f million node-cycles a second on one core; BookSim2 %.2f to %.2f "
      "million\n",
      r.node_cycles_per_s / 1e6, kBookSimNodeCyclesPerS[0] / 1e6,
      kBookSimNodeCyclesPerS[1] / 1e6);
}

absl::Status RunBenchNetwork(const BenchNetworkFlags& flags) {
  TATAMI_ASSIGN_OR_RETURN(const Mesh mesh, ParseMesh(flags.mesh));
  TATAMI_ASSIGN_OR_RETURN(const NetworkBenchResult result,
                          BenchNetwork(mesh, flags.packet_flits));
  PrintResult(result);
  if (flags.json) std::cout << ToJson(result).dump() << std::endl;
  return absl::OkStatus();
}

}  // namespace

void AddBenchNetworkCommand(CLI::App& bench, CommandOutcome& outcome) {
  auto flags = std::make_shared<BenchNetworkFlags>();
  CLI::App* command = bench.add_subcommand(
      "network", "simulated wormhole routers beside BookSim2 and the busiest link");
  command->footer("Example:\n  tatami bench network --mesh 16x16");
  command->add_option("--mesh", flags->mesh, "nodes, RxC")->capture_default_str();
  command->add_option("--packet_flits", flags->packet_flits, "of the phases' packets")
      ->capture_default_str();
  command->add_flag("--json", flags->json,
                    "the last line of output is one JSON object");
  command->callback([flags, &outcome] { outcome.status = RunBenchNetwork(*flags); });
}

}  // namespace tatami
