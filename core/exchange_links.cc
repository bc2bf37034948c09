#include "core/exchange_links.h"

#include "core/copy_links.h"
#include "core/line_sum.h"

namespace tatami {
namespace {

// Every root's part: in from both ends, out to all that take it.
void AddLineSums(const Placement& to, const AxisList& resolve, int64_t bytes,
                 const Mesh& mesh, LinkLoads& loads) {
  const bool rows = resolve[0].axis == MeshAxis::kY;
  const std::vector<LineSumRange> ranges = LineSumRanges(to, resolve, mesh);
  const MeshBlock& block = loads.block();
  for (int64_t r = block.first.row; r < block.row_end(); ++r) {
    for (int64_t c = block.first.col; c < block.col_end(); ++c) {
      const int64_t place = rows ? r : c;
      const LineSumRange& range = ranges[place];
      if (range.root != place) continue;
      const int64_t size = NumElements(to.BoxAt({r, c}, mesh)) * bytes;
      const auto add = [&](int64_t begin, int64_t end, Leg leg) {
        if (rows) loads.AddAlongColumn({begin, c}, end, size, leg);
        if (!rows) loads.AddAlongRow({r, begin}, end, size, leg);
      };
      add(range.first_term, place, Leg::kIn);
      add(range.last_term, place, Leg::kIn);
      add(place, range.first, Leg::kOut);
      add(place, range.last, Leg::kOut);
    }
  }
}

// Terms that go to their destinations one by one.
void AddTerms(const Placement& from, const Placement& to, const AxisList& resolve,
              int64_t bytes, const Mesh& mesh, LinkLoads& loads) {
  const MeshBlock& block = loads.block();
  for (int64_t r = block.first.row; r < block.row_end(); ++r) {
    for (int64_t c = block.first.col; c < block.col_end(); ++c) {
      ForEachSource(from, resolve, to.BoxAt({r, c}, mesh), {r, c}, mesh,
                    [&](NodeCoord source, const Box& box) {
                      const int64_t moved = NumElements(box) * bytes;
                      loads.AddAlongRow(source, c, moved);
                      loads.AddAlongColumn({source.row, c}, r, moved);
                    });
    }
  }
}

}  // namespace

void AddExchangeLinks(const Placement& from, const Placement& to,
                      const AxisList& resolve, int64_t element_bytes, int64_t times,
                      const Mesh& mesh, LinkLoads& loads) {
  const int64_t bytes = element_bytes * times;
  if (SumsAlongLine(from, to, resolve)) {
    AddLineSums(to, resolve, bytes, mesh, loads);
  } else if (!resolve.empty()) {
    AddTerms(from, to, resolve, bytes, mesh, loads);
  } else {
    AddCopyLinks(from, to, bytes, mesh, loads);
  }
}

}  // namespace tatami
