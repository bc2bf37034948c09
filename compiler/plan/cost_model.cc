#include "compiler/plan/cost_model.h"

#include <algorithm>
#include <cstdlib>

#include "absl/algorithm/container.h"
#include "core/line_sum.h"
#include "core/program.h"

namespace tatami {
namespace {

// Hops' worth of time in which a node passes a sum on with its own term added: 2 T_R +
// 1 cycles with T_R = 2 of Luczynski et al. (compiler/collective/row_reduce.h).
constexpr double kCyclesToAdd = 5;

// The largest part of a floor split.
int64_t LargestPart(int64_t size, int64_t parts) { return (size + parts - 1) / parts; }

}  // namespace

MachineSpec WithDilation(MachineSpec machine, const Dilation& dilation) {
  machine.link_bytes_per_s /=
      static_cast<double>(std::max<int64_t>(1, dilation.links_sharing_max));
  machine.hop_ns *= static_cast<double>(std::max<int64_t>(1, dilation.hops_max));
  return machine;
}

CostModel::CostModel(const MachineSpec& machine, const Mesh& mesh)
    : mesh_(mesh),
      sram_bytes_(machine.sram_bytes),
      matrix_flops_per_ns_(machine.matrix_flops_per_s * 1e-9),
      vector_flops_per_ns_(machine.vector_flops_per_s * 1e-9),
      sram_bytes_per_ns_(SramLoadBytesPerS(machine) * 1e-9),
      link_bytes_per_ns_(machine.link_bytes_per_s * 1e-9),
      hop_ns_(machine.hop_ns),
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
  // f32 runs on the vector unit; the matrix unit takes narrower operands, and adds
  // their products up in f32 whatever the result is stored in.
  const bool wide = absl::c_any_of(
      call.in, [](const TensorType& type) { return type.dtype == DType::kF32; });
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

// How much longer the copies of an exchange take than its busiest node's bytes over one
// link, when senders differ in the digits `moving` and receivers want parts that differ
// in the digits `wanted`. What all want passes each link once, so the link to the last
// node of a line carries just what that node gets. Of q different parts, half are
// wanted beyond the middle of the line, from each of the half of senders before it: q /
// 4 of what a node gets. Lines whose nodes lie apart share their links with those
// between.
double CostModel::Contention(const AxisList& moving, const AxisList& wanted) const {
  double most = 1;
  for (const MeshAxis axis : {MeshAxis::kY, MeshAxis::kX}) {
    int64_t parts = 1;
    for (const AxisRef& ref : wanted) {
      const bool varies = std::any_of(moving.begin(), moving.end(), [&](const auto& m) {
        return ShareADigit(m, ref);
      });
      if (varies && ref.axis == axis) parts *= ref.size;
    }
    most = std::max(most, LinesPerLink(moving, axis) *
                              std::max(1.0, static_cast<double>(parts) / 4));
  }
  return most;
}

// How many lines of nodes that differ in the digits `moving` share a link of the axis.
double CostModel::LinesPerLink(const AxisList& moving, MeshAxis axis) const {
  int64_t span = 1, nodes = 1;
  for (const AxisRef& ref : moving) {
    if (ref.axis != axis) continue;
    span = std::max(span, AxisSize(mesh_, axis) / ref.pre);
    nodes *= ref.size;
  }
  return std::max(1.0, static_cast<double>(span) / static_cast<double>(nodes));
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
  AxisList moving, wanted;
  for (size_t d = 0; d < held.dims.size(); ++d) {
    const AxisList &from = held.dims[d].axes, &to = need.dims[d].axes;
    const auto same = std::mismatch(from.begin(), from.end(), to.begin(), to.end());
    moving.insert(moving.end(), same.first, from.end());
    wanted.insert(wanted.end(), same.second, to.end());
  }
  // A copy within the node still crosses its SRAM port once.
  return LinkNs(static_cast<double>(worst * ByteSize(dtype)) *
                Contention(moving, wanted)) +
         static_cast<double>(BytesOf(need, dtype)) / sram_bytes_per_ns_;
}

double CostModel::ResolveNs(const Placement& made, const Placement& held,
                            DType dtype) const {
  double ns = 0;
  Placement from = made;
  for (const ResolvePhase& phase : ResolvePhases(made, held)) {
    ns += SumNs(from, phase.to, phase.resolve, dtype);
    from = phase.to;
  }
  return ns;
}

// Along a line, the link next to its end carries each part that is wanted beyond it
// once. Terms that cannot be combined on their way all arrive, and the middle of the
// line carries a quarter of all pairs.
double CostModel::SumNs(const Placement& from, const Placement& to,
                        const AxisList& resolve, DType dtype) const {
  const auto bytes = static_cast<double>(BytesOf(to, dtype));
  const auto terms = static_cast<double>(Parts(resolve));
  const double lines = LinesPerLink(resolve, resolve[0].axis);
  if (!SumsAlongLine(from, to, resolve)) {
    return LinkNs(bytes * (terms - 1) * std::max(1.0, lines * terms / 4));
  }
  double parts = 1;
  for (size_t d = 0; d < to.dims.size(); ++d) {
    const AxisList& fine = to.dims[d].axes;
    for (size_t i = from.dims[d].axes.size(); i < fine.size(); ++i) {
      const bool varies =
          std::any_of(resolve.begin(), resolve.end(),
                      [&](const auto& r) { return ShareADigit(r, fine[i]); });
      if (varies) parts *= static_cast<double>(fine[i].size);
    }
  }
  const double passing = parts < terms ? parts : terms - 1;
  return LinkNs(bytes * passing * lines) + terms / 2 * kCyclesToAdd * hop_ns_;
}

// All nodes of a line send at once, each over as many links as the way is long, so a
// link carries the parts of all that are less than the way behind it.
double CostModel::LandNs(const Placement& held, DType dtype, NodeCoord away) const {
  const int64_t rows = std::abs(away.row), cols = std::abs(away.col);
  const int64_t passing =
      std::max({int64_t{1}, std::min(rows, mesh_.rows), std::min(cols, mesh_.cols)});
  return LinkNs(static_cast<double>(BytesOf(held, dtype) * passing)) +
         static_cast<double>(rows + cols) * hop_ns_;
}

double CostModel::LandNs(const TensorType& type) const {
  const int64_t side = std::max(mesh_.rows, mesh_.cols);
  return LinkNs(static_cast<double>(type.bytes() * side) /
                static_cast<double>(mesh_.nodes())) +
         static_cast<double>(side) * hop_ns_;
}

int64_t CostModel::PackedBytes(const Placement& placement, DType dtype) const {
  const int64_t bytes = BytesOf(placement, dtype);
  return (bytes + kSramAlignment - 1) / kSramAlignment * kSramAlignment;
}

int64_t CostModel::BytesOf(const Placement& placement, DType dtype) const {
  return LargestPartBytes(placement, dtype);
}

}  // namespace tatami
