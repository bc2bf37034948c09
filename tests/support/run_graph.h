// Runs graphs on emulated meshes, ranks as threads: what differential tests compare.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/graph.h"
#include "core/plan.h"
#include "core/program.h"
#include "runtime/transport_in_process.h"

namespace tatami::testing {

using Bytes = std::vector<std::byte>;
using TransportWrapper =
    std::function<std::unique_ptr<Transport>(std::unique_ptr<Transport>)>;

struct RunOptions {
  int ranks = 1;
  int threads = 1;
  int steps = 1;
  InProcessOptions transport;
  // May be null. Wraps each rank's transport, to damage what it delivers.
  TransportWrapper wrap_transport;
};

struct RunResult {
  std::map<std::string, Bytes> outputs;  // after the last step
  std::map<std::string, Bytes> states;   // after the last step
  LinkBytes link_bytes{Mesh{}};          // counted, of one step, summed over ranks
  int64_t high_water_bytes = 0;          // of the node that wrote highest
  std::vector<int64_t> high_water_of_rank;
  Program program;
};

// Lowers for nodes of exactly as much SRAM as the program needs, and verifies. With
// `live`, the plan's mesh is laid on it.
absl::StatusOr<Program> LowerOnMesh(const Graph& graph, const Plan& plan,
                                    const LiveMesh* live = nullptr);

// Runs a program, verified or not, in SRAM that starts as NaNs. `values` gives inputs
// and states by name.
absl::StatusOr<RunResult> RunProgram(const Program& program,
                                     const std::map<std::string, Bytes>& values,
                                     const RunOptions& options);

// LowerOnMesh, then RunProgram.
absl::StatusOr<RunResult> RunOnMesh(const Graph& graph, const Plan& plan,
                                    const std::map<std::string, Bytes>& values,
                                    const RunOptions& options);

// Empty when all outputs and states have equal bits and no output is a NaN; else a
// sentence that names the first difference.
std::string FindDifference(const RunResult& got, const RunResult& want);

// Values for every state and all that is fed, by name: whole numbers in
// [-range, range] / scale, drawn by name; i32 inputs in [0, labels).
std::map<std::string, Bytes> DrawValues(const Graph& graph, uint64_t seed,
                                        int64_t range, double scale, int64_t labels);

std::vector<float> AsFloats(const Bytes& bytes);

// A plan that cuts each call over each axis in some legal way, drawn by its name; parts
// may be empty.
Plan RandomPlan(const Graph& graph, const Mesh& mesh, uint64_t seed);

}  // namespace tatami::testing
