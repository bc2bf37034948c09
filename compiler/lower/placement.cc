#include "compiler/lower/placement.h"

#include <algorithm>

#include "absl/algorithm/container.h"

namespace tatami {
namespace {

bool UsesAxisOf(const AxisList& axes, const AxisList& others) {
  return std::any_of(axes.begin(), axes.end(), [&](const AxisRef& a) {
    return std::any_of(others.begin(), others.end(),
                       [&](const AxisRef& b) { return a.axis == b.axis; });
  });
}

int64_t LargestInterval(const DimPlacement& dim) {
  if (dim.axes.empty() && dim.map.IsIdentity()) return dim.factor_size;
  const int64_t parts = Parts(dim.axes);
  const int64_t n = (dim.factor_size + parts - 1) / parts;
  const int64_t begin =
      (dim.factor_size - n) / 2;  // an inner part: not clipped at an edge
  return dim.map.Apply({begin, begin + n}, dim.dim_size).size();
}

int64_t TotalParts(const Placement& placement) {
  int64_t parts = 1;
  for (const DimPlacement& d : placement.dims) parts *= Parts(d.axes);
  return parts;
}

}  // namespace

CallPlacement PlaceCall(const OpCall& call, const IndexRule& rule,
                        std::vector<AxisList> factor_axes) {
  CallPlacement out;
  for (size_t i = 0; i < call.in.size(); ++i) {
    out.needs.push_back(
        OperandPlacement(rule.inputs[i], rule, factor_axes, call.in[i].dims));
  }
  out.made = OperandPlacement(rule.output, rule, factor_axes, call.out.dims);
  for (size_t f = 0; f < rule.factors.size(); ++f) {
    if (rule.factors[f].kind != FactorKind::kReduce) continue;
    out.made.partial.insert(out.made.partial.end(), factor_axes[f].begin(),
                            factor_axes[f].end());
  }
  // Terms combine in ascending order of part: rows before columns, major before minor.
  std::sort(out.made.partial.begin(), out.made.partial.end(),
            [](const AxisRef& a, const AxisRef& b) {
              return std::pair(a.axis, a.pre) < std::pair(b.axis, b.pre);
            });
  out.factor_axes = std::move(factor_axes);
  return out;
}

Placement ResultPlacement(const OpCall& call, const IndexRule& rule,
                          const std::vector<AxisList>& factor_axes) {
  return OperandPlacement(rule.output, rule, factor_axes, call.out.dims);
}

int64_t LargestPartBytes(const Placement& placement, DType dtype) {
  int64_t n = 1;
  for (const DimPlacement& d : placement.dims) n *= LargestInterval(d);
  return n * ByteSize(dtype);
}

Placement HeldPlacement(const Placement& made,
                        const std::optional<Placement>& first_need) {
  if (made.partial.empty()) return made;
  if (first_need && first_need->IsPartition()) return *first_need;
  Placement out = made;
  out.partial.clear();
  return out;
}

std::vector<ResolvePhase> ResolvePhases(const Placement& made, const Placement& held) {
  std::vector<ResolvePhase> phases;
  AxisList left = made.partial;
  for (const MeshAxis axis : {MeshAxis::kX, MeshAxis::kY}) {
    AxisList resolve, rest;
    for (const AxisRef& ref : left) (ref.axis == axis ? resolve : rest).push_back(ref);
    if (resolve.empty()) continue;
    Placement to = held;
    for (size_t d = 0; d < to.dims.size(); ++d) {
      // Cuts along an axis whose terms are still apart must wait for the next phase.
      if (UsesAxisOf(to.dims[d].axes, rest)) to.dims[d] = made.dims[d];
    }
    to.partial = rest;
    phases.push_back({std::move(resolve), std::move(to)});
    left = rest;
  }
  return phases;
}

std::optional<Placement> GatherMidway(const Placement& held, const Placement& need) {
  const auto gathered = [&](size_t d, const AxisRef& ref) {
    return !absl::c_linear_search(need.dims[d].axes, ref);
  };
  bool gathers[2] = {false, false};
  for (size_t d = 0; d < held.dims.size(); ++d) {
    for (const AxisRef& ref : held.dims[d].axes) {
      if (gathered(d, ref)) gathers[static_cast<int>(ref.axis)] = true;
    }
  }
  if (!gathers[0] || !gathers[1]) return std::nullopt;
  for (const MeshAxis axis : {MeshAxis::kX, MeshAxis::kY}) {
    Placement midway = held;
    bool freed = true;
    for (size_t d = 0; d < midway.dims.size(); ++d) {
      AxisList& axes = midway.dims[d].axes;
      // Only the minor end of a dim's cuts can go while the others stay.
      while (!axes.empty() && axes.back().axis == axis && gathered(d, axes.back())) {
        axes.pop_back();
      }
      freed &= absl::c_none_of(axes, [&](const AxisRef& ref) {
        return ref.axis == axis && gathered(d, ref);
      });
    }
    if (!freed) continue;
    // What the freed axis cuts in the end, it may cut already.
    for (size_t d = 0; d < midway.dims.size(); ++d) {
      const DimPlacement& end = need.dims[d];
      if (held.dims[d].axes.empty() && end.map.IsIdentity() &&
          end.factor_size == end.dim_size &&
          absl::c_all_of(end.axes, [&](const AxisRef& r) { return r.axis == axis; })) {
        midway.dims[d] = end;
      }
    }
    if (TotalParts(midway) >= TotalParts(need)) return midway;
  }
  return std::nullopt;
}

}  // namespace tatami
