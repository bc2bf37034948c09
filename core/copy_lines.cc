#include "core/copy_lines.h"

#include <algorithm>
#include <optional>

namespace tatami {
namespace {

// What moves along one mesh axis of a block, in elements of the dims that this axis
// cuts.
struct Line {
  std::vector<int64_t> sent, received;  // by place; what stays counts too
  std::vector<int64_t> up, down;        // from place i to i + 1, to i - 1
  std::vector<int64_t> first, last;     // by place: the furthest that it sends to
};

// The axis that alone cuts a dim on either side; nullopt for both axes. A dim that is
// not cut counts to rows.
std::optional<MeshAxis> AxisOf(const DimPlacement& from, const DimPlacement& to) {
  std::optional<MeshAxis> axis;
  for (const AxisList* list : {&from.axes, &to.axes}) {
    for (const AxisRef& ref : *list) {
      if (axis && *axis != ref.axis) return std::nullopt;
      axis = ref.axis;
    }
  }
  return axis ? axis : MeshAxis::kY;
}

Line CopiesAlong(MeshAxis axis, const Placement& from, const Placement& to,
                 const ExchangeSite& site, int64_t places) {
  const bool rows = axis == MeshAxis::kY;
  const int64_t side = AxisSize(site.mesh, axis);
  const int64_t begin = rows ? site.receivers.first.row : site.receivers.first.col;
  const int64_t end = rows ? site.receivers.row_end() : site.receivers.col_end();
  const int64_t from_shift = rows ? site.from_shift.row : site.from_shift.col;
  const int64_t to_shift = rows ? site.to_shift.row : site.to_shift.col;
  const Mesh line_mesh = rows ? Mesh{side, 1} : Mesh{1, side};
  const std::vector<int64_t> none(places, 0);
  Line line{none, none, none, none, none, none};
  std::vector<std::vector<SentBox>> sent(places);
  for (int64_t i = begin; i < end; ++i) {
    const NodeCoord node = rows ? NodeCoord{i, 0} : NodeCoord{0, i};
    const int64_t place = i + to_shift;
    ForEachSource(from, {}, to.BoxAt(node, line_mesh), node, line_mesh,
                  [&](NodeCoord source, const Box& box) {
                    const int64_t at = (rows ? source.row : source.col) + from_shift;
                    sent[at].push_back({place, place, box});
                    line.received[place] += NumElements(box);
                  });
  }
  for (int64_t at = 0; at < places; ++at) {
    line.first[at] = line.last[at] = at;
    SendAlongLine(at, absl::MakeSpan(sent[at]), [&](int64_t to_place, int64_t n) {
      // Differences first: n more from `at` on, n less from the end on.
      auto& passing = to_place > at ? line.up : line.down;
      passing[at] += n;
      passing[to_place] -= n;
      line.first[at] = std::min(line.first[at], to_place);
      line.last[at] = std::max(line.last[at], to_place);
    });
    BoxUnion all;
    for (const SentBox& s : sent[at]) line.sent[at] += all.Add(s.box);
  }
  for (int64_t i = 1; i < places; ++i) line.up[i] += line.up[i - 1];
  for (int64_t i = places - 2; i >= 0; --i) line.down[i] += line.down[i + 1];
  return line;
}

}  // namespace

bool AddProductOfLines(const Placement& from, const Placement& to, int64_t bytes,
                       const ExchangeSite& site, LinkLoads& loads) {
  Placement from_part[2], to_part[2];
  for (size_t d = 0; d < from.dims.size(); ++d) {
    const auto axis = AxisOf(from.dims[d], to.dims[d]);
    if (!axis) return false;
    from_part[static_cast<int>(*axis)].dims.push_back(from.dims[d]);
    to_part[static_cast<int>(*axis)].dims.push_back(to.dims[d]);
  }
  const auto [first, size] = loads.block();
  const Line y = CopiesAlong(MeshAxis::kY, from_part[0], to_part[0], site, size.rows);
  const Line x = CopiesAlong(MeshAxis::kX, from_part[1], to_part[1], site, size.cols);
  for (int64_t r = 0; r < size.rows; ++r) {
    loads.MeasureColumn(first.row + r, first.row + y.first[r]);
    loads.MeasureColumn(first.row + r, first.row + y.last[r]);
    for (int64_t c = 0; c < size.cols; ++c) {
      int64_t* link = loads.Leaving({first.row + r, first.col + c});
      // Along the source's row first, then along the destination's column.
      link[LinkBytes::kEast] += y.sent[r] * x.up[c] * bytes;
      link[LinkBytes::kWest] += y.sent[r] * x.down[c] * bytes;
      link[LinkBytes::kSouth] += y.up[r] * x.received[c] * bytes;
      link[LinkBytes::kNorth] += y.down[r] * x.received[c] * bytes;
    }
  }
  for (int64_t c = 0; c < size.cols; ++c) {
    loads.MeasureRow(first.col + c, first.col + x.first[c]);
    loads.MeasureRow(first.col + c, first.col + x.last[c]);
  }
  return true;
}

}  // namespace tatami
