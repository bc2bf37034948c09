#include "core/sharding.h"

#include <algorithm>
#include <numeric>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/check.h"
#include "core/error.h"

namespace tatami {
namespace {

int64_t& CoordOn(NodeCoord& node, MeshAxis axis) {
  return axis == MeshAxis::kY ? node.row : node.col;
}
// How far apart neighbours on the sub-axis lie on the full axis.
int64_t StrideOf(const AxisRef& ref, const Mesh& mesh) {
  return AxisSize(mesh, ref.axis) / (ref.pre * ref.size);
}
int64_t DigitOf(const AxisRef& ref, NodeCoord node, const Mesh& mesh) {
  return CoordOn(node, ref.axis) / StrideOf(ref, mesh) % ref.size;
}

// True when every part of the factor maps to the same part of the dim.
bool PartsAreOwn(const DimPlacement& dim) {
  const int64_t parts = Parts(dim.axes);
  for (int64_t p = 0; p < parts; ++p) {
    if (dim.map.Apply(FloorSplit(dim.factor_size, parts, p), dim.dim_size) !=
        FloorSplit(dim.dim_size, parts, p)) {
      return false;
    }
  }
  return true;
}

}  // namespace

std::string Mesh::ToString() const { return absl::StrCat(rows, "x", cols); }

absl::StatusOr<Mesh> ParseMesh(absl::string_view text) {
  const std::vector<std::string> parts = absl::StrSplit(text, 'x');
  Mesh mesh;
  if (parts.size() != 2 || !absl::SimpleAtoi(parts[0], &mesh.rows) ||
      !absl::SimpleAtoi(parts[1], &mesh.cols) || mesh.rows < 1 || mesh.cols < 1) {
    return MakeError(
        ErrorCode::kBadFlag,
        absl::StrCat("mesh '", text, "' is not ROWSxCOLS, as in --mesh 4x4"));
  }
  return mesh;
}

bool IsSubAxis(const AxisRef& ref, const Mesh& mesh) {
  const int64_t side = AxisSize(mesh, ref.axis);
  // Divided first: the product of mistyped numbers may not fit an int64_t.
  return ref.pre >= 1 && ref.size >= 1 && ref.pre <= side &&
         ref.size <= side / ref.pre && side % (ref.pre * ref.size) == 0;
}

bool ShareADigit(const AxisRef& a, const AxisRef& b) {
  return a.axis == b.axis && a.pre % (b.pre * b.size) != 0 &&
         b.pre % (a.pre * a.size) != 0;
}

AxisRef WholeAxis(const Mesh& mesh, MeshAxis axis) {
  return {.axis = axis, .pre = 1, .size = AxisSize(mesh, axis)};
}

int64_t Parts(const AxisList& axes) {
  int64_t parts = 1;
  for (const AxisRef& ref : axes) parts *= ref.size;
  return parts;
}

int64_t PartOf(const AxisList& axes, NodeCoord node, const Mesh& mesh) {
  int64_t part = 0;
  for (const AxisRef& ref : axes) part = part * ref.size + DigitOf(ref, node, mesh);
  return part;
}

NodeCoord WithPart(const AxisList& axes, int64_t part, NodeCoord node,
                   const Mesh& mesh) {
  for (int i = static_cast<int>(axes.size()) - 1; i >= 0; --i) {
    const AxisRef& ref = axes[i];
    const int64_t digit = part % ref.size;
    part /= ref.size;
    CoordOn(node, ref.axis) += (digit - DigitOf(ref, node, mesh)) * StrideOf(ref, mesh);
  }
  return node;
}

std::string ToString(const AxisList& axes, const Mesh& mesh) {
  std::string out;
  for (const AxisRef& ref : axes) {
    absl::StrAppend(&out, out.empty() ? "" : ",", ref.axis == MeshAxis::kY ? "y" : "x");
    if (ref.pre != 1 || ref.size != AxisSize(mesh, ref.axis)) {
      absl::StrAppend(&out, ":(", ref.pre, ")", ref.size);
    }
  }
  return out;
}

absl::StatusOr<AxisList> ParseAxisList(absl::string_view text, const Mesh& mesh) {
  AxisList axes;
  for (const absl::string_view item : absl::StrSplit(text, ',', absl::SkipEmpty())) {
    const auto fail = [&](absl::string_view why) {
      return MakeError(ErrorCode::kBadPlan,
                       absl::StrCat("mesh axis '", item, "' ", why,
                                    "; write y, x or a sub-axis as y:(1)2"));
    };
    if (item.empty() || (item[0] != 'y' && item[0] != 'x')) return fail("is not known");
    AxisRef ref = WholeAxis(mesh, item[0] == 'y' ? MeshAxis::kY : MeshAxis::kX);
    if (item.size() > 1) {
      const std::vector<absl::string_view> parts =
          absl::StrSplit(item.substr(1), absl::ByAnyChar(":()"), absl::SkipEmpty());
      if (parts.size() != 2 || !absl::SimpleAtoi(parts[0], &ref.pre) ||
          !absl::SimpleAtoi(parts[1], &ref.size) || !IsSubAxis(ref, mesh)) {
        return fail(
            absl::StrCat("is not a sub-axis of ", AxisSize(mesh, ref.axis), " nodes"));
      }
    }
    if (ref.size > 1) axes.push_back(ref);
  }
  return axes;
}

Interval DimPlacement::FactorAt(NodeCoord node, const Mesh& mesh) const {
  return axes.empty() ? Interval{0, factor_size}
                      : FloorSplit(factor_size, Parts(axes), PartOf(axes, node, mesh));
}

Interval DimPlacement::At(NodeCoord node, const Mesh& mesh) const {
  return map.Apply(FactorAt(node, mesh), dim_size);
}

Box Placement::BoxAt(NodeCoord node, const Mesh& mesh) const {
  Box box(dims.size());
  bool empty = false;
  for (size_t d = 0; d < dims.size(); ++d) {
    box[d] = dims[d].At(node, mesh);
    empty |= box[d].empty();
  }
  if (empty) std::fill(box.begin(), box.end(), Interval{0, 0});
  return box;
}

bool Placement::IsPartition() const {
  return std::all_of(dims.begin(), dims.end(), [](const DimPlacement& d) {
    return d.map.IsIdentity() && d.factor_size == d.dim_size;
  });
}

std::string Placement::ToString(const Mesh& mesh) const {
  std::string out = "{";
  for (size_t d = 0; d < dims.size(); ++d) {
    absl::StrAppend(&out, d == 0 ? "" : " ", dims[d].dim_size);
    if (!dims[d].axes.empty()) {
      absl::StrAppend(&out, "/", tatami::ToString(dims[d].axes, mesh));
    }
    if (!dims[d].map.IsIdentity() || dims[d].factor_size != dims[d].dim_size) {
      absl::StrAppend(&out, "<-", dims[d].factor_size, dims[d].map.ToString());
    }
  }
  absl::StrAppend(&out, "}");
  if (!partial.empty())
    absl::StrAppend(&out, " partial ", tatami::ToString(partial, mesh));
  return out;
}

Placement ReplicatedPlacement(const Dims& dims) {
  Placement placement;
  for (int64_t d : dims) placement.dims.push_back({.dim_size = d, .factor_size = d});
  return placement;
}

int64_t MostElements(const Placement& placement, const Mesh& mesh) {
  int64_t n = 1;
  for (const DimPlacement& dim : placement.dims) {
    // Digits of different dims are free of one another, so each dim has its largest.
    const int64_t parts = Parts(dim.axes);
    if (dim.map.IsIdentity()) {
      n *= (dim.factor_size + parts - 1) / parts;
      continue;
    }
    int64_t most = 0;
    for (int64_t p = 0; p < parts; ++p) {
      const NodeCoord node = WithPart(dim.axes, p, {0, 0}, mesh);
      most = std::max(most, dim.At(node, mesh).size());
    }
    n *= most;
  }
  return n;
}

Placement OperandPlacement(const OperandRule& operand, const IndexRule& rule,
                           const std::vector<AxisList>& factor_axes, const Dims& dims) {
  Placement placement;
  for (size_t d = 0; d < operand.size(); ++d) {
    const int f = operand[d].factor;
    if (f == kWholeDim) {
      placement.dims.push_back({.dim_size = dims[d], .factor_size = dims[d]});
      continue;
    }
    DimPlacement dim{.dim_size = dims[d],
                     .factor_size = rule.factors[f].size,
                     .axes = factor_axes[f],
                     .map = operand[d].map};
    // Parts that are those of the dim itself are said so, for equal placements are
    // then recognised: a map that doubles, and one that halves it again.
    if (PartsAreOwn(dim)) {
      dim.factor_size = dim.dim_size;
      dim.map = {};
    }
    placement.dims.push_back(std::move(dim));
  }
  return placement;
}

AxisList MovingDigits(const DimPlacement& from, const DimPlacement& to) {
  AxisList have = from.axes, want = to.axes;
  if (!to.map.IsIdentity() || to.factor_size != from.dim_size) return have;
  while (!have.empty() && !want.empty()) {
    AxisRef &h = have.front(), &w = want.front();
    if (h.axis != w.axis || h.pre != w.pre) break;
    const int64_t common = std::gcd(h.size, w.size);
    if (common != h.size && common != w.size) break;
    for (AxisList* list : {&have, &want}) {
      AxisRef& ref = list->front();
      ref = {ref.axis, ref.pre * common, ref.size / common};
      if (ref.size == 1) list->erase(list->begin());
    }
  }
  return have;
}

void ForEachSource(const Placement& from, const AxisList& resolve, const Box& need,
                   NodeCoord to, const Mesh& mesh,
                   const std::function<void(NodeCoord, const Box&)>& visit) {
  if (IsEmpty(need)) return;
  const int rank = static_cast<int>(from.dims.size());
  // The parts of each dim that meet the needed interval.
  absl::InlinedVector<Interval, 6> parts(rank);
  for (int d = 0; d < rank; ++d) {
    const DimPlacement& dim = from.dims[d];
    if (dim.axes.empty()) {
      parts[d] = {0, 1};
      continue;
    }
    const int64_t n = Parts(dim.axes);
    parts[d] = {FloorSplitOwner(dim.dim_size, n, need[d].begin),
                FloorSplitOwner(dim.dim_size, n, need[d].end - 1) + 1};
  }
  absl::InlinedVector<int64_t, 6> part(rank);
  for (int d = 0; d < rank; ++d) part[d] = parts[d].begin;
  while (true) {
    NodeCoord owner = to;
    Box box = need;
    for (int d = 0; d < rank; ++d) {
      const DimPlacement& dim = from.dims[d];
      if (dim.axes.empty()) continue;
      owner = WithPart(dim.axes, part[d], owner, mesh);
      box[d] = Intersect(need[d], FloorSplit(dim.dim_size, Parts(dim.axes), part[d]));
    }
    if (!IsEmpty(box)) {
      const int64_t terms = Parts(resolve);
      for (int64_t t = 0; t < terms; ++t) visit(WithPart(resolve, t, owner, mesh), box);
    }
    int d = rank - 1;
    for (; d >= 0; --d) {
      if (++part[d] < parts[d].end) break;
      part[d] = parts[d].begin;
    }
    if (d < 0) return;
  }
}

void LinkBytes::AddRoute(NodeCoord from, NodeCoord to, int64_t bytes) {
  while (from.col != to.col) {
    const bool east = to.col > from.col;
    bytes_[NodeIndex(from, mesh_) * 4 + (east ? kEast : kWest)] += bytes;
    from.col += east ? 1 : -1;
  }
  while (from.row != to.row) {
    const bool south = to.row > from.row;
    bytes_[NodeIndex(from, mesh_) * 4 + (south ? kSouth : kNorth)] += bytes;
    from.row += south ? 1 : -1;
  }
}

void LinkBytes::Add(const LinkBytes& other) {
  for (size_t i = 0; i < bytes_.size(); ++i) bytes_[i] += other.bytes_[i];
}

void LinkBytes::AddAt(NodeCoord origin, const LinkBytes& other) {
  for (int64_t n = 0; n < other.mesh_.nodes(); ++n) {
    const NodeCoord node = NodeAt(n, other.mesh_);
    const int64_t at = NodeIndex({origin.row + node.row, origin.col + node.col}, mesh_);
    for (int d = 0; d < 4; ++d) bytes_[at * 4 + d] += other.bytes_[n * 4 + d];
  }
}

int64_t LinkBytes::total() const {
  return std::accumulate(bytes_.begin(), bytes_.end(), int64_t{0});
}

int64_t LinkBytes::max() const {
  return bytes_.empty() ? 0 : *std::max_element(bytes_.begin(), bytes_.end());
}

}  // namespace tatami
