#include "core/exchange_links.h"

#include <map>

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

// Source by source: along its row to each column that wants something, then along that.
void AddEveryCopyBetween(const Placement& from, const Placement& to, int64_t bytes,
                         const ExchangeSite& site, LinkLoads& loads) {
  std::map<int64_t, std::map<int64_t, std::vector<SentBox>>> sent;  // by source, column
  for (int64_t n = 0; n < site.mesh.nodes(); ++n) {
    const NodeCoord node = NodeAt(n, site.mesh);
    const int64_t row = site.to_shift.row + node.row;
    ForEachSource(
        from, {}, to.BoxAt(node, site.mesh), node, site.mesh,
        [&](NodeCoord source, const Box& box) {
          sent[NodeIndex(source, site.mesh)][site.to_shift.col + node.col].push_back(
              {row, row, box});
        });
  }
  for (auto& [index, columns] : sent) {
    NodeCoord source = NodeAt(index, site.mesh);
    source = {source.row + site.from_shift.row, source.col + site.from_shift.col};
    std::vector<SentBox> along_row;
    for (auto& [col, along_column] : columns) {
      for (const SentBox& s : along_column) along_row.push_back({col, col, s.box});
      SendAlongLine(source.row, absl::MakeSpan(along_column),
                    [&, col = col](int64_t row, int64_t n) {
                      loads.AddAlongColumn({source.row, col}, row, n * bytes);
                    });
    }
    SendAlongLine(source.col, absl::MakeSpan(along_row), [&](int64_t col, int64_t n) {
      loads.AddAlongRow(source, col, n * bytes);
    });
  }
}

}  // namespace

void AddCopyLinksBetween(const Placement& from, const Placement& to, int64_t bytes,
                         const ExchangeSite& site, LinkLoads& loads) {
  if (AddProductOfLines(from, to, bytes, site, loads)) return;
  AddEveryCopyBetween(from, to, bytes, site, loads);
}

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
