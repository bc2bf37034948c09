// Loads of the links of a part of the mesh, from many straight stretches, summed up
// once at the end.
#pragma once

#include <cstdint>
#include <vector>

#include "core/sharding.h"

namespace tatami {

// A rectangle of nodes.
struct MeshBlock {
  NodeCoord first;
  Mesh size;

  static MeshBlock Whole(const Mesh& mesh) { return {{0, 0}, mesh}; }
  int64_t row_end() const { return first.row + size.rows; }
  int64_t col_end() const { return first.col + size.cols; }
  // Of a node within the block, row by row.
  int64_t Index(NodeCoord node) const {
    return (node.row - first.row) * size.cols + node.col - first.col;
  }
};

// How long the way along an axis is, in picoseconds from place 0: whole numbers, so
// that equal ways are equally long wherever they begin.
struct MeshDistances {
  std::vector<int64_t> row_ps, col_ps;  // by row, by column
};

// Keeps what begins and what ends at each link, so that a stretch of any length costs
// two additions.
class LinkLoads {
 public:
  // `distances` may be null; then no way is measured.
  explicit LinkLoads(const MeshBlock& block, const MeshDistances* distances = nullptr)
      : block_(block),
        distances_(distances),
        changes_(block.size),
        passing_(block.size) {}

  const MeshBlock& block() const { return block_; }

  // `bytes` over the links from a node of the block to another of its row or of its
  // column.
  void AddAlongRow(NodeCoord from, int64_t to_col, int64_t bytes) {
    Add(from, {from.row, to_col},
        to_col > from.col ? LinkBytes::kEast : LinkBytes::kWest, bytes);
    MeasureRow(from.col, to_col);
  }
  void AddAlongColumn(NodeCoord from, int64_t to_row, int64_t bytes) {
    Add(from, {to_row, from.col},
        to_row > from.row ? LinkBytes::kSouth : LinkBytes::kNorth, bytes);
    MeasureColumn(from.row, to_row);
  }
  // The counts of the four links that leave the node.
  int64_t* Leaving(NodeCoord node) { return &passing_.raw()[block_.Index(node) * 4]; }
  // Something goes this way along a row or a column.
  void MeasureRow(int64_t from_col, int64_t to_col) {
    if (distances_ == nullptr) return;
    const auto& ps = distances_->col_ps;
    longest_row_ps_ = std::max(longest_row_ps_, std::abs(ps[to_col] - ps[from_col]));
  }
  void MeasureColumn(int64_t from_row, int64_t to_row) {
    if (distances_ == nullptr) return;
    const auto& ps = distances_->row_ps;
    longest_column_ps_ =
        std::max(longest_column_ps_, std::abs(ps[to_row] - ps[from_row]));
  }

  // By link of the block, its first node at (0,0).
  LinkBytes Sum() const;
  // The longest way along a row and the longest along a column, one after the other.
  int64_t longest_ps() const { return longest_row_ps_ + longest_column_ps_; }

 private:
  void Add(NodeCoord begin, NodeCoord end, LinkBytes::Direction direction,
           int64_t bytes) {
    changes_.raw()[block_.Index(begin) * 4 + direction] += bytes;
    changes_.raw()[block_.Index(end) * 4 + direction] -= bytes;
  }

  MeshBlock block_;
  const MeshDistances* distances_;
  LinkBytes changes_, passing_;
  int64_t longest_row_ps_ = 0, longest_column_ps_ = 0;
};

}  // namespace tatami
