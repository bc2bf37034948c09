// What the exchanges of one superstep ask of the machine: whole numbers, from which
// times follow for any rates.
#pragma once

#include <array>
#include <cstdint>

#include "absl/types/span.h"
#include "core/embedding.h"
#include "core/exchange_blocks.h"
#include "runtime/simulator/mesh_links.h"

namespace tatami {

// How far a byte goes: links of each kind.
struct WayLinks {
  std::array<int64_t, kLinkKinds> links{};
};

struct PhaseLoads {
  std::array<int64_t, kLinkKinds> busiest{};  // bytes over one link of each kind
  std::array<int64_t, kLinkKinds> total{};    // over all of them together
  int64_t port_bytes = 0;    // into the SRAM of the node that gets most
  int64_t added = 0;         // elements, by the node that adds most
  int64_t copied_bytes = 0;  // within the SRAM of the node that copies most
  int64_t chain = 0;         // most terms added one after the other
  // The longest way along a row, and then the longest along a column; of sums, to where
  // they come together and out again.
  WayLinks way;
};

// How nodes are looked at. Both give the same loads.
enum class NodeClasses {
  kAlike,  // blocks of the mesh that do the same are looked at once
  kFlat,   // every node
};

// `site` is where the mesh lies on a damaged grid, else null; there every node is
// looked at, and `links` are those of the grid.
PhaseLoads LoadsOf(absl::Span<const Exchange> exchanges, const Mesh& mesh,
                   const MeshLinks& links, const MeshSite* site, NodeClasses classes);

// Counts, of `count` blocks like this one, what links carry into `loads`: the busiest
// of each kind, and all of them together. `bytes` has the block's first node at (0,0).
void CountLinks(const LinkBytes& bytes, const MeshBlock& block, int64_t count,
                const MeshLinks& links, PhaseLoads& loads);

}  // namespace tatami
