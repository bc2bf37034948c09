// Training steps a second, ours beside a peer's. Runs are interleaved, so that a busy
// machine slows both sides; medians are reported with every run.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/bench/step_runner.h"

namespace tatami {

struct BenchStepOptions {
  int runs = 5;   // timed ones of each side; one untimed step of each comes first
  int steps = 2;  // in a run
};

struct BenchResult {
  std::string name, peer_name;
  double ours = 0, peer = 0;  // medians, in `unit`
  double ratio = 0;           // ours / peer
  // The same in samples per second of processor time, which other programs on the
  // computer disturb less.
  double cpu_ratio = 0;
  std::string unit;
  std::vector<double> ours_runs, peer_runs;  // in the order they ran
  std::vector<double> losses;  // ours, of the last step of each run: one batch, over
                               // and over
};

// Beside PyTorch eager training the same network with as many threads, in its default
// memory format and in channels-last; the peer is the one with the better median.
// Errors: E0603 when PyTorch cannot be started.
absl::StatusOr<BenchResult> BenchAgainstPytorch(const StepSetup& setup,
                                                const BenchStepOptions& options);

// Beside the same network on machine `host`, one node for each thread.
absl::StatusOr<BenchResult> BenchAgainstHost(const StepSetup& setup,
                                             const BenchStepOptions& options);

// Without a peer: `peer_runs` is empty, `peer` and `ratio` are 0.
absl::StatusOr<BenchResult> BenchAlone(const StepSetup& setup,
                                       const BenchStepOptions& options);

// Processor time of one step by op, longest first; seconds are summed over nodes.
struct OpTime {
  std::string op;
  int64_t calls = 0;
  double seconds = 0;
  std::string slowest;  // name of the call that took most
  double slowest_seconds = 0;
};
absl::StatusOr<std::vector<OpTime>> ProfileStep(const StepSetup& setup,
                                                const BenchStepOptions& options);

}  // namespace tatami
