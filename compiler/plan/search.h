// The search: Graph to Plan. Finds the plan of least modelled time among all
// combinations of its candidates that fit a node's SRAM, and proves how near it is.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "compiler/plan/choices.h"
#include "core/graph.h"
#include "core/machine.h"
#include "core/plan.h"

namespace tatami {

struct SearchOptions {
  Mesh mesh;
  Mesh stages{1, 1};           // rows and columns of rectangles that it is cut into
  Plan pinned;                 // calls named here keep what the plan says of them
  size_t candidates_max = 32;  // of a call
};

struct SearchResult {
  Plan plan;
  std::vector<int> state;        // the same, by call: one of the call's choices
  double step_ns = 0;            // modelled
  double bound_ns = 0;           // no combination of candidates that fits is faster
  std::vector<double> stage_ns;  // modelled, by stage: how long it works in a step
  std::vector<double> call_ns;   // modelled, by call
  std::vector<int64_t> bytes;    // modelled, by call, of the fullest node; code apart
  bool fits = false;             // the bytes are within the capacity at every call
};

// A search that can be asked again with less memory, when lowering needs more than the
// model said.
class PlanSearch {
 public:
  // `graph` must outlive the search. `options.pinned` must have passed ParsePlan, and
  // with several stages AssignStages: the bound is then of these stages.
  PlanSearch(const Graph& graph, const MachineSpec& machine,
             const SearchOptions& options);
  ~PlanSearch();

  // The best plan that holds at most `capacity[c]` bytes while call c runs; where none
  // was found, the one that came nearest. Goes on from what earlier runs learned, with
  // what they left of the effort. Deterministic: effort is counted, not timed.
  SearchResult Run(const std::vector<int64_t>& capacity);

  // By call: what the search chose from, as seen from what Run found for `capacity`.
  std::vector<std::vector<PlanChoice>> ChoicesAround(
      const SearchResult& found, const std::vector<int64_t>& capacity) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tatami
