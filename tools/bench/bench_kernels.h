// The kernels of a training step, ours beside PyTorch's operators: one call at a time,
// on one thread each, with the same inputs, interleaved.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/op_def.h"
#include "tools/bench/spread.h"
#include "tools/bench/step_runner.h"

namespace tatami {

struct BenchKernelsOptions {
  int runs = 5;               // timed ones of each side
  double run_seconds = 0.03;  // a run repeats its call for at least so long
  double heavy_share = 0.99;  // of our compute time that the timed calls make up
  std::string op;             // times this op's calls alone; "": all
  DType dtype = DType::kF32;  // kBF16: f32 operands are taken as bf16
};

// A call of the step; calls of equal shape and attributes are one.
struct KernelTimes {
  std::string op, call, shapes;  // `call` is the name of the first
  int64_t count = 0;             // of such calls in a step
  std::string not_timed;         // why; all below is then empty
  Spread ours_s, peer_s;         // of one call
  double ratio = 0;              // how many times as many calls a second ours makes
  std::string peer_format;       // of the two memory formats the better
  std::string peer_differs;      // how the operator's work differs from the kernel's
};

struct BenchKernelsResult {
  std::string name;
  std::vector<KernelTimes> kernels;  // those that take most of a step first
  int64_t light_calls = 0;           // distinct ones, left out
  double light_share = 0;            // of our compute time
  // Over the calls whose work is the same on both sides.
  int64_t compared = 0;
  double ours_s = 0, peer_s = 0;  // summed as often as the step makes them; medians
  double mean_ratio = 0;          // geometric, each distinct call once
};

// The calls are those of the compiled step on one node of machine `host`; setup.batch
// and setup.preset choose it. Results are compared first: what differs by more than
// rounding explains is not timed and says so. Errors: E0101 for an op that the step
// does not call; E0603 when PyTorch cannot be started.
absl::StatusOr<BenchKernelsResult> BenchKernels(const StepSetup& setup,
                                                const BenchKernelsOptions& options);

}  // namespace tatami
