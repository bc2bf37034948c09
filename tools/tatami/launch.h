// Starting one's own mpirun.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace tatami {

// The words of this process's command line.
std::vector<std::string> OwnCommandLine();

// Runs mpirun with `ranks` copies of this process and waits for it. Returns the exit
// code of the ranks, which have then told what there was to tell. E0603 when mpirun
// cannot start or a rank was ended by a signal.
absl::StatusOr<int> RunUnderMpirun(int ranks, int threads);

}  // namespace tatami
