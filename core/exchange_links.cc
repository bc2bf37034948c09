#include "core/exchange_links.h"

#include <algorithm>
#include <optional>

namespace tatami {
namespace {

// What moves along one mesh axis, in elements of the dims that this axis cuts.
struct Line {
  std::vector<int64_t> sent, received;  // by position; what stays counts too
  std::vector<int64_t> up, down;        // from position i to i + 1, to i - 1
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

Line MovesAlong(MeshAxis axis, const Placement& from, const Placement& to,
                const AxisList& resolve, const Mesh& mesh) {
  const bool rows = axis == MeshAxis::kY;
  const int64_t side = AxisSize(mesh, axis);
  const Mesh line_mesh = rows ? Mesh{side, 1} : Mesh{1, side};
  const std::vector<int64_t> none(side, 0);
  Line line{none, none, none, none};
  for (int64_t i = 0; i < side; ++i) {
    const NodeCoord node = rows ? NodeCoord{i, 0} : NodeCoord{0, i};
    ForEachSource(from, resolve, to.BoxAt(node, line_mesh), node, line_mesh,
                  [&](NodeCoord source, const Box& box) {
                    const int64_t at = rows ? source.row : source.col;
                    const int64_t n = NumElements(box);
                    line.sent[at] += n;
                    line.received[i] += n;
                    // Differences first: n more from `at` on, n less from i on.
                    if (at < i) line.up[at] += n, line.up[i] -= n;
                    if (at > i) line.down[at] += n, line.down[i] -= n;
                  });
  }
  for (int64_t i = 1; i < side; ++i) line.up[i] += line.up[i - 1];
  for (int64_t i = side - 2; i >= 0; --i) line.down[i] += line.down[i + 1];
  return line;
}

// The positions along a mesh axis, by what they have in common: all digits but those of
// `varying`.
std::vector<std::vector<int64_t>> Groups(MeshAxis axis, const AxisList& varying,
                                         const Mesh& mesh) {
  AxisList own;
  for (const AxisRef& ref : varying) {
    if (ref.axis == axis) own.push_back(ref);
  }
  const int64_t side = AxisSize(mesh, axis);
  std::vector<int> group(side, -1);
  std::vector<std::vector<int64_t>> groups;
  for (int64_t i = 0; i < side; ++i) {
    const NodeCoord zero = WithPart(own, 0, {i, i}, mesh);
    const int64_t first = axis == MeshAxis::kY ? zero.row : zero.col;
    if (group[first] < 0) {
      group[first] = static_cast<int>(groups.size());
      groups.emplace_back();
    }
    groups[group[first]].push_back(i);
  }
  return groups;
}

// Adds what passes along a line, `link(p)` being the link that leaves position p, when
// each member m sends weight(m) to every member further on; for `collect`, when every
// member sends weight(m) to each member m further on.
template <typename Weight, typename Link>
void AddLine(const std::vector<int64_t>& members, bool upward, bool collect,
             const Weight& weight, const Link& link) {
  const auto n = static_cast<int64_t>(members.size());
  const auto at = [&](int64_t i) { return members[upward ? i : n - 1 - i]; };
  int64_t before = 0, after = 0;
  for (int64_t i = 0; i < n; ++i) after += weight(at(i));
  for (int64_t i = 0; i + 1 < n; ++i) {
    before += weight(at(i));
    after -= weight(at(i));
    const int64_t load = collect ? after * (i + 1) : before * (n - 1 - i);
    const int64_t step = upward ? 1 : -1;
    for (int64_t p = at(i); p != at(i + 1); p += step) link(p) += load;
  }
}

// Whether `longer` cuts every dim as `shorter` does, and then on.
bool Refines(const Placement& longer, const Placement& shorter, AxisList& more) {
  for (size_t d = 0; d < longer.dims.size(); ++d) {
    const DimPlacement &l = longer.dims[d], &s = shorter.dims[d];
    if (l.axes.size() < s.axes.size() ||
        !std::equal(s.axes.begin(), s.axes.end(), l.axes.begin())) {
      return false;
    }
    more.insert(more.end(), l.axes.begin() + s.axes.size(), l.axes.end());
  }
  return true;
}

// A gather brings every node all parts of the nodes that differ from it in some digits;
// a reduction brings it its own part from each of those. Either way what moves between
// two nodes depends on one of them. False, with nothing added, for other exchanges.
bool AddGatherOrReduction(const Placement& from, const Placement& to,
                          const AxisList& resolve, int64_t bytes, const Mesh& mesh,
                          LinkBytes& links) {
  if (!from.IsPartition() || !to.IsPartition()) return false;
  AxisList gathered, cut;
  const bool gather = resolve.empty() && Refines(from, to, gathered);
  if (!gather && !Refines(to, from, cut)) return false;
  const AxisList& varying = gather ? gathered : resolve;
  const auto rows = Groups(MeshAxis::kY, varying, mesh),
             cols = Groups(MeshAxis::kX, varying, mesh);
  std::vector<int64_t> size(mesh.nodes(), bytes);  // of the part that decides
  for (int64_t n = 0; n < mesh.nodes(); ++n) {
    for (const DimPlacement& dim : (gather ? from : to).dims) {
      size[n] *= dim.At(NodeAt(n, mesh), mesh).size();
    }
  }
  std::vector<int64_t>& raw = links.raw();
  const auto link = [&](int64_t r, int64_t c, LinkBytes::Direction direction) {
    return [&raw, base = (r * mesh.cols + c) * 4 + direction](
               int64_t offset) -> int64_t& { return raw[base + offset * 4]; };
  };
  // Along the source's row. Its parts go to as many rows as the group has; or the parts
  // of all those rows come through it.
  std::vector<int64_t> weight(std::max(mesh.rows, mesh.cols));
  for (const auto& row_group : rows) {
    const auto width = static_cast<int64_t>(row_group.size());
    for (const int64_t r : row_group) {
      for (int64_t c = 0; c < mesh.cols; ++c) {
        weight[c] = 0;
        if (gather) {
          weight[c] = size[r * mesh.cols + c] * width;
        } else {
          for (const int64_t other : row_group)
            weight[c] += size[other * mesh.cols + c];
        }
      }
      for (const auto& group : cols) {
        for (const bool up : {true, false}) {
          const auto base = link(r, 0, up ? LinkBytes::kEast : LinkBytes::kWest);
          AddLine(
              group, up, !gather, [&](int64_t c) { return weight[c]; }, base);
        }
      }
    }
  }
  // Along the destination's column, with what its row brought of the whole group.
  for (const auto& col_group : cols) {
    const auto width = static_cast<int64_t>(col_group.size());
    for (const int64_t c : col_group) {
      for (int64_t r = 0; r < mesh.rows; ++r) {
        weight[r] = 0;
        if (gather) {
          for (const int64_t other : col_group)
            weight[r] += size[r * mesh.cols + other];
        } else {
          weight[r] = size[r * mesh.cols + c] * width;
        }
      }
      for (const auto& group : rows) {
        for (const bool up : {true, false}) {
          const auto base = link(0, c, up ? LinkBytes::kSouth : LinkBytes::kNorth);
          AddLine(
              group, up, !gather, [&](int64_t r) { return weight[r]; },
              [&](int64_t r) -> int64_t& { return base(r * mesh.cols); });
        }
      }
    }
  }
  return true;
}

// Routes in O(1) each: what begins and what ends at each link is kept, and summed along
// the lines at the end.
void AddEveryPair(const Placement& from, const Placement& to, const AxisList& resolve,
                  int64_t bytes, const Mesh& mesh, LinkBytes& links) {
  LinkBytes changes(mesh);
  std::vector<int64_t>& change = changes.raw();
  const auto add = [&](NodeCoord begin, NodeCoord end, LinkBytes::Direction direction,
                       int64_t n) {
    change[NodeIndex(begin, mesh) * 4 + direction] += n;
    change[NodeIndex(end, mesh) * 4 + direction] -= n;
  };
  for (int64_t n = 0; n < mesh.nodes(); ++n) {
    const NodeCoord node = NodeAt(n, mesh);
    ForEachSource(
        from, resolve, to.BoxAt(node, mesh), node, mesh,
        [&](NodeCoord source, const Box& box) {
          const int64_t moved = NumElements(box) * bytes;
          const NodeCoord corner{source.row, node.col};
          add(source, corner,
              node.col > source.col ? LinkBytes::kEast : LinkBytes::kWest, moved);
          add(corner, node,
              node.row > source.row ? LinkBytes::kSouth : LinkBytes::kNorth, moved);
        });
  }
  std::vector<int64_t>& raw = links.raw();
  const auto sum_line = [&](NodeCoord at, int64_t step_rows, int64_t step_cols,
                            int64_t count, LinkBytes::Direction direction) {
    int64_t passing = 0;
    for (; count > 0; --count, at.row += step_rows, at.col += step_cols) {
      const int64_t i = NodeIndex(at, mesh) * 4 + direction;
      raw[i] += passing += change[i];
    }
  };
  for (int64_t r = 0; r < mesh.rows; ++r) {
    sum_line({r, 0}, 0, 1, mesh.cols, LinkBytes::kEast);
    sum_line({r, mesh.cols - 1}, 0, -1, mesh.cols, LinkBytes::kWest);
  }
  for (int64_t c = 0; c < mesh.cols; ++c) {
    sum_line({0, c}, 1, 0, mesh.rows, LinkBytes::kSouth);
    sum_line({mesh.rows - 1, c}, -1, 0, mesh.rows, LinkBytes::kNorth);
  }
}

}  // namespace

void AddExchangeLinks(const Placement& from, const Placement& to,
                      const AxisList& resolve, int64_t element_bytes, int64_t times,
                      const Mesh& mesh, LinkBytes& links) {
  const int64_t bytes = element_bytes * times;
  Placement from_part[2], to_part[2];
  AxisList resolve_part[2];
  for (size_t d = 0; d < from.dims.size(); ++d) {
    const auto axis = AxisOf(from.dims[d], to.dims[d]);
    if (!axis) {
      if (!AddGatherOrReduction(from, to, resolve, bytes, mesh, links)) {
        AddEveryPair(from, to, resolve, bytes, mesh, links);
      }
      return;
    }
    from_part[static_cast<int>(*axis)].dims.push_back(from.dims[d]);
    to_part[static_cast<int>(*axis)].dims.push_back(to.dims[d]);
  }
  for (const AxisRef& ref : resolve) {
    resolve_part[static_cast<int>(ref.axis)].push_back(ref);
  }
  const Line y =
      MovesAlong(MeshAxis::kY, from_part[0], to_part[0], resolve_part[0], mesh);
  const Line x =
      MovesAlong(MeshAxis::kX, from_part[1], to_part[1], resolve_part[1], mesh);
  std::vector<int64_t>& raw = links.raw();
  for (int64_t r = 0; r < mesh.rows; ++r) {
    for (int64_t c = 0; c < mesh.cols; ++c) {
      int64_t* link = &raw[NodeIndex({r, c}, mesh) * 4];
      // Along the source's row first, then along the destination's column.
      link[LinkBytes::kEast] += y.sent[r] * x.up[c] * bytes;
      link[LinkBytes::kWest] += y.sent[r] * x.down[c] * bytes;
      link[LinkBytes::kSouth] += y.up[r] * x.received[c] * bytes;
      link[LinkBytes::kNorth] += y.down[r] * x.received[c] * bytes;
    }
  }
}

}  // namespace tatami
