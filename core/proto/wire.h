// Wire forms of Graph, Plan and Program: Protobuf, binary or text. The generated types
// stay inside core/proto; everything else sees the values of core/.
//
// 1. Deterministic: equal values give equal bytes.
// 2. Strict: a field that is missing, unknown or out of range, another version, an
//    unknown op or attribute, a size that no machine has: each is E0104 (or what
//    VerifyGraph and FactorAxes say) naming the field. No input makes a parser crash or
//    allocate more than a small multiple of its own length, but for a Plan's map, which
//    may take memory for a grid of kGridNodesMax nodes.
// 3. Parsers read both forms and tell them apart by the first bytes.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/graph.h"
#include "core/plan.h"
#include "core/program.h"

namespace tatami {

enum class WireForm { kBinary, kText };

// Finds an op by its name, or null. core knows no ops: pass FindOp of ops/all_ops.h.
using OpLookup = const OpDef* (*)(absl::string_view name);

std::string SerializeGraph(const Graph& graph, WireForm form);
// Returns a graph for which VerifyGraph holds.
absl::StatusOr<Graph> ParseGraph(absl::string_view bytes, OpLookup find_op);

std::string SerializePlan(const Plan& plan, WireForm form);
// Returns a plan, or a part of one, whose cuts the rules of `graph` allow.
absl::StatusOr<Plan> ParsePlanWire(absl::string_view bytes, const Graph& graph);

// REQUIRES: a Program that Lower made: every index is in range.
std::string SerializeProgram(const Program& program, WireForm form);
// Every index, axis and size of the result is in range, and its checksum the one that
// was written; what a Program must mean beyond that, VerifyProgram
// (compiler/verify.h) checks.
absl::StatusOr<Program> ParseProgram(absl::string_view bytes, OpLookup find_op);

}  // namespace tatami
