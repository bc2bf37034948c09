// The candidates of every call of a graph.
#pragma once

#include <vector>

#include "compiler/plan/candidates.h"
#include "core/plan.h"

namespace tatami {

// By call, at most `candidates_max` each. Calls with matrix arithmetic bring their own
// best cuts; the layouts these give to values then spread through the other calls,
// forward and back, so that neighbours can agree. A call whose cuts are pinned has the
// pinned candidate only.
std::vector<std::vector<Candidate>> MakeCandidateSets(const Graph& graph,
                                                      const CostModel& model,
                                                      const Plan& pinned,
                                                      size_t candidates_max);

}  // namespace tatami
