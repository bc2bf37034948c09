// Which part of a dim each node of a block holds: what PartOf and DimPlacement::At say,
// without divisions for every node.
#pragma once

#include <cstdint>
#include <vector>

#include "core/link_loads.h"
#include "core/sharding.h"

namespace tatami {

// The digits of a row and of a column add up to the part, so both are kept by place.
// O(rows + columns) to make, and at most O(nodes) of the block for the intervals.
class BlockParts {
 public:
  BlockParts(const DimPlacement& dim, const MeshBlock& block, const Mesh& mesh)
      : dim_(&dim), first_(block.first), parts_(Parts(dim.axes)) {
    for (int64_t r = block.first.row; r < block.row_end(); ++r) {
      of_row_.push_back(PartOf(dim.axes, {r, 0}, mesh));
    }
    for (int64_t c = block.first.col; c < block.col_end(); ++c) {
      of_col_.push_back(PartOf(dim.axes, {0, c}, mesh));
    }
    if (parts_ > block.size.nodes()) return;
    for (int64_t p = 0; p < parts_; ++p) intervals_.push_back(IntervalOf(p));
  }

  int64_t parts() const { return parts_; }
  // REQUIRES of both: the node is in the block.
  int64_t PartAt(NodeCoord node) const {
    return of_row_[node.row - first_.row] + of_col_[node.col - first_.col];
  }
  Interval At(NodeCoord node) const {
    const int64_t part = PartAt(node);
    return intervals_.empty() ? IntervalOf(part) : intervals_[part];
  }

 private:
  Interval IntervalOf(int64_t part) const {
    return dim_->map.Apply(FloorSplit(dim_->factor_size, parts_, part), dim_->dim_size);
  }

  const DimPlacement* dim_;
  NodeCoord first_;
  int64_t parts_;
  std::vector<int64_t> of_row_, of_col_;
  std::vector<Interval> intervals_;  // by part; empty where the block has fewer nodes
};

// By dim.
inline std::vector<BlockParts> PartsOfBlock(const Placement& placement,
                                            const MeshBlock& block, const Mesh& mesh) {
  std::vector<BlockParts> out;
  for (const DimPlacement& dim : placement.dims) out.emplace_back(dim, block, mesh);
  return out;
}

}  // namespace tatami
