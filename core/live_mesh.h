// A physical grid of which some nodes and links are dead: what is left, how to reach it
// and how to name it.
//
// Invariants: every live node reaches every other over live links (a map that cuts the
// grid apart is refused), and equal sets of dead parts give equal text and hash in
// whatever order they were listed, so that a plan can name the map it was made for.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/sharding.h"

namespace tatami {

using LinkDirection = LinkBytes::Direction;
constexpr LinkDirection kLinkDirections[] = {LinkBytes::kEast, LinkBytes::kWest,
                                             LinkBytes::kSouth, LinkBytes::kNorth};

// A dead node (a == b) or the dead link between two neighbours, both directions of it.
struct DeadPart {
  NodeCoord a, b;
  std::string where;  // in the input, for messages: "--dead", "map.txt line 3"
};

class LiveMesh {
 public:
  // Fails with kBadDeadMap when a part lies outside the grid, is listed twice (a link
  // of a dead node is dead already), joins no neighbours, or when what is left is empty
  // or in several pieces. O(nodes).
  static absl::StatusOr<LiveMesh> Make(const Mesh& grid, std::vector<DeadPart> dead);

  const Mesh& grid() const { return grid_; }
  int64_t live_nodes() const { return live_nodes_; }
  int64_t live_links() const { return live_links_; }  // undirected
  bool IsWhole() const { return dead_.empty(); }

  bool IsLive(NodeCoord node) const { return live_[NodeIndex(node, grid_)] != 0; }
  // True when the link that leaves `node` in this direction exists and is live.
  bool HasLink(NodeCoord node, LinkDirection direction) const {
    return (links_[NodeIndex(node, grid_)] >> direction & 1) != 0;
  }
  std::vector<NodeCoord> Nodes() const;  // live ones, row by row
  // Ends of live links: east, west, south, north, as far as there are such.
  absl::InlinedVector<NodeCoord, 4> Neighbours(NodeCoord node) const;

  // "18x20" or "18x20 minus (0,0),(3,7),(4,1)-(4,2)": nodes first, each kind in order.
  std::string ToString() const;
  uint64_t Hash() const;  // of ToString(), the same on every host
  // ToString(), or where that is long a few parts, their count and the hash.
  std::string ShortText() const;

  // The nodes from `from` to `to`, both included, over live links: along the row first,
  // then along the column (X-Y) where all of that is live, else a shortest path, at
  // each node the first direction of east, west, south, north that is on one. O(1) per
  // hop for X-Y, O(nodes) for a detour. REQUIRES: both live.
  std::vector<NodeCoord> Route(NodeCoord from, NodeCoord to) const;

 private:
  LiveMesh() = default;
  absl::Status Kill(const DeadPart& part);
  absl::Status CheckConnected() const;
  // Hops to `to`, by node; -1 where it cannot be reached.
  std::vector<int32_t> HopsTo(NodeCoord to) const;

  Mesh grid_;
  std::vector<DeadPart> dead_;  // sorted, a before b
  std::vector<uint8_t> live_;   // by node
  std::vector<uint8_t> links_;  // by node, a bit for each direction
  int64_t live_nodes_ = 0, live_links_ = 0;
};

// The node next to `node` in a direction, which may lie outside the grid.
NodeCoord Step(NodeCoord node, LinkDirection direction);
// The direction from a node to a neighbour of it.
LinkDirection DirectionTo(NodeCoord from, NodeCoord neighbour);
constexpr LinkDirection Opposite(LinkDirection direction) {
  return static_cast<LinkDirection>(direction ^ 1);
}

// ShortText of the map with this ToString().
std::string ShortMap(absl::string_view map);

// Reads a list of dead parts: "(3,7),(0,0)" or "(3,7),(1,1)-(1,2)"; "" is a whole grid.
// `source` names the list in messages, as "--dead". Errors: kBadDeadMap, with the part
// that is wrong.
absl::StatusOr<LiveMesh> ParseDeadList(const Mesh& grid, absl::string_view text,
                                       absl::string_view source = "--dead");

// Of a map in a file that has no other entry for each node: twice the ExaPOD's. Reading
// one takes some 25 bytes a node.
constexpr int64_t kGridNodesMax = int64_t{1} << 21;

// Reads what LiveMesh::ToString wrote, the parts in any order, for a grid of at most
// `nodes_max` nodes: memory is taken for each. Errors: kBadDeadMap.
absl::StatusOr<LiveMesh> ParseLiveMesh(absl::string_view text, int64_t nodes_max,
                                       absl::string_view source);

// Reads a map file: a line holds one dead node "(row,col)" or one dead link
// "(row,col)-(row,col)"; "#" starts a comment. `source` names the file in messages.
// Errors: kBadDeadMap, with the line.
absl::StatusOr<LiveMesh> ParseDeadMap(const Mesh& grid, absl::string_view text,
                                      absl::string_view source);

// A grid with `count` dead nodes drawn from `seed`; a draw that cuts the grid apart is
// drawn again. Errors: kBadFlag when count is not in [0, nodes) or a hundred draws
// cut.
absl::StatusOr<LiveMesh> RandomDeadNodes(const Mesh& grid, int64_t count,
                                         uint64_t seed);

// Adds `bytes` to every directed link of a route.
void AddRoute(const LiveMesh& mesh, NodeCoord from, NodeCoord to, int64_t bytes,
              LinkBytes& links);

}  // namespace tatami
