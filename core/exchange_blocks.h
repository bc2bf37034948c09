// Rectangles of the mesh that exchanges stay within, and which of them are alike: what
// a million nodes do is worked out for a few.
//
// Two blocks are alike when their nodes hold and take the same intervals of every dim,
// counted from the block's first node, and the same kinds of links leave them. All that
// core/exchange_links.h counts is then the same, link by link.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "core/link_loads.h"
#include "core/sharding.h"

namespace tatami {

// As AddExchangeLinks takes it.
struct Exchange {
  Placement from, to;
  AxisList resolve;
  int64_t element_bytes = 0;

  friend bool operator==(const Exchange&, const Exchange&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const Exchange& e) {
    return H::combine(std::move(h), e.from, e.to, e.resolve, e.element_bytes);
  }
};

// The smallest block that each of the exchanges stays within; 1x1 where nothing moves.
Mesh BlockSize(absl::Span<const Exchange> exchanges, const Mesh& mesh);

struct AlikeBlocks {
  Mesh block;                             // size of each
  std::vector<int> row_group, col_group;  // by row and by column of blocks
  std::vector<std::vector<int>> kind;     // by row group and column group
  std::vector<MeshBlock> example;         // by kind
  std::vector<int64_t> count;             // by kind

  // Calls visit(block, kind) for every block.
  template <typename Visit>
  void ForEach(const Visit& visit) const {
    for (size_t r = 0; r < row_group.size(); ++r) {
      for (size_t c = 0; c < col_group.size(); ++c) {
        const NodeCoord first{static_cast<int64_t>(r) * block.rows,
                              static_cast<int64_t>(c) * block.cols};
        visit(MeshBlock{first, block}, kind[row_group[r]][col_group[c]]);
      }
    }
  }
};

// REQUIRES: `block` is a multiple of BlockSize(exchanges, mesh) and divides the mesh.
AlikeBlocks FindAlikeBlocks(absl::Span<const Exchange> exchanges, const Mesh& block,
                            const MeshKinds& kinds, const Mesh& mesh);

// Adds `times` the bytes that the exchange sends over each link of the mesh. Blocks
// that are alike are counted once.
void AddExchangeLinks(const Exchange& exchange, int64_t times, const Mesh& mesh,
                      LinkBytes& links);

}  // namespace tatami
