// Starting one's own mpirun, and finding the other ranks under it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "runtime/transport.h"

namespace tatami {

// The words of this process's command line.
std::vector<std::string> OwnCommandLine();

// Runs mpirun with `ranks` copies of this process and waits for it. Returns the exit
// code of the ranks, which have then told what there was to tell. E0603 when mpirun
// cannot start or a rank was ended by a signal.
absl::StatusOr<int> RunUnderMpirun(int ranks, int threads);

// MPI's transport under mpirun, else the only rank there is. E0101 when --np is above 1
// and not what mpirun started.
absl::StatusOr<std::unique_ptr<Transport>> StartTransport(int np);

}  // namespace tatami
