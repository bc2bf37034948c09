// What a choice costs on a machine, in nanoseconds and bytes of one node. Analytic:
// times are modelled, not measured.
#pragma once

#include "compiler/lower/placement.h"
#include "core/embedding.h"
#include "core/machine.h"

namespace tatami {

// The machine as it looks from a mesh laid on a damaged grid. All links are as slow as
// the one that most logical links share, all hops as far as the longest path: exchanges
// use most links at once and end with the last byte.
MachineSpec WithDilation(MachineSpec machine, const Dilation& dilation);

class CostModel {
 public:
  CostModel(const MachineSpec& machine, const Mesh& mesh);

  // Time of one node with the largest part: the slower of arithmetic and SRAM traffic.
  double ComputeNs(const OpCall& call, const IndexRule& rule,
                   const CallPlacement& placement) const;
  // Time to bring every node what it needs; 0 when each node has it already.
  double TransferNs(const Placement& held, const Placement& need, DType dtype) const;
  // Time to combine partial terms.
  double ResolveNs(const Placement& made, const Placement& held, DType dtype) const;
  // Time to bring every node's part of a tensor to the node with the same place in
  // another stage, so many rows and columns away.
  double LandNs(const Placement& held, DType dtype, NodeCoord away) const;
  // The same of a tensor spread evenly, to a stage beside this one.
  double LandNs(const TensorType& type) const;
  // SRAM of the node with the largest part.
  int64_t BytesOf(const Placement& placement, DType dtype) const;
  // The same, as offsets are packed.
  int64_t PackedBytes(const Placement& placement, DType dtype) const;
  // Time of the uncut call's arithmetic on one node.
  double WholeNs(const OpCall& call) const;
  // Time to bring bytes to a node over one link; 0 for none.
  double LinkNs(double bytes) const;

  const Mesh& mesh() const { return mesh_; }
  int64_t sram_bytes() const { return sram_bytes_; }

 private:
  double ExchangeNs(const Placement& held, const Placement& need, DType dtype) const;
  double SumNs(const Placement& from, const Placement& to, const AxisList& resolve,
               DType dtype) const;
  double Contention(const AxisList& moving, const AxisList& wanted) const;
  double LinesPerLink(const AxisList& moving, MeshAxis axis) const;
  double ArithmeticNs(const OpCall& call, const Box& factors) const;

  Mesh mesh_;
  int64_t sram_bytes_;
  double matrix_flops_per_ns_, vector_flops_per_ns_, sram_bytes_per_ns_,
      link_bytes_per_ns_;
  double hop_ns_;
  double alpha_ns_;                 // start of an exchange: hops, barrier
  std::vector<NodeCoord> samples_;  // nodes whose transfers stand for all
};

}  // namespace tatami
