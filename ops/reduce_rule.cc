#include "ops/reduce_rule.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/error.h"

namespace tatami::reduce {

absl::StatusOr<Axes> ReadAxes(const Attrs& attrs, int rank) {
  const auto &dims = attrs.Ints("dims"), &keep = attrs.Ints("keep");
  const auto fail = [&](absl::string_view what) {
    return MakeError(ErrorCode::kBadGraph,
                     absl::StrCat("a reduction of rank ", rank, " needs ", what,
                                  "; got dims=[", absl::StrJoin(dims, ","), "] keep=[",
                                  absl::StrJoin(keep, ","), "]"));
  };
  Axes axes{std::vector<bool>(rank, false), std::vector<bool>(rank, false)};
  int64_t last = -1;
  for (int64_t d : dims) {
    if (d <= last || d >= rank) return fail("different dims in range");
    axes.reduced[d] = true;
    last = d;
  }
  for (int64_t d : keep) {
    if (d < 0 || d >= rank || !axes.reduced[d])
      return fail("kept dims that are reduced");
    axes.kept[d] = true;
  }
  return axes;
}

Dims ReducedDims(const Dims& full, const Axes& axes) {
  Dims dims;
  for (size_t d = 0; d < full.size(); ++d) {
    if (!axes.reduced[d]) dims.push_back(full[d]);
    if (axes.kept[d]) dims.push_back(1);
  }
  return dims;
}

Dims ReducedIndex(absl::Span<const int64_t> full, const Axes& axes) {
  Dims index;
  for (size_t d = 0; d < full.size(); ++d) {
    if (!axes.reduced[d]) index.push_back(full[d]);
    if (axes.kept[d]) index.push_back(0);
  }
  return index;
}

Nest MakeNest(const Dims& full_extents, const Axes& axes) {
  Nest nest;
  int64_t full_stride = 1, reduced_stride = 1;
  for (int d = static_cast<int>(full_extents.size()) - 1; d >= 0; --d) {
    const int64_t extent = full_extents[d];
    if (extent == 1) continue;
    const bool reduced = axes.reduced[d];
    if (!nest.dims.empty() && (nest.dims.front().reduced_stride == 0) == reduced) {
      nest.dims.front().extent *= extent;
    } else {
      nest.dims.insert(nest.dims.begin(),
                       {extent, full_stride, reduced ? 0 : reduced_stride});
    }
    full_stride *= extent;
    if (!reduced) reduced_stride *= extent;
  }
  return nest;
}

}  // namespace tatami::reduce
