#include "compiler/plan/candidates.h"

#include <algorithm>
#include <array>
#include <map>

#include "absl/algorithm/container.h"

namespace tatami {
namespace {

// One way to share out a mesh axis: up to two factors, the first the major.
struct AxisShare {
  int major = -1, minor = -1;  // factors, or -1
  AxisRef major_ref, minor_ref;
};

bool MayCut(const Factor& factor, int64_t parts) {
  return factor.kind != FactorKind::kWhole && factor.size >= parts;
}

std::vector<AxisShare> SharesOf(const IndexRule& rule, const Mesh& mesh,
                                MeshAxis axis) {
  const int64_t side = AxisSize(mesh, axis);
  std::vector<AxisShare> out = {{}};
  const int factors = static_cast<int>(rule.factors.size());
  for (int64_t major = 2; major <= side; ++major) {
    if (side % major != 0) continue;
    const AxisRef first{axis, 1, major}, rest{axis, major, side / major};
    for (int f = 0; f < factors; ++f) {
      if (!MayCut(rule.factors[f], major)) continue;
      out.push_back({.major = f, .major_ref = first});
      for (int g = 0; g < factors && major < side; ++g) {
        if (g == f || !MayCut(rule.factors[g], rest.size)) continue;
        out.push_back({.major = f, .minor = g, .major_ref = first, .minor_ref = rest});
      }
    }
  }
  return out;
}

// What a cut would cost, from extents alone: thousands are compared in a millisecond.
class Estimate {
 public:
  Estimate(const OpCall& call, const IndexRule& rule, const CostModel& model)
      : rule_(rule), model_(model) {
    double points = 1;
    for (const Factor& f : rule.factors) points *= static_cast<double>(f.size);
    whole_ns_ = model.WholeNs(call);
    points_ = points;
    for (size_t i = 0; i < call.in.size(); ++i) {
      operands_.push_back(
          {&rule.inputs[i], &call.in[i].dims, ByteSize(call.in[i].dtype)});
    }
    operands_.push_back({&rule.output, &call.out.dims, ByteSize(call.out.dtype)});
  }

  struct Cost {
    double ns = 0, bytes = 0;
  };
  Cost Of(absl::Span<const int64_t> parts) const {
    double points = 1, all_parts = 1, terms = 1;
    for (size_t f = 0; f < parts.size(); ++f) {
      points *= Local(static_cast<int>(f), parts);
      all_parts *= static_cast<double>(parts[f]);
      if (rule_.factors[f].kind == FactorKind::kReduce) {
        terms *= static_cast<double>(parts[f]);
      }
    }
    Cost cost{.ns = whole_ns_ * points / points_};
    for (size_t o = 0; o < operands_.size(); ++o) {
      const Operand& operand = operands_[o];
      double own = operand.element_bytes, need = own, operand_parts = 1;
      for (size_t d = 0; d < operand.rule->size(); ++d) {
        const OperandDim& dim = (*operand.rule)[d];
        const auto size = static_cast<double>((*operand.dims)[d]);
        if (dim.factor == kWholeDim) {
          own *= size;
          need *= size;
          continue;
        }
        const int64_t p = parts[dim.factor];
        operand_parts *= static_cast<double>(p);
        own *= std::max(1.0, size / static_cast<double>(p));
        // Whole when not cut; else the part and its halo.
        const double part = Local(dim.factor, parts) *
                            static_cast<double>(dim.map.num) /
                            static_cast<double>(dim.map.den);
        const auto halo =
            static_cast<double>(dim.map.hi - dim.map.lo + 1 - dim.map.num);
        need *= p == 1 ? size : std::min(size, part + std::max(0.0, halo));
      }
      const bool is_output = o + 1 == operands_.size();
      const double moved = is_output ? need * (terms - 1) / terms
                                     : need - own * operand_parts / all_parts;
      cost.ns += model_.LinkNs(moved);
      cost.bytes += need;
    }
    return cost;
  }

 private:
  struct Operand {
    const OperandRule* rule;
    const Dims* dims;
    double element_bytes;

    Operand(const OperandRule* r, const Dims* d, int64_t bytes)
        : rule(r), dims(d), element_bytes(static_cast<double>(bytes)) {}
  };

  double Local(int factor, absl::Span<const int64_t> parts) const {
    const int64_t size = rule_.factors[factor].size, p = parts[factor];
    return static_cast<double>((size + p - 1) / p);
  }

  const IndexRule& rule_;
  const CostModel& model_;
  double whole_ns_ = 0, points_ = 1;
  std::vector<Operand> operands_;
};

struct Scored {
  int y = 0, x = 0;  // shares
  Estimate::Cost cost;
};

std::vector<AxisList> AxesOf(const AxisShare& y, const AxisShare& x, size_t factors) {
  std::vector<AxisList> axes(factors);
  for (const AxisShare* share : {&y, &x}) {
    if (share->major >= 0) axes[share->major].push_back(share->major_ref);
    if (share->minor >= 0) axes[share->minor].push_back(share->minor_ref);
  }
  return axes;
}

// The best pair of shares of every set of factors.
std::vector<Scored> BestOfFamilies(const OpCall& call, const IndexRule& rule,
                                   const CostModel& model,
                                   const std::vector<AxisShare>& ys,
                                   const std::vector<AxisShare>& xs) {
  const Estimate estimate(call, rule, model);
  std::map<std::array<int, 4>, Scored> best;
  std::vector<int64_t> parts(rule.factors.size());
  for (size_t y = 0; y < ys.size(); ++y) {
    for (size_t x = 0; x < xs.size(); ++x) {
      std::fill(parts.begin(), parts.end(), 1);
      for (const AxisShare* share : {&ys[y], &xs[x]}) {
        if (share->major >= 0) parts[share->major] *= share->major_ref.size;
        if (share->minor >= 0) parts[share->minor] *= share->minor_ref.size;
      }
      bool possible = true;
      for (size_t f = 0; f < parts.size(); ++f) {
        possible &= parts[f] <= rule.factors[f].size;
      }
      if (!possible) continue;
      const Scored scored{static_cast<int>(y), static_cast<int>(x), estimate.Of(parts)};
      const auto [it, added] = best.emplace(
          std::array{ys[y].major, ys[y].minor, xs[x].major, xs[x].minor}, scored);
      if (!added && scored.cost.ns < it->second.cost.ns) it->second = scored;
    }
  }
  std::vector<Scored> out;
  for (const auto& [family, scored] : best) out.push_back(scored);
  return out;
}

}  // namespace

Layout LayoutOf(const Placement& placement) {
  Layout layout;
  for (const DimPlacement& dim : placement.dims) layout.push_back(dim.axes);
  return layout;
}

std::optional<std::vector<AxisList>> CutsFor(const OperandRule& operand,
                                             const IndexRule& rule,
                                             const Layout& layout) {
  std::vector<AxisList> axes(rule.factors.size());
  for (size_t d = 0; d < operand.size(); ++d) {
    if (layout[d].empty() || operand[d].factor == kWholeDim) continue;
    if (!MayCut(rule.factors[operand[d].factor], Parts(layout[d]))) return std::nullopt;
    axes[operand[d].factor] = layout[d];
  }
  return axes;
}

std::vector<std::vector<AxisList>> EnumerateCuts(const OpCall& call,
                                                 const IndexRule& rule,
                                                 const CostModel& model, size_t count) {
  const std::vector<AxisShare> ys = SharesOf(rule, model.mesh(), MeshAxis::kY),
                               xs = SharesOf(rule, model.mesh(), MeshAxis::kX);
  std::vector<Scored> families = BestOfFamilies(call, rule, model, ys, xs);
  double least = 0;
  for (const Scored& s : families) {
    if (least == 0 || s.cost.ns < least) least = s.cost.ns;
  }
  std::vector<std::vector<AxisList>> out = {std::vector<AxisList>(rule.factors.size())};
  // Memory for nothing, at the price of the whole node's for the best time, and dear.
  const double unit = least / static_cast<double>(model.sram_bytes());
  for (const double price : {0.0, 3 * unit, 100 * unit}) {
    absl::c_stable_sort(families, [&](const Scored& a, const Scored& b) {
      return a.cost.ns + price * a.cost.bytes < b.cost.ns + price * b.cost.bytes;
    });
    const size_t share = price == 0 ? (count + 1) / 2 : count / 4;
    size_t added = 0;
    for (const Scored& s : families) {
      if (added == share) break;
      std::vector<AxisList> axes = AxesOf(ys[s.y], xs[s.x], rule.factors.size());
      ++added;
      if (!absl::c_linear_search(out, axes)) out.push_back(std::move(axes));
    }
  }
  return out;
}

Candidate MakeCandidate(const OpCall& call, const IndexRule& rule,
                        std::vector<AxisList> factor_axes,
                        std::vector<AxisList> result_axes, const CostModel& model) {
  Candidate c{.placement = PlaceCall(call, rule, std::move(factor_axes))};
  const Placement& made = c.placement.made;
  c.held = made.partial.empty() ? made : ResultPlacement(call, rule, result_axes);
  c.result_axes = std::move(result_axes);
  c.compute_ns = model.ComputeNs(call, rule, c.placement);
  c.resolve_ns = model.ResolveNs(made, c.held, call.out.dtype);
  c.made_bytes = model.PackedBytes(made, call.out.dtype);
  c.held_bytes = model.PackedBytes(c.held, call.out.dtype);
  for (size_t i = 0; i < call.in.size(); ++i) {
    c.need_bytes.push_back(model.PackedBytes(c.placement.needs[i], call.in[i].dtype));
  }
  return c;
}

std::vector<Candidate> MakeCandidates(const OpCall& call, const IndexRule& rule,
                                      std::vector<AxisList> factor_axes,
                                      const CostModel& model) {
  constexpr size_t kResults = 4;
  std::vector<AxisList> as_made(rule.factors.size());
  for (const OperandDim& dim : rule.output) {
    if (dim.factor != kWholeDim) as_made[dim.factor] = factor_axes[dim.factor];
  }
  std::vector<Candidate> out = {MakeCandidate(call, rule, factor_axes, as_made, model)};
  const AxisList partial = out[0].placement.made.partial;
  if (partial.empty()) return out;
  // The terms' axes of each mesh axis go to one factor of the output, or to none.
  AxisList by_axis[2];
  for (const AxisRef& ref : partial) {
    by_axis[static_cast<int>(ref.axis)].push_back(ref);
  }
  std::vector<std::pair<int64_t, std::vector<AxisList>>> options;
  const int none = static_cast<int>(rule.output.size());
  for (int dy = 0; dy <= none; ++dy) {
    if (by_axis[0].empty() && dy != none) continue;
    for (int dx = 0; dx <= none; ++dx) {
      if ((by_axis[1].empty() && dx != none) || (dy == none && dx == none)) continue;
      std::vector<AxisList> axes = as_made;
      bool possible = true;
      for (const auto& [d, refs] : {std::pair(dy, &by_axis[0]), {dx, &by_axis[1]}}) {
        if (d == none) continue;
        const int f = rule.output[d].factor;
        axes[f].insert(axes[f].end(), refs->begin(), refs->end());
        possible &= MayCut(rule.factors[f], Parts(axes[f]));
      }
      if (!possible) continue;
      int64_t parts = 1;
      for (const AxisList& list : axes) parts *= Parts(list);
      options.emplace_back(parts, std::move(axes));
    }
  }
  absl::c_stable_sort(options,
                      [](const auto& a, const auto& b) { return a.first > b.first; });
  for (auto& [parts, axes] : options) {
    if (out.size() == kResults) break;
    out.push_back(MakeCandidate(call, rule, factor_axes, std::move(axes), model));
  }
  return out;
}

}  // namespace tatami
