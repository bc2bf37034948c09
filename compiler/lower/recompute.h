// Running a call a second time where its result is needed late, so that the result need
// not be kept in between: the first step of lowering. A training step reads most
// activations twice, soon and again in the backward pass; the pause between is when
// they cost memory for nothing.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "core/graph.h"
#include "core/plan.h"

namespace tatami {

// The longest time in which nobody reads a call's result: it lies between the calls
// `last_early` and `first_late`. -1, -1 where a second run would free nothing: the
// pause is short, or the host or a state takes the result at the end of the step.
struct Pause {
  int last_early = -1, first_late = -1;
  bool worthwhile() const { return first_late >= 0; }
};
std::vector<Pause> FindPauses(const Graph& graph);  // by call

struct Expanded {
  Graph graph;
  Plan plan;  // a second run is cut as the first
};
// Adds a second run, named "NAME.again", of every call that the plan says is recomputed
// and whose pause is worthwhile. It stands before the first late reader and reads the
// second runs of what it needs, where there are such. Values and the meaning of the
// graph stay.
absl::StatusOr<Expanded> AddSecondRuns(const Graph& graph, const Plan& plan);

}  // namespace tatami
