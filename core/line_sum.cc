#include "core/line_sum.h"

#include <algorithm>
#include <map>

#include "absl/algorithm/container.h"

namespace tatami {
namespace {

int64_t PlaceOf(NodeCoord node, MeshAxis axis) {
  return axis == MeshAxis::kY ? node.row : node.col;
}

NodeCoord AtPlace(int64_t place, MeshAxis axis) {
  return axis == MeshAxis::kY ? NodeCoord{place, 0} : NodeCoord{0, place};
}

// Which part of each dim the node takes.
std::vector<int64_t> PartsAt(const Placement& to, NodeCoord node, const Mesh& mesh) {
  std::vector<int64_t> parts;
  for (const DimPlacement& dim : to.dims) {
    parts.push_back(PartOf(dim.axes, node, mesh));
  }
  return parts;
}

}  // namespace

bool SumsAlongLine(const Placement& from, const Placement& to,
                   const AxisList& resolve) {
  if (resolve.empty() || absl::c_any_of(resolve, [&](const AxisRef& ref) {
        return ref.axis != resolve[0].axis;
      })) {
    return false;
  }
  if (!from.IsPartition() || !to.IsPartition()) return false;
  for (size_t d = 0; d < from.dims.size(); ++d) {
    const AxisList &coarse = from.dims[d].axes, &fine = to.dims[d].axes;
    if (fine.size() < coarse.size() ||
        !std::equal(coarse.begin(), coarse.end(), fine.begin())) {
      return false;
    }
  }
  return true;
}

LineSum LineSumAt(const Placement& to, const AxisList& resolve, NodeCoord node,
                  const Mesh& mesh) {
  const MeshAxis axis = resolve[0].axis;
  LineSum sum;
  for (int64_t t = 0; t < Parts(resolve); ++t) {
    sum.terms.push_back(WithPart(resolve, t, node, mesh));
  }
  absl::c_sort(sum.terms, [&](NodeCoord a, NodeCoord b) {
    return PlaceOf(a, axis) < PlaceOf(b, axis);
  });
  const std::vector<int64_t> parts = PartsAt(to, node, mesh);
  std::vector<int64_t> takers;
  for (size_t t = 0; t < sum.terms.size(); ++t) {
    if (PartsAt(to, sum.terms[t], mesh) == parts) {
      takers.push_back(static_cast<int64_t>(t));
    }
  }
  sum.first = takers.front();
  sum.last = takers.back();
  sum.root = takers[(takers.size() - 1) / 2];
  return sum;
}

std::vector<LineSumRange> LineSumRanges(const Placement& to, const AxisList& resolve,
                                        const Mesh& mesh) {
  const MeshAxis axis = resolve[0].axis;
  const int64_t side = AxisSize(mesh, axis);
  // Places by the line's other digits; and by those and the parts they take.
  std::map<int64_t, std::vector<int64_t>> terms;
  std::map<std::pair<int64_t, std::vector<int64_t>>, std::vector<int64_t>> takers;
  const auto line_of = [&](int64_t place) {
    return PlaceOf(WithPart(resolve, 0, AtPlace(place, axis), mesh), axis);
  };
  for (int64_t p = 0; p < side; ++p) {
    terms[line_of(p)].push_back(p);
    takers[{line_of(p), PartsAt(to, AtPlace(p, axis), mesh)}].push_back(p);
  }
  std::vector<LineSumRange> ranges(side);
  for (const auto& [key, places] : takers) {
    const std::vector<int64_t>& all = terms[key.first];
    const LineSumRange range = {.first_term = all.front(),
                                .last_term = all.back(),
                                .root = places[(places.size() - 1) / 2],
                                .first = places.front(),
                                .last = places.back()};
    for (const int64_t p : places) ranges[p] = range;
  }
  return ranges;
}

}  // namespace tatami
