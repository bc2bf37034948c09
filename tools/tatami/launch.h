// Starting one's own mpirun.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace tatami {

// The words of this process's command line.
std::vector<std::string> OwnCommandLine();

// Replaces this process by mpirun with `ranks` copies of it. Returns only on failure:
// E0603 when mpirun is not there.
absl::Status ExecUnderMpirun(int ranks, int threads);

}  // namespace tatami
