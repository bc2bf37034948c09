// The links of a mesh on a machine: which are inside a die, which cross the edge of a
// die or of a tile, what each kind carries and how long its way is.
//
// The lanes of an edge are shared out evenly among the links that cross it: 144 lanes
// of a D1 edge are 8 for each of 18 rows. A link inside a die has its own wires.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "core/link_loads.h"
#include "core/machine.h"

namespace tatami {

enum LinkKind : uint8_t { kMeshLink, kDieEdgeX, kDieEdgeY, kTileEdgeX, kTileEdgeY };
constexpr int kLinkKinds = 5;
absl::string_view LinkKindName(int kind);  // "mesh link", "die edge (east-west)"

struct MeshLinks {
  // Of the links that leave a row southwards, or northwards from the next; of those
  // that leave a column eastwards, or westwards from the next.
  MeshKinds kinds;
  MeshDistances distances;
  std::array<double, kLinkKinds> bytes_per_ns{};  // of one link, pacing not counted
  std::array<double, kLinkKinds> crossing_ns{};   // of one link, the hop included

  // `mesh` begins at a corner of a die. The mesh is the physical grid where parts of
  // the machine are dead, and else its logical one.
  static MeshLinks Of(const MachineSpec& machine, const Mesh& mesh, const Mesh& die);
  // The links of a rectangle of the mesh, its first node at (0,0).
  MeshLinks Within(const MeshBlock& block) const;
};

}  // namespace tatami
