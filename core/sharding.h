// How tensors lie on the mesh: axis lists, placements, and the transfers between them.
//
// A Placement is a closed form: any node's box is computed from it in O(rank), so a
// mesh of a million nodes costs no more memory than one of four. Every transfer is
// derived here, by intersecting the box a node needs with the boxes that others hold.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/box.h"
#include "core/index_rule.h"

namespace tatami {

struct Mesh {
  int64_t rows = 1, cols = 1;

  int64_t nodes() const { return rows * cols; }
  std::string ToString() const;  // "4x4"
  friend bool operator==(const Mesh&, const Mesh&) = default;
};
// "4x4" -> Mesh; E0101 when it is not RxC with positive numbers.
absl::StatusOr<Mesh> ParseMesh(absl::string_view text);

struct NodeCoord {
  int64_t row = 0, col = 0;
  friend bool operator==(const NodeCoord&, const NodeCoord&) = default;
};
inline int64_t NodeIndex(NodeCoord n, const Mesh& mesh) {
  return n.row * mesh.cols + n.col;
}
inline NodeCoord NodeAt(int64_t index, const Mesh& mesh) {
  return {index / mesh.cols, index % mesh.cols};
}

enum class MeshAxis : uint8_t { kY, kX };  // rows, columns
inline int64_t AxisSize(const Mesh& mesh, MeshAxis axis) {
  return axis == MeshAxis::kY ? mesh.rows : mesh.cols;
}

// A mesh axis or a sub-axis of it: `pre` is the product of the more major sub-axes'
// sizes, so "y":(1)2 and "y":(2)4 split an axis of 8 into halves of quarters. size *
// pre divides the axis.
struct AxisRef {
  MeshAxis axis = MeshAxis::kY;
  int64_t pre = 1;
  int64_t size = 1;
  friend bool operator==(const AxisRef&, const AxisRef&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const AxisRef& r) {
    return H::combine(std::move(h), r.axis, r.pre, r.size);
  }
};
using AxisList = absl::InlinedVector<AxisRef, 2>;  // major to minor

// True when `ref` names digits that the axis has: size * pre divides its length.
bool IsSubAxis(const AxisRef& ref, const Mesh& mesh);
// True when two references to one axis share a digit, or are digits of number systems
// that do not go together: of 18 nodes, "y":(1)6 changes with "y":(9)2, as 2 / 3 and 3
// / 3 differ. Otherwise either can be set and leaves the other as it is.
bool ShareADigit(const AxisRef& a, const AxisRef& b);
AxisRef WholeAxis(const Mesh& mesh, MeshAxis axis);
int64_t Parts(const AxisList& axes);
// The index of the node's part, mixed radix over the list.
int64_t PartOf(const AxisList& axes, NodeCoord node, const Mesh& mesh);
// The node whose digits on `axes` spell part `part` and which agrees with `node`
// elsewhere.
NodeCoord WithPart(const AxisList& axes, int64_t part, NodeCoord node,
                   const Mesh& mesh);
std::string ToString(const AxisList& axes, const Mesh& mesh);  // "y", "y,x", "y:(1)2"
absl::StatusOr<AxisList> ParseAxisList(absl::string_view text, const Mesh& mesh);

// One dim of a placed tensor: a factor of `factor_size` cut over `axes` by floor
// splits, and mapped to an interval of the dim.
struct DimPlacement {
  int64_t dim_size = 1;
  int64_t factor_size = 1;
  AxisList axes;
  IndexMap map;

  bool whole() const {
    return axes.empty() && map.IsIdentity() && factor_size == dim_size;
  }
  Interval FactorAt(NodeCoord node, const Mesh& mesh) const;
  Interval At(NodeCoord node, const Mesh& mesh) const;
  friend bool operator==(const DimPlacement&, const DimPlacement&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const DimPlacement& d) {
    return H::combine(std::move(h), d.dim_size, d.factor_size, d.axes, d.map.num,
                      d.map.den, d.map.lo, d.map.hi);
  }
};

// Where a tensor lies. Each node holds the box of its parts; the nodes along axes that
// appear nowhere hold copies; along `partial` axes each node holds a term still to be
// combined.
struct Placement {
  std::vector<DimPlacement> dims;
  AxisList partial;

  Box BoxAt(NodeCoord node, const Mesh& mesh) const;
  // True when boxes of different parts are disjoint, so that others may copy from here.
  bool IsPartition() const;
  std::string ToString(const Mesh& mesh) const;
  friend bool operator==(const Placement&, const Placement&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const Placement& p) {
    return H::combine(std::move(h), p.dims, p.partial);
  }
};

Placement ReplicatedPlacement(const Dims& dims);
// Elements of the largest box of any node. REQUIRES: no digit cuts two dims.
int64_t MostElements(const Placement& placement, const Mesh& mesh);
// What the factors' cuts give an operand: `factor_axes[f]` cuts factor f.
Placement OperandPlacement(const OperandRule& operand, const IndexRule& rule,
                           const std::vector<AxisList>& factor_axes, const Dims& dims);

// The digits of `from` in which a source may differ from who takes `to` of it
// (ForEachSource). A node that takes a part of its own part has it already, so leading
// digits that both share stay as they are.
AxisList MovingDigits(const DimPlacement& from, const DimPlacement& to);

// Calls visit(source node, box) for every box copy that brings `need` to node `to` from
// a tensor placed as `from`; where copies exist, the nearest in its row and column is
// taken. With `resolve` (a subset of from.partial) one call is made per term, in
// ascending order of part. REQUIRES: from.IsPartition().
void ForEachSource(const Placement& from, const AxisList& resolve, const Box& need,
                   NodeCoord to, const Mesh& mesh,
                   const std::function<void(NodeCoord, const Box&)>& visit);

// Bytes that crossed each directed link, under X-Y routing: along the row first.
class LinkBytes {
 public:
  enum Direction { kEast, kWest, kSouth, kNorth };
  explicit LinkBytes(const Mesh& mesh) : mesh_(mesh), bytes_(mesh.nodes() * 4, 0) {}

  void AddRoute(NodeCoord from, NodeCoord to, int64_t bytes);
  void Add(const LinkBytes& other);
  // Adds those of a smaller mesh whose first node lies at `origin` of this one.
  void AddAt(NodeCoord origin, const LinkBytes& other);
  // Bytes that left `node` in a direction.
  int64_t at(NodeCoord node, Direction direction) const {
    return bytes_[NodeIndex(node, mesh_) * 4 + direction];
  }
  int64_t total() const;
  int64_t max() const;
  std::vector<int64_t>& raw() { return bytes_; }
  const std::vector<int64_t>& raw() const { return bytes_; }
  friend bool operator==(const LinkBytes&, const LinkBytes&) = default;

 private:
  Mesh mesh_;
  std::vector<int64_t> bytes_;
};

}  // namespace tatami
