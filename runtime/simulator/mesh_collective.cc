#include "runtime/simulator/mesh_collective.h"

#include <algorithm>

namespace tatami {
namespace {

// The axes over which `fine` cuts dims further than `coarse` does, where that is the
// only difference. Cuts by floor splits nest when the further axes come last.
std::optional<AxisList> FurtherAxes(const std::vector<DimPlacement>& fine,
                                    const std::vector<DimPlacement>& coarse) {
  AxisList out;
  for (size_t d = 0; d < fine.size(); ++d) {
    if (fine[d] == coarse[d]) continue;
    const AxisList &more = fine[d].axes, &less = coarse[d].axes;
    if (more.size() < less.size() || fine[d].factor_size != coarse[d].factor_size ||
        !fine[d].map.IsIdentity() || !coarse[d].map.IsIdentity() ||
        !std::equal(less.begin(), less.end(), more.begin())) {
      return std::nullopt;
    }
    out.insert(out.end(), more.begin() + static_cast<ptrdiff_t>(less.size()),
               more.end());
  }
  return out;
}

AxisList Without(const AxisList& axes, const AxisList& gone) {
  AxisList out;
  for (const AxisRef& ref : axes) {
    if (std::find(gone.begin(), gone.end(), ref) == gone.end()) out.push_back(ref);
  }
  return out;
}

bool SameAxes(const AxisList& a, const AxisList& b) {
  return std::is_permutation(a.begin(), a.end(), b.begin(), b.end());
}

}  // namespace

absl::string_view CollectiveKindName(CollectiveKind kind) {
  constexpr absl::string_view kNames[] = {"all-reduce", "all-gather", "reduce-scatter"};
  return kNames[static_cast<int>(kind)];
}

std::optional<MeshCollective> CollectiveOf(const Exchange& e, const Mesh& mesh) {
  if (e.from.dims.size() != e.to.dims.size() ||
      e.to.partial != Without(e.from.partial, e.resolve)) {
    return std::nullopt;
  }
  MeshCollective out{.bytes = MostElements(e.from, mesh) * e.element_bytes};
  if (e.resolve.empty()) {
    const auto gathered = FurtherAxes(e.from.dims, e.to.dims);
    if (!gathered || Parts(*gathered) == 1 || !e.from.IsPartition()) {
      return std::nullopt;
    }
    out.kind = CollectiveKind::kAllGather;
    out.axes = *gathered;
    return out;
  }
  const auto scattered = FurtherAxes(e.to.dims, e.from.dims);
  if (!scattered || Parts(e.resolve) == 1) return std::nullopt;
  if (scattered->empty()) {
    out.kind = CollectiveKind::kAllReduce;
  } else if (SameAxes(*scattered, e.resolve)) {
    out.kind = CollectiveKind::kReduceScatter;
  } else {
    return std::nullopt;
  }
  out.axes = e.resolve;
  return out;
}

}  // namespace tatami
