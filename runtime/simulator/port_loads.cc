#include "runtime/simulator/port_loads.h"

#include <algorithm>
#include <map>

#include "core/block_parts.h"
#include "core/line_sum.h"

namespace tatami {
namespace {

// Which nodes of an axis form a line, and where in it each is.
struct LineOrder {
  std::vector<std::vector<int64_t>> lines;  // places, ascending
  std::vector<int64_t> line, order;         // by place

  LineOrder(const AxisList& resolve, const Mesh& mesh) {
    const bool rows = resolve[0].axis == MeshAxis::kY;
    const int64_t side = AxisSize(mesh, resolve[0].axis);
    std::map<int64_t, int64_t> known;
    for (int64_t p = 0; p < side; ++p) {
      const NodeCoord at = rows ? NodeCoord{p, 0} : NodeCoord{0, p};
      const NodeCoord first = WithPart(resolve, 0, at, mesh);
      const auto next = static_cast<int64_t>(lines.size());
      const int64_t l = known.emplace(rows ? first.row : first.col, next).first->second;
      if (l == next) lines.emplace_back();
      line.push_back(l);
      order.push_back(static_cast<int64_t>(lines[l].size()));
      lines[l].push_back(p);
    }
  }
};

void AddLineSums(const Exchange& e, const Mesh& mesh, PortLoads& loads) {
  const bool rows = e.resolve[0].axis == MeshAxis::kY;
  const std::vector<LineSumRange> ranges = LineSumRanges(e.to, e.resolve, mesh);
  const LineOrder lines(e.resolve, mesh);
  const MeshBlock& block = loads.block;
  const int64_t begin = rows ? block.first.row : block.first.col;
  const int64_t end = rows ? block.row_end() : block.col_end();
  const int64_t across_begin = rows ? block.first.col : block.first.row;
  const int64_t across_end = rows ? block.col_end() : block.row_end();
  // Elements that come in to be added, as changes along each line.
  std::vector<int64_t> more(end - begin + 1, 0);
  for (int64_t across = across_begin; across < across_end; ++across) {
    const auto node = [&](int64_t p) {
      return rows ? NodeCoord{p, across} : NodeCoord{across, p};
    };
    std::fill(more.begin(), more.end(), 0);
    const auto add = [&](int64_t place, int64_t step, int64_t elements) {
      // `step` places further on in the line; beyond its end nothing is left to undo.
      const auto& line = lines.lines[lines.line[place]];
      const int64_t at = lines.order[place] + step;
      if (at < static_cast<int64_t>(line.size())) more[line[at] - begin] += elements;
    };
    for (int64_t p = begin; p < end; ++p) {
      const LineSumRange& range = ranges[p];
      const int64_t size = NumElements(e.to.BoxAt(node(p), mesh));
      if (range.root != p) {
        loads.bytes_in[block.Index(node(p))] += size * e.element_bytes;
        continue;
      }
      // From below to all after the first, from above to all before the last; the root
      // hears from both sides.
      add(range.first_term, 1, size);
      add(p, 1, -size);
      add(p, 0, size);
      add(range.last_term, 0, -size);
      const int64_t below = lines.order[p] - lines.order[range.first_term];
      const int64_t above = lines.order[range.last_term] - lines.order[p];
      loads.chain = std::max({loads.chain, below, above});
    }
    for (const auto& line : lines.lines) {
      if (line.front() < begin || line.front() >= end) continue;
      int64_t passing = 0;
      for (const int64_t p : line) {
        passing += more[p - begin];
        const int64_t i = block.Index(node(p));
        loads.added[i] += passing;
        loads.bytes_in[i] += passing * e.element_bytes;
      }
    }
  }
}

}  // namespace

void AddPortLoads(const Exchange& e, const Mesh& mesh, PortLoads& loads) {
  if (SumsAlongLine(e.from, e.to, e.resolve)) return AddLineSums(e, mesh, loads);
  const int64_t terms = Parts(e.resolve);
  const MeshBlock& block = loads.block;
  // Dims that are not cut count alike everywhere.
  int64_t taken_whole = 1, own_whole = 1;
  std::vector<std::pair<BlockParts, BlockParts>> cut;
  for (size_t d = 0; d < e.to.dims.size(); ++d) {
    const DimPlacement &from = e.from.dims[d], &to = e.to.dims[d];
    if (!from.axes.empty() || !to.axes.empty()) {
      cut.emplace_back(BlockParts(from, block, mesh), BlockParts(to, block, mesh));
      continue;
    }
    const Interval want = to.At(block.first, mesh);
    taken_whole *= want.size();
    own_whole *= Intersect(want, from.At(block.first, mesh)).size();
  }
  for (int64_t r = block.first.row; r < block.row_end(); ++r) {
    for (int64_t c = block.first.col; c < block.col_end(); ++c) {
      int64_t taken = taken_whole, own = own_whole;
      for (const auto& [from, to] : cut) {
        const Interval want = to.At({r, c});
        taken *= want.size();
        own *= Intersect(want, from.At({r, c})).size();
      }
      const int64_t i = block.Index({r, c});
      loads.bytes_in[i] += (taken * terms - own) * e.element_bytes;
      loads.copied[i] += own * e.element_bytes;
      loads.added[i] += taken * (terms - 1);
    }
  }
  if (terms > 1) loads.chain = std::max(loads.chain, terms - 1);
}

}  // namespace tatami
