#include "runtime/simulator/stage_loads.h"

#include <algorithm>

namespace tatami {
namespace {

MeshBlock BlockOfStage(const StageGrid& grid, int stage) {
  return {grid.Origin(stage), grid.stage_mesh()};
}

// Takes the larger of what single nodes are asked for.
void RaiseNodes(const PhaseLoads& stage, PhaseLoads& all) {
  all.port_bytes = std::max(all.port_bytes, stage.port_bytes);
  all.added = std::max(all.added, stage.added);
  all.copied_bytes = std::max(all.copied_bytes, stage.copied_bytes);
  all.chain = std::max(all.chain, stage.chain);
}

double WayNs(const WayLinks& way, const MeshLinks& links) {
  double ns = 0;
  for (int k = 0; k < kLinkKinds; ++k) {
    ns += static_cast<double>(way.links[k]) * links.crossing_ns[k];
  }
  return ns;
}

// From corner to corner of the rectangle around two blocks.
WayLinks WayBetween(const MeshBlock& a, const MeshBlock& b, const MeshLinks& links) {
  WayLinks way;
  const int64_t row_end = std::max(a.row_end(), b.row_end()) - 1;
  const int64_t col_end = std::max(a.col_end(), b.col_end()) - 1;
  for (int64_t r = std::min(a.first.row, b.first.row); r < row_end; ++r) {
    ++way.links[links.kinds.row[r]];
  }
  for (int64_t c = std::min(a.first.col, b.first.col); c < col_end; ++c) {
    ++way.links[links.kinds.col[c]];
  }
  return way;
}

}  // namespace

PhaseLoads LoadsOfStages(const Program& program, const std::vector<ExchangeOp>& ops,
                         const MeshLinks& links, NodeClasses classes) {
  const StageGrid grid = program.stage_grid();
  PhaseLoads out;
  LinkBytes bytes(program.mesh);
  std::vector<std::vector<Exchange>> within(grid.count());
  for (const ExchangeOp& op : ops) {
    AddLinkBytes(program, op, bytes);
    const ProgramBuffer &from = program.buffers[op.from], &to = program.buffers[op.to];
    if (from.stage == to.stage) {
      within[to.stage].push_back(ExchangeOf(program, op));
      continue;
    }
    PhaseLoads arriving;
    arriving.port_bytes =
        MostElements(to.placement, grid.stage_mesh()) * ByteSize(to.type.dtype);
    RaiseNodes(arriving, out);
    const WayLinks way =
        WayBetween(BlockOfStage(grid, from.stage), BlockOfStage(grid, to.stage), links);
    if (WayNs(way, links) > WayNs(out.way, links)) out.way = way;
  }
  for (int stage = 0; stage < grid.count(); ++stage) {
    if (within[stage].empty()) continue;
    const MeshBlock block = BlockOfStage(grid, stage);
    const PhaseLoads own = LoadsOf(within[stage], grid.stage_mesh(),
                                   links.Within(block), nullptr, classes);
    RaiseNodes(own, out);
    if (WayNs(own.way, links) > WayNs(out.way, links)) out.way = own.way;
  }
  const bool damaged = program.site.has_value();
  CountLinks(damaged ? LinksOfGrid(*program.site, bytes) : bytes,
             MeshBlock::Whole(program.grid()), 1, links, out);
  return out;
}

}  // namespace tatami
