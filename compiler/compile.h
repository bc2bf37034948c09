// Compile: a training graph onto a mesh of a machine.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "compiler/plan/choices.h"
#include "core/graph.h"
#include "core/live_mesh.h"
#include "core/machine.h"
#include "core/plan.h"
#include "core/program.h"

namespace tatami {

struct CompileOptions {
  Mesh mesh;
  // Rows and columns of equal rectangles that the mesh is cut into, each a pipeline
  // stage that makes a part of the calls.
  Mesh stages{1, 1};
  // The machine's grid, where some of it is dead: the mesh is laid on what is left, and
  // may then be as large as that hosts.
  std::optional<LiveMesh> live;
  std::string pinned_plan;  // text of a plan or of a part of one; may be empty
  bool choices = false;     // fill Compiled::choices, for who explains the plan
};

struct Compiled {
  Graph graph;  // after all passes
  Plan plan;
  Program program;
  Dilation dilation;   // all 0 where the program has no site
  double step_ns = 0;  // modelled
  // Modelled: no plan that the search considers is faster. With several stages: none
  // that gives each stage the same calls, even if it never waited.
  double bound_ns = 0;
  std::vector<double> stage_ns;  // modelled: how long each stage works in a step
  double compile_s = 0;          // measured
  // By call of `graph`: what the search chose from. Empty unless asked for.
  std::vector<std::vector<PlanChoice>> choices;

  // How far the plan may be from the best that the search considers, of its own time.
  double gap() const { return step_ns > 0 ? (step_ns - bound_ns) / step_ns : 0; }
};

// Runs the passes, searches a plan (again with dearer memory when one does not fit),
// lowers, and verifies after each step. With stages, first cuts the calls into stages
// and puts them in the order of 1F1B (compiler/stage_order.h). Errors: E0101 for more
// stages than calls, E0105, E0106, E0107, E0108 for a map of another grid than the
// machine's, E0301.
absl::StatusOr<Compiled> Compile(Graph graph, const MachineSpec& machine,
                                 const CompileOptions& options);

}  // namespace tatami
