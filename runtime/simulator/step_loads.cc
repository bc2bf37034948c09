#include "runtime/simulator/step_loads.h"

#include <set>

#include "absl/container/flat_hash_map.h"
#include "runtime/simulator/stage_loads.h"

namespace tatami {
namespace {

bool CutUnevenly(const DimPlacement& factor) {
  return factor.factor_size % Parts(factor.axes) != 0;
}

// The ways in which the parts of a superstep's computes combine on one node. Factors
// that are cut into equal parts are alike everywhere; of the others, what rows and
// columns decide is found apart.
class PartsOfNodes {
 public:
  PartsOfNodes(const std::vector<ComputeOp>& computes, const Mesh& mesh) : mesh_(mesh) {
    for (const ComputeOp& compute : computes) {
      for (const DimPlacement& factor : compute.factors) {
        if (CutUnevenly(factor)) uneven_.push_back(&factor);
      }
    }
  }

  std::vector<std::vector<Dims>> Of(const std::vector<ComputeOp>& computes) const {
    std::vector<std::vector<Dims>> out;
    std::set<Dims> seen;
    const std::vector<int64_t> rows = Distinct(MeshAxis::kY);
    const std::vector<int64_t> cols = Distinct(MeshAxis::kX);
    for (const int64_t r : rows) {
      for (const int64_t c : cols) {
        Dims sizes;
        for (const DimPlacement* factor : uneven_) {
          sizes.push_back(factor->FactorAt({r, c}, mesh_).size());
        }
        if (!seen.insert(sizes).second) continue;
        out.emplace_back();
        for (const ComputeOp& compute : computes) {
          Dims extents;
          for (const DimPlacement& factor : compute.factors) {
            extents.push_back(factor.FactorAt({r, c}, mesh_).size());
          }
          out.back().push_back(std::move(extents));
        }
      }
    }
    return out;
  }

 private:
  // A row, or column, for each that decides other sizes.
  std::vector<int64_t> Distinct(MeshAxis axis) const {
    std::vector<int64_t> out;
    std::set<Dims> seen;
    for (int64_t p = 0; p < AxisSize(mesh_, axis); ++p) {
      const NodeCoord node = axis == MeshAxis::kY ? NodeCoord{p, 0} : NodeCoord{0, p};
      Dims key;
      for (const DimPlacement* factor : uneven_) {
        const bool alone =
            std::all_of(factor->axes.begin(), factor->axes.end(),
                        [&](const auto& ref) { return ref.axis == axis; });
        // What both axes decide depends on which part it is.
        key.push_back(alone ? factor->FactorAt(node, mesh_).size()
                            : PartOf(factor->axes, node, mesh_));
      }
      if (seen.insert(std::move(key)).second) out.push_back(p);
    }
    return out;
  }

  const Mesh mesh_;
  std::vector<const DimPlacement*> uneven_;
};

class Reader {
 public:
  Reader(const Program& program, const MachineSpec& machine, NodeClasses classes)
      : program_(program), classes_(classes) {
    // A map of dead parts is of the grid with all its spares.
    const Grid& die = program.site ? machine.die_nodes : machine.die_logical_nodes;
    out_.links = MeshLinks::Of(machine, program.grid(), {die.rows, die.cols});
  }

  StepLoads Run() {
    for (const Superstep& superstep : program_.supersteps) {
      SuperstepLoads& loads = out_.supersteps.emplace_back();
      loads.exchanges = !superstep.exchanges.empty();
      if (loads.exchanges) loads.exchange = Exchanged(superstep.exchanges);
      AddParts(superstep.computes, loads.parts);
      for (const ComputeOp& compute : superstep.computes) CountFlops(compute);
    }
    for (const ProgramFeed& feed : program_.feeds) {
      const size_t s = std::min<size_t>(feed.superstep, out_.supersteps.size() - 1);
      out_.supersteps[s].fed_bytes += program_.buffers[feed.buffer].type.bytes();
    }
    out_.distinct_exchanges = static_cast<int64_t>(known_.size());
    return std::move(out_);
  }

 private:
  // Stages compute at once: the computes of others are none of a node's.
  void AddParts(const std::vector<ComputeOp>& computes,
                std::vector<std::vector<std::optional<Dims>>>& parts) const {
    const Mesh mesh = program_.stage_mesh();
    for (int stage = 0; stage < program_.stage_grid().count(); ++stage) {
      std::vector<ComputeOp> own;
      std::vector<size_t> places;
      for (size_t c = 0; c < computes.size(); ++c) {
        if (program_.buffers[computes[c].out].stage != stage) continue;
        own.push_back(computes[c]);
        places.push_back(c);
      }
      if (own.empty()) continue;
      for (std::vector<Dims>& extents : PartsOfNodes(own, mesh).Of(own)) {
        std::vector<std::optional<Dims>>& all = parts.emplace_back(computes.size());
        for (size_t i = 0; i < places.size(); ++i) {
          all[places[i]] = std::move(extents[i]);
        }
      }
    }
  }

  // Equal blocks of a network exchange alike.
  PhaseLoads Exchanged(const std::vector<ExchangeOp>& ops) {
    if (program_.HasStages()) {
      return LoadsOfStages(program_, ops, out_.links, classes_);
    }
    std::vector<Exchange> exchanges;
    for (const ExchangeOp& op : ops) exchanges.push_back(ExchangeOf(program_, op));
    const auto found = known_.find(exchanges);
    if (found != known_.end()) return found->second;
    const MeshSite* site = program_.site ? &*program_.site : nullptr;
    const PhaseLoads loads =
        LoadsOf(exchanges, program_.mesh, out_.links, site, classes_);
    known_.emplace(std::move(exchanges), loads);
    return loads;
  }

  void CountFlops(const ComputeOp& compute) {
    const OpCall& call = *program_.calls[compute.call].call;
    const OpCost cost = (*call.op->cost)(call, (*call.op->rule)(call).WholeFactors());
    out_.matrix_flops += cost.matrix_flops;
    out_.vector_flops += cost.vector_flops;
  }

  const Program& program_;
  const NodeClasses classes_;
  StepLoads out_;
  absl::flat_hash_map<std::vector<Exchange>, PhaseLoads> known_;
};

}  // namespace

StepLoads LoadsOfStep(const Program& program, const MachineSpec& machine,
                      NodeClasses classes) {
  return Reader(program, machine, classes).Run();
}

}  // namespace tatami
