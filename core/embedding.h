// Where a logical mesh lies on a physical one that has dead parts.
//
// A logical row is a physical row that skips its dead nodes, so columns shift to the
// right as the row goes on; or, turned by 90 degrees, a logical column is a physical
// column and rows shift down. What this guarantees, for every map and every logical
// mesh r x c:
//   1. It is found whenever r physical rows have c live nodes each, or c physical
//      columns have r live nodes each; otherwise the error names the largest mesh that
//      can be had. (Other injective maps may host more; they are not looked for.)
//   2. Each logical node has a live physical node of its own.
//   3. Along a logical row physical columns never decrease, along a logical column
//      physical rows never decrease.
// How far apart logical neighbours end up is measured, not guaranteed: a row that jumps
// over its dead node needs 4 hops around it. A local search then bends rows and
// columns around such places into spare nodes, until no pair of neighbours is more than
// 2 hops apart or its effort is spent; DilationOf tells which. On 18x20 one dead node
// anywhere and 17 of 20 draws of six end within 2 hops; draws of 18 keep some 4 pairs
// of 580 that are further apart (embedding_test).
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "core/live_mesh.h"
#include "core/sharding.h"

namespace tatami {

struct Embedding {
  Mesh logical;
  std::vector<NodeCoord> physical;  // by logical NodeIndex

  NodeCoord At(NodeCoord logical_node) const {
    return physical[NodeIndex(logical_node, logical)];
  }
};

// A damaged grid and the mesh that lies on it. The link between two logical neighbours
// is the path live.Route(At(one), At(other)); there and back may be two paths.
struct MeshSite {
  LiveMesh live;
  Embedding embedding;

  NodeCoord At(NodeCoord logical_node) const { return embedding.At(logical_node); }
};

// Live hops between the physical nodes of logical neighbours.
struct Dilation {
  int64_t hops_max = 0;       // 1 when neighbours stayed neighbours; 0 for one node
  int64_t hops_total = 0;     // over all pairs
  int64_t pairs = 0;          // of logical neighbours
  int64_t pairs_above_2 = 0;  // further than 2 hops apart
  // The most logical links, each direction one, that share a physical link in the same
  // direction: 1 when neighbours stayed neighbours; 0 for one node.
  int64_t links_sharing_max = 0;
};

// Errors: kMeshTooLarge when the rows and columns of `live` cannot host `logical`.
// Deterministic. O(nodes) and, where dead nodes must be bent around, up to some 2 s.
absl::StatusOr<Embedding> Embed(const LiveMesh& live, const Mesh& logical);
// Whether Embed finds a place, without looking for it. O(nodes).
absl::Status CheckHosts(const LiveMesh& live, const Mesh& logical);
// Embed, kept together with its ground.
absl::StatusOr<MeshSite> LayMesh(const LiveMesh& live, const Mesh& logical);

// The largest mesh, by nodes, that Embed can place; of equals the one with most rows.
Mesh LargestLogicalMesh(const LiveMesh& live);

Dilation DilationOf(const Embedding& embedding, const LiveMesh& live);

// What the links of the grid carry when those of the mesh carry `logical`: the bytes of
// a link between neighbours cross every link of the path between their sites.
LinkBytes LinksOfGrid(const MeshSite& site, const LinkBytes& logical);

}  // namespace tatami
