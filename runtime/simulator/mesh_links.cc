#include "runtime/simulator/mesh_links.h"

#include <algorithm>
#include <cmath>

namespace tatami {
namespace {

// The kind of link that leads on from a place.
int KindAfter(int64_t place, int64_t die, int64_t tile, LinkKind die_edge,
              LinkKind tile_edge) {
  if ((place + 1) % tile == 0) return tile_edge;
  if ((place + 1) % die == 0) return die_edge;
  return kMeshLink;
}

std::vector<int64_t> DistancesOf(const std::vector<int>& kinds,
                                 const std::array<double, kLinkKinds>& crossing_ns) {
  std::vector<int64_t> ps = {0};
  for (const int kind : kinds) {
    ps.push_back(ps.back() + std::llround(crossing_ns[kind] * 1000));
  }
  ps.pop_back();
  return ps;
}

}  // namespace

absl::string_view LinkKindName(int kind) {
  constexpr absl::string_view kNames[kLinkKinds] = {
      "mesh link", "die edge (east-west)", "die edge (north-south)",
      "tile edge (east-west)", "tile edge (north-south)"};
  return kNames[kind];
}

MeshLinks MeshLinks::Of(const MachineSpec& machine, const Mesh& mesh, const Mesh& die) {
  const Grid tile = machine.tile_dies;
  MeshLinks out;
  // Machines without dies next to each other may leave the edge numbers 0.
  const auto lane = [&](double edge_bytes_per_s, int64_t links) {
    const double link = machine.link_bytes_per_s;
    const double share = edge_bytes_per_s / static_cast<double>(links);
    return (edge_bytes_per_s > 0 ? std::min(link, share) : link) * 1e-9;
  };
  out.bytes_per_ns = {machine.link_bytes_per_s * 1e-9,
                      lane(machine.die_edge_bytes_per_s, die.rows),
                      lane(machine.die_edge_bytes_per_s, die.cols),
                      lane(machine.tile_edge_bytes_per_s, die.rows * tile.rows),
                      lane(machine.tile_edge_bytes_per_s, die.cols * tile.cols)};
  const double hop = machine.hop_ns;
  const double die_ns = hop + machine.die_crossing_ns;
  const double tile_ns = hop + machine.tile_crossing_ns;
  out.crossing_ns = {hop, die_ns, die_ns, tile_ns, tile_ns};
  const bool one_die = machine.any_rectangle;
  for (int64_t r = 0; r < mesh.rows; ++r) {
    out.kinds.row.push_back(
        one_die ? kMeshLink
                : KindAfter(r, die.rows, die.rows * tile.rows, kDieEdgeY, kTileEdgeY));
  }
  for (int64_t c = 0; c < mesh.cols; ++c) {
    out.kinds.col.push_back(
        one_die ? kMeshLink
                : KindAfter(c, die.cols, die.cols * tile.cols, kDieEdgeX, kTileEdgeX));
  }
  out.distances = {DistancesOf(out.kinds.row, out.crossing_ns),
                   DistancesOf(out.kinds.col, out.crossing_ns)};
  return out;
}

MeshLinks MeshLinks::Within(const MeshBlock& block) const {
  MeshLinks out = *this;
  const auto slice = [](auto& values, int64_t begin, int64_t end) {
    values = {values.begin() + begin, values.begin() + end};
  };
  slice(out.kinds.row, block.first.row, block.row_end());
  slice(out.kinds.col, block.first.col, block.col_end());
  slice(out.distances.row_ps, block.first.row, block.row_end());
  slice(out.distances.col_ps, block.first.col, block.col_end());
  return out;
}

}  // namespace tatami
