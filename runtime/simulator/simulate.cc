#include "runtime/simulator/simulate.h"

#include <algorithm>
#include <map>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "runtime/simulator/node_time.h"

namespace tatami {
namespace {

// Cycles in which a node passes a sum on with its own term added: 2 T_R + 1 with T_R =
// 2 of Luczynski et al. (compiler/collective/row_reduce.h).
constexpr double kCyclesToAdd = 5;

class Timer {
 public:
  Timer(const Program& program, const StepLoads& loads, const MachineSpec& machine)
      : program_(program), loads_(loads), machine_(machine) {
    // Rates may be others than those that the loads were read with.
    const Grid& die = program.site ? machine.die_nodes : machine.die_logical_nodes;
    links_ = MeshLinks::Of(machine, {1, 1}, {die.rows, die.cols});
    for (const ProgramCall& call : program.calls) {
      rules_.push_back((*call.call->op->rule)(*call.call));
    }
  }

  StepTime Run() {
    for (size_t s = 0; s < program_.supersteps.size(); ++s) {
      Add(ExchangeOf(loads_.supersteps[s]), s, PhaseKind::kExchange);
      Add(ComputeOf(static_cast<int>(s)), s, PhaseKind::kCompute);
    }
    for (const auto& [resource, ns] : total_) {
      if (ns > 0) out_.attribution.push_back({resource, ns});
    }
    std::stable_sort(out_.attribution.begin(), out_.attribution.end(),
                     [](const auto& a, const auto& b) { return a.ns > b.ns; });
    out_.flops = loads_.matrix_flops + loads_.vector_flops;
    const double peak =
        machine_.matrix_flops_per_s * static_cast<double>(program_.mesh.nodes());
    if (out_.step_ns > 0) {
      out_.utilization = static_cast<double>(out_.flops) / (out_.step_ns * 1e-9 * peak);
    }
    return std::move(out_);
  }

 private:
  void Add(PhaseTime phase, size_t superstep, PhaseKind kind) {
    for (const ResourceTime& part : phase.parts) {
      phase.ns += part.ns;
      total_[part.resource] += part.ns;
    }
    if (phase.ns <= 0) return;
    phase.superstep = static_cast<int>(superstep);
    phase.kind = kind;
    out_.step_ns += phase.ns;
    out_.bound_ns += phase.bound_ns;
    (kind == PhaseKind::kExchange ? out_.exchange_ns : out_.compute_ns) += phase.ns;
    out_.phases.push_back(std::move(phase));
  }

  // Loads over rates, in ns, of all resources of an exchange.
  std::vector<ResourceTime> Resources(const SuperstepLoads& superstep,
                                      double pacing) const {
    const PhaseLoads& loads = superstep.exchange;
    std::vector<ResourceTime> out;
    const auto add = [&](absl::string_view name, int64_t load, double per_ns) {
      if (load > 0)
        out.push_back({std::string(name), static_cast<double>(load) / per_ns});
    };
    for (int k = 0; k < kLinkKinds; ++k) {
      add(LinkKindName(k), loads.busiest[k], links_.bytes_per_ns[k] * pacing);
    }
    const double port =
        static_cast<double>(machine_.mesh_port_bytes) * machine_.clock_hz * 1e-9;
    add("mesh port", loads.port_bytes, port);
    // A multiply-add counts as two operations, and one is used.
    add("adders", loads.added, machine_.vector_flops_per_s / 2 * 1e-9);
    add("copies in SRAM", loads.copied_bytes, SramStoreBytesPerS(machine_) * 1e-9);
    const DramSpec& dram = machine_.dram;
    if (dram.cards > 0) {
      const double card = std::min(dram.card_bytes_per_s, dram.link_bytes_per_s);
      add("interface cards", superstep.fed_bytes,
          card * static_cast<double>(dram.cards) * 1e-9);
    }
    return out;
  }

  PhaseTime ExchangeOf(const SuperstepLoads& superstep) const {
    PhaseTime phase;
    std::vector<ResourceTime> resources = Resources(superstep, machine_.pacing);
    std::stable_sort(resources.begin(), resources.end(),
                     [](const auto& a, const auto& b) { return a.ns > b.ns; });
    if (!resources.empty()) {
      phase.parts.push_back(resources[0]);
      phase.binding = resources[0].resource;
      phase.slack_ns = resources[0].ns;
      if (resources.size() > 1) {
        phase.next = resources[1].resource;
        phase.slack_ns -= resources[1].ns;
      }
      for (const ResourceTime& r : Resources(superstep, 1)) {
        phase.bound_ns = std::max(phase.bound_ns, r.ns);
      }
    }
    if (!superstep.exchanges) return phase;
    phase.parts.push_back({"exchange start", machine_.superstep_start_ns});
    double way = 0;
    for (int k = 0; k < kLinkKinds; ++k) {
      way +=
          static_cast<double>(superstep.exchange.way.links[k]) * links_.crossing_ns[k];
    }
    phase.parts.push_back({"way", way});
    const double add_ns = kCyclesToAdd / machine_.clock_hz * 1e9;
    phase.parts.push_back(
        {"terms in a row", static_cast<double>(superstep.exchange.chain) * add_ns});
    return phase;
  }

  PhaseTime ComputeOf(int superstep) {
    PhaseTime slowest;
    double most = -1;
    const auto& computes = program_.supersteps[superstep].computes;
    for (const std::vector<std::optional<Dims>>& parts :
         loads_.supersteps[superstep].parts) {
      double unit_ns[kNodeUnits] = {};
      double total = 0;
      for (size_t c = 0; c < computes.size(); ++c) {
        if (!parts[c]) continue;
        const NodeTime time = TimeOf(computes[c].call, *parts[c]);
        const double start = std::min(time.ns, machine_.call_start_ns);
        unit_ns[kCallStart] += start;
        unit_ns[time.unit] += time.ns - start;
        total += time.ns;
      }
      if (total <= most) continue;
      most = total;
      slowest = {};
      for (int unit = 0; unit < kNodeUnits; ++unit) {
        if (unit_ns[unit] <= 0) continue;
        slowest.parts.push_back({std::string(NodeUnitName(unit)), unit_ns[unit]});
      }
      slowest.bound_ns = total - unit_ns[kCallStart];
    }
    if (!slowest.parts.empty()) {
      slowest.binding =
          std::max_element(slowest.parts.begin(), slowest.parts.end(),
                           [](const auto& a, const auto& b) { return a.ns < b.ns; })
              ->resource;
    }
    return slowest;
  }

  // Equal calls on equal parts take equally long.
  const NodeTime& TimeOf(int call, const Dims& extents) {
    const auto [it, added] = times_.try_emplace({call, extents});
    if (added) {
      it->second = TimeOfCall(*program_.calls[call].call, rules_[call],
                              MiddlePart(rules_[call], extents), machine_);
    }
    return it->second;
  }

  const Program& program_;
  const StepLoads& loads_;
  const MachineSpec& machine_;
  MeshLinks links_;
  std::vector<IndexRule> rules_;  // by call
  std::map<std::pair<int, Dims>, NodeTime> times_;
  std::map<std::string, double> total_;
  StepTime out_;
};

}  // namespace

StepTime TimeOfStep(const Program& program, const StepLoads& loads,
                    const MachineSpec& machine) {
  return Timer(program, loads, machine).Run();
}

}  // namespace tatami
