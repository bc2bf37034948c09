#include "core/exchange_links.h"

#include "core/copy_links.h"
#include "core/line_sum.h"
#include "core/link_changes.h"

namespace tatami {
namespace {

// Every root's part: in from both ends, out to all that take it.
void AddLineSums(const Placement& to, const AxisList& resolve, int64_t bytes,
                 const Mesh& mesh, LinkBytes& links) {
  const bool rows = resolve[0].axis == MeshAxis::kY;
  const std::vector<LineSumRange> ranges = LineSumRanges(to, resolve, mesh);
  LinkChanges changes(mesh);
  for (int64_t n = 0; n < mesh.nodes(); ++n) {
    const NodeCoord node = NodeAt(n, mesh);
    const int64_t place = rows ? node.row : node.col;
    const LineSumRange& range = ranges[place];
    if (range.root != place) continue;
    const int64_t size = NumElements(to.BoxAt(node, mesh)) * bytes;
    const auto add = [&](int64_t begin, int64_t end) {
      if (rows) changes.AddAlongColumn({begin, node.col}, end, size);
      if (!rows) changes.AddAlongRow({node.row, begin}, end, size);
    };
    add(range.first_term, place);
    add(range.last_term, place);
    add(place, range.first);
    add(place, range.last);
  }
  changes.SumInto(links);
}

// Terms that go to their destinations one by one.
void AddTerms(const Placement& from, const Placement& to, const AxisList& resolve,
              int64_t bytes, const Mesh& mesh, LinkBytes& links) {
  LinkChanges changes(mesh);
  for (int64_t n = 0; n < mesh.nodes(); ++n) {
    const NodeCoord node = NodeAt(n, mesh);
    ForEachSource(from, resolve, to.BoxAt(node, mesh), node, mesh,
                  [&](NodeCoord source, const Box& box) {
                    const int64_t moved = NumElements(box) * bytes;
                    changes.AddAlongRow(source, node.col, moved);
                    changes.AddAlongColumn({source.row, node.col}, node.row, moved);
                  });
  }
  changes.SumInto(links);
}

}  // namespace

void AddExchangeLinks(const Placement& from, const Placement& to,
                      const AxisList& resolve, int64_t element_bytes, int64_t times,
                      const Mesh& mesh, LinkBytes& links) {
  const int64_t bytes = element_bytes * times;
  if (SumsAlongLine(from, to, resolve)) {
    AddLineSums(to, resolve, bytes, mesh, links);
  } else if (!resolve.empty()) {
    AddTerms(from, to, resolve, bytes, mesh, links);
  } else {
    AddCopyLinks(from, to, bytes, mesh, links);
  }
}

}  // namespace tatami
