// Lowering: Graph and Plan to Program. No choices are left here: the same graph, plan
// and machine give the same bytes.
#pragma once

#include <optional>

#include "absl/status/statusor.h"
#include "core/embedding.h"
#include "core/graph.h"
#include "core/plan.h"
#include "core/program.h"

namespace tatami {

struct LowerTarget {
  std::string machine;
  int64_t sram_bytes = 0;
  int64_t code_bytes = 0;
  std::optional<MeshSite> site;  // of the plan's mesh, where it lies on a damaged grid
};

// A program that is complete, but may need more SRAM than a node has.
struct Lowered {
  Program program;
  absl::Status fit;  // E0301 with an SramOverflow payload when it does
};
// As Lower, for who wants to know what a plan that does not fit needs, and when.
absl::StatusOr<Lowered> LowerEvenIfTooLarge(const Graph& graph, const Plan& plan,
                                            const LowerTarget& target);

// Makes every transfer explicit, orders supersteps, finds lifetimes and packs
// addresses. Errors: E0106 when the plan does not suit the graph; E0301 with an
// SramOverflow payload when a node's SRAM is too small, naming the node, the tick and
// the largest tensors alive.
absl::StatusOr<Program> Lower(const Graph& graph, const Plan& plan,
                              const LowerTarget& target);

}  // namespace tatami
