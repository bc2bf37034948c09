// Loads of the links of a part of the mesh, from many straight stretches, summed up
// once at the end.
#pragma once

#include <cstdint>
#include <cstdlib>
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

// What a row or a column is besides what lies there, as the kind of links that leave
// it: by row, by column. Empty: all are alike.
struct MeshKinds {
  std::vector<int> row, col;
};

// How far places along an axis are from place 0, in picoseconds: whole numbers, so that
// equal ways are equally long wherever they begin.
struct MeshDistances {
  std::vector<int64_t> row_ps, col_ps;  // by row, by column
};

// A way along a row or a column, from place to place.
struct Stretch {
  int64_t from = 0, to = 0;
};

// What goes out again from where it came together goes after that.
enum class Leg { kIn, kOut };
constexpr int kLegs = 2;

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
  void AddAlongRow(NodeCoord from, int64_t to_col, int64_t bytes, Leg leg = Leg::kIn) {
    Add(from, {from.row, to_col},
        to_col > from.col ? LinkBytes::kEast : LinkBytes::kWest, bytes);
    MeasureRow(from.col, to_col, leg);
  }
  void AddAlongColumn(NodeCoord from, int64_t to_row, int64_t bytes,
                      Leg leg = Leg::kIn) {
    Add(from, {to_row, from.col},
        to_row > from.row ? LinkBytes::kSouth : LinkBytes::kNorth, bytes);
    MeasureColumn(from.row, to_row, leg);
  }
  // The counts of the four links that leave the node.
  int64_t* Leaving(NodeCoord node) { return &passing_.raw()[block_.Index(node) * 4]; }
  // Something goes this way along a row or a column.
  void MeasureRow(int64_t from_col, int64_t to_col, Leg leg = Leg::kIn) {
    if (distances_ == nullptr) return;
    Measure(from_col, to_col, distances_->col_ps, row_[static_cast<int>(leg)]);
  }
  void MeasureColumn(int64_t from_row, int64_t to_row, Leg leg = Leg::kIn) {
    if (distances_ == nullptr) return;
    Measure(from_row, to_row, distances_->row_ps, column_[static_cast<int>(leg)]);
  }

  // By link of the block, its first node at (0,0).
  LinkBytes Sum() const;
  // The longest that was measured.
  Stretch longest_along_row(Leg leg) const {
    return row_[static_cast<int>(leg)].stretch;
  }
  Stretch longest_along_column(Leg leg) const {
    return column_[static_cast<int>(leg)].stretch;
  }

 private:
  struct Longest {
    Stretch stretch;
    int64_t ps = 0;
  };
  static void Measure(int64_t from, int64_t to, const std::vector<int64_t>& place_ps,
                      Longest& longest) {
    const int64_t ps = std::abs(place_ps[to] - place_ps[from]);
    if (ps > longest.ps) longest = {{from, to}, ps};
  }
  void Add(NodeCoord begin, NodeCoord end, LinkBytes::Direction direction,
           int64_t bytes) {
    changes_.raw()[block_.Index(begin) * 4 + direction] += bytes;
    changes_.raw()[block_.Index(end) * 4 + direction] -= bytes;
  }

  MeshBlock block_;
  const MeshDistances* distances_;
  LinkBytes changes_, passing_;
  Longest row_[kLegs], column_[kLegs];
};

}  // namespace tatami
