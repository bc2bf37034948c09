#include "compiler/plan/cost_model.h"

#include <algorithm>

#include "core/program.h"

namespace tatami {
namespace {

// The largest part of a floor split.
int64_t LargestPart(int64_t size, int64_t parts) { return (size + parts - 1) / parts; }

}  // namespace

CostModel::CostModel(const MachineSpec& machine, const Mesh& mesh)
    : mesh_(mesh),
      sram_bytes_(machine.sram_bytes),
      matrix_flops_per_ns_(machine.matrix_flops_per_s * 1e-9),
      vector_flops_per_ns_(machine.vector_flops_per_s * 1e-9),
      sram_bytes_per_ns_(SramLoadBytesPerS(machine) * 1e-9),
      link_bytes_per_ns_(machine.link_bytes_per_s * 1e-9),
      // Half the mesh's hops on average, and the same again for the barrier.
      alpha_ns_(machine.hop_ns * static_cast<double>(mesh.rows + mesh.cols)) {
  const int64_t rows[] = {0, mesh.rows / 2, mesh.rows - 1};
  const int64_t cols[] = {0, mesh.cols / 2, mesh.cols - 1};
  for (int i = 0; i < 3; ++i) {
    const NodeCoord node{rows[i], cols[i]};
    if (std::find(samples_.begin(), samples_.end(), node) == samples_.end()) {
      samples_.push_back(node);
    }
  }
}

double CostModel::ComputeNs(const OpCall& call, const IndexRule& rule,
                            const CallPlacement& placement) const {
  Box factors;
  for (size_t f = 0; f < rule.factors.size(); ++f) {
    const int64_t size = rule.factors[f].size;
    const int64_t part = LargestPart(size, Parts(placement.factor_axes[f]));
    factors.push_back({(size - part) / 2, (size - part) / 2 + part});
  }
  double bytes = static_cast<double>(BytesOf(placement.made, call.out.dtype));
  for (size_t i = 0; i < call.in.size(); ++i) {
    bytes += static_cast<double>(BytesOf(placement.needs[i], call.in[i].dtype));
  }
  return std::max(ArithmeticNs(call, factors), bytes / sram_bytes_per_ns_);
}

double CostModel::ArithmeticNs(const OpCall& call, const Box& factors) const {
  const OpCost cost = (*call.op->cost)(call, factors);
  // f32 runs on the vector unit; the matrix unit takes narrower operands.
  const bool wide = call.out.dtype == DType::kF32;
  const double matrix_rate = wide ? vector_flops_per_ns_ : matrix_flops_per_ns_;
  return static_cast<double>(cost.matrix_flops) / matrix_rate +
         static_cast<double>(cost.vector_flops) / vector_flops_per_ns_;
}

double CostModel::WholeNs(const OpCall& call) const {
  return ArithmeticNs(call, (*call.op->rule)(call).WholeFactors());
}

double CostModel::LinkNs(double bytes) const {
  return bytes <= 0 ? 0 : alpha_ns_ + bytes / link_bytes_per_ns_;
}

double CostModel::TransferNs(const Placement& held, const Placement& need,
                             DType dtype) const {
  if (held == need) return 0;
  if (const auto midway = GatherMidway(held, need)) {
    return ExchangeNs(held, *midway, dtype) + ExchangeNs(*midway, need, dtype);
  }
  return ExchangeNs(held, need, dtype);
}

// How much longer an exchange takes than its busiest node's bytes over one link, when
// sources and destinations differ in the digits `moving`. A digit of s values and
// stride t takes t * s / 3 hops on average; a node has two links along an axis, and the
// middle of a line carries 1.5 times the average: t * s / 4 in all. Both axes work at
// once.
double CostModel::Contention(const AxisList& moving) const {
  double along[2] = {1, 1};
  for (const AxisRef& ref : moving) {
    const auto span = static_cast<double>(AxisSize(mesh_, ref.axis) / ref.pre);
    double& most = along[static_cast<int>(ref.axis)];
    most = std::max(most, span / 4);
  }
  return std::max(along[0], along[1]);
}

double CostModel::ExchangeNs(const Placement& held, const Placement& need,
                             DType dtype) const {
  int64_t worst = 0;
  for (const NodeCoord node : samples_) {
    int64_t wanted = 1, own = 1;
    for (size_t d = 0; d < need.dims.size(); ++d) {
      const Interval want = need.dims[d].At(node, mesh_);
      wanted *= want.size();
      own *= Intersect(want, held.dims[d].At(node, mesh_)).size();
    }
    worst = std::max(worst, wanted - own);
  }
  // Digits that cut a dim alike on both sides stay where they are.
  AxisList moving;
  for (size_t d = 0; d < held.dims.size(); ++d) {
    const AxisList &from = held.dims[d].axes, &to = need.dims[d].axes;
    const auto same = std::mismatch(from.begin(), from.end(), to.begin(), to.end());
    moving.insert(moving.end(), same.first, from.end());
  }
  // A copy within the node still crosses its SRAM port once.
  return LinkNs(static_cast<double>(worst * ByteSize(dtype)) * Contention(moving)) +
         static_cast<double>(BytesOf(need, dtype)) / sram_bytes_per_ns_;
}

double CostModel::ResolveNs(const Placement& made, const Placement& held,
                            DType dtype) const {
  double ns = 0;
  for (const ResolvePhase& phase : ResolvePhases(made, held)) {
    const double bytes = static_cast<double>(BytesOf(phase.to, dtype));
    ns += LinkNs(bytes * static_cast<double>(Parts(phase.resolve) - 1) *
                 Contention(phase.resolve));
  }
  return ns;
}

int64_t CostModel::PackedBytes(const Placement& placement, DType dtype) const {
  const int64_t bytes = BytesOf(placement, dtype);
  return (bytes + kSramAlignment - 1) / kSramAlignment * kSramAlignment;
}

int64_t CostModel::BytesOf(const Placement& placement, DType dtype) const {
  return LargestPartBytes(placement, dtype);
}

}  // namespace tatami
