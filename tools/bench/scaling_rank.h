// One rank of a group that steps when it is told to: what `tatami bench scaling` starts
// and times.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "runtime/transport.h"
#include "tools/bench/step_runner.h"

namespace tatami {

// Where rank `rank` reads its lines: a FIFO, since mpirun hands stdin to rank 0 alone,
// and a rank that waits in MPI would use up a core.
std::string RequestPath(const std::string& folder, int rank);

// Compiles and prepares the step, then reads lines "STEPS" until their end. Rank 0
// writes to stdout: "ready", then for each line "SECONDS COMPUTE EXCHANGE WAIT": what
// the steps took it by the clock, and where the rank that computed longest spent them.
absl::Status ServeSteps(const StepSetup& setup, std::unique_ptr<Transport> transport,
                        const std::string& folder);

}  // namespace tatami
