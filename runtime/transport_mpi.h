// Open MPI as a Transport. Messages of a pattern are persistent requests.
#pragma once

#include <memory>

#include "runtime/transport.h"

namespace tatami {

// Initialises MPI on first use and finalises it when the transport is destroyed. At
// most one may be made per process. E0603 when MPI cannot start.
absl::StatusOr<std::unique_ptr<Transport>> MakeMpiTransport();

// True when this process was started by mpirun (or srun) with more than one rank.
bool LaunchedByMpi();

}  // namespace tatami
