// Loads of many straight stretches of links, summed up once at the end.
#pragma once

#include "core/sharding.h"

namespace tatami {

// Keeps what begins and what ends at each link, so that a stretch of any length costs
// two additions.
class LinkChanges {
 public:
  explicit LinkChanges(const Mesh& mesh) : mesh_(mesh), changes_(mesh) {}

  // `bytes` over the links from a node to another of its row or of its column.
  void AddAlongRow(NodeCoord from, int64_t to_col, int64_t bytes) {
    Add(from, {from.row, to_col},
        to_col > from.col ? LinkBytes::kEast : LinkBytes::kWest, bytes);
  }
  void AddAlongColumn(NodeCoord from, int64_t to_row, int64_t bytes) {
    Add(from, {to_row, from.col},
        to_row > from.row ? LinkBytes::kSouth : LinkBytes::kNorth, bytes);
  }
  // Adds the loads of all stretches.
  void SumInto(LinkBytes& links) const;

 private:
  void Add(NodeCoord begin, NodeCoord end, LinkBytes::Direction direction,
           int64_t bytes) {
    changes_.raw()[NodeIndex(begin, mesh_) * 4 + direction] += bytes;
    changes_.raw()[NodeIndex(end, mesh_) * 4 + direction] -= bytes;
  }

  Mesh mesh_;
  LinkBytes changes_;
};

}  // namespace tatami
