// The ways to cut one call: what the search chooses from.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "compiler/lower/placement.h"
#include "compiler/plan/cost_model.h"
#include "core/graph.h"

namespace tatami {

struct Candidate {
  CallPlacement placement;
  Placement held;                     // where the combined result lies
  std::vector<AxisList> result_axes;  // of `held`, by factor; used where made.partial
  double compute_ns = 0, resolve_ns = 0;
  // Of the fullest node, as packed.
  int64_t made_bytes = 0, held_bytes = 0;
  std::vector<int64_t> need_bytes;  // by input
};

// How a tensor is cut, by dim, halos apart.
using Layout = std::vector<AxisList>;
Layout LayoutOf(const Placement& placement);

// The cuts of a call, by factor, with which `operand` lies as `layout`; nullopt when
// the rule forbids it.
std::optional<std::vector<AxisList>> CutsFor(const OperandRule& operand,
                                             const IndexRule& rule,
                                             const Layout& layout);

// Enumerates every way to give each mesh axis to no factor, one, or two (as a major
// and a minor sub-axis), and returns the `count` most promising: per set of factors the
// best, by an estimate of arithmetic, gathers, halos and partial terms, under three
// prices of memory. The uncut call comes first.
std::vector<std::vector<AxisList>> EnumerateCuts(const OpCall& call,
                                                 const IndexRule& rule,
                                                 const CostModel& model, size_t count);

// The candidates with the given cuts: one, or, where terms are left to combine, one for
// each of up to four places to combine them in.
std::vector<Candidate> MakeCandidates(const OpCall& call, const IndexRule& rule,
                                      std::vector<AxisList> factor_axes,
                                      const CostModel& model);
// With the result where the plan wants it.
Candidate MakeCandidate(const OpCall& call, const IndexRule& rule,
                        std::vector<AxisList> factor_axes,
                        std::vector<AxisList> result_axes, const CostModel& model);

}  // namespace tatami
