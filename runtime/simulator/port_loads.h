// What an exchange brings into each node's SRAM and what nodes add up on the way.
#pragma once

#include <cstdint>
#include <vector>

#include "core/exchange_blocks.h"

namespace tatami {

// By node of a block (MeshBlock::Index).
struct PortLoads {
  explicit PortLoads(const MeshBlock& block)
      : block(block),
        bytes_in(block.size.nodes(), 0),
        added(block.size.nodes(), 0),
        copied(block.size.nodes(), 0) {}

  MeshBlock block;
  std::vector<int64_t> bytes_in;  // through the mesh's port into SRAM
  std::vector<int64_t> added;     // elements of terms added to others
  std::vector<int64_t> copied;    // bytes moved within the SRAM
  int64_t chain = 0;  // most terms that are added one after the other along a line
};

// A term that passes a node on its way to a root is added there: it comes in, and goes
// out again. REQUIRES: as AddExchangeLinks of core/exchange_links.h.
void AddPortLoads(const Exchange& exchange, const Mesh& mesh, PortLoads& loads);

}  // namespace tatami
