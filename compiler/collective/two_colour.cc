#include "compiler/collective/two_colour.h"

#include <algorithm>

#include "core/box.h"

namespace tatami {
namespace {

// The lines of `mesh` along an axis: how many, and the node at place k of line l.
struct Lines {
  Mesh mesh;
  MeshAxis axis;

  int64_t count() const { return axis == MeshAxis::kX ? mesh.rows : mesh.cols; }
  int64_t length() const { return AxisSize(mesh, axis); }
  NodeCoord At(int64_t line, int64_t k) const {
    return axis == MeshAxis::kX ? NodeCoord{line, k} : NodeCoord{k, line};
  }
};

// Adds the traffic of reducing `bytes` along line `line`.
void AddLine(const Lines& lines, int64_t line, int64_t bytes, LinkBytes& load) {
  const bool x = lines.axis == MeshAxis::kX;
  const LinkBytes::Direction up = x ? LinkBytes::kEast : LinkBytes::kSouth;
  const LinkBytes::Direction down = x ? LinkBytes::kWest : LinkBytes::kNorth;
  for (int64_t k = 0; k + 1 < lines.length(); ++k) {
    const int64_t below = FloorSplit(bytes, lines.length(), k).end;
    const auto add = [&](NodeCoord node, LinkBytes::Direction direction, int64_t b) {
      load.raw()[NodeIndex(node, lines.mesh) * 4 + direction] += b;
    };
    add(lines.At(line, k), up, bytes - below);
    add(lines.At(line, k + 1), down, below);
  }
}

void AddColour(const Mesh& mesh, MeshAxis axis, int64_t bytes, TwoColourLoad& load) {
  const Lines first{mesh, axis};
  const Lines second{mesh, axis == MeshAxis::kX ? MeshAxis::kY : MeshAxis::kX};
  for (int64_t l = 0; l < first.count(); ++l) AddLine(first, l, bytes, load.first);
  for (int64_t l = 0; l < second.count(); ++l) {
    AddLine(second, l, FloorSplit(bytes, first.length(), l).size(), load.second);
  }
}

}  // namespace

TwoColourLoad ReduceScatterLoad(const Mesh& mesh, int64_t bytes) {
  TwoColourLoad load{LinkBytes(mesh), LinkBytes(mesh)};
  AddColour(mesh, MeshAxis::kX, bytes / 2, load);
  AddColour(mesh, MeshAxis::kY, bytes - bytes / 2, load);
  return load;
}

Pipeline TwoColourPipeline(const Mesh& mesh, int64_t bytes, const LinkModel& link) {
  const TwoColourLoad load = ReduceScatterLoad(mesh, bytes);
  // In a phase one colour walks the rows and the other the columns: the longer counts.
  const int64_t hops = std::max(mesh.rows, mesh.cols) - 1;
  const Pipeline first = BestPipeline(load.first.max(), hops, 1, link);
  const Pipeline second = BestPipeline(load.second.max(), hops, 1, link);
  Pipeline both = first.seconds >= second.seconds ? first : second;
  both.seconds = first.seconds + second.seconds;
  return both;
}

}  // namespace tatami
