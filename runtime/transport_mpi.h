// Open MPI as a Transport. Messages of a pattern are persistent requests.
#pragma once

#include <memory>

#include "runtime/collective_peer.h"
#include "runtime/transport.h"

namespace tatami {

// Initialises MPI. At most one may be made per process. E0603 when MPI cannot start.
absl::StatusOr<std::unique_ptr<Transport>> MakeMpiTransport();

// Open MPI's own collectives between all ranks. REQUIRES: a transport of
// MakeMpiTransport, which outlives it.
absl::StatusOr<std::unique_ptr<CollectivePeer>> MakeMpiCollectives();

// Waits for all ranks and ends MPI; nothing when it was never initialised. To be called
// after the transport is gone and only by a rank that succeeded: one that failed must
// not wait for the others here. It ends its process instead, upon which mpirun ends
// theirs.
void FinalizeMpi();

// True when this process was started by mpirun (or srun) with more than one rank.
bool LaunchedByMpi();

// True when mpirun itself started this process, which then ends it with SIGTERM when
// another rank has failed; false under srun. To be asked before
// MakeMpiTransport.
bool StartedByMpirun();

// This process's rank by its environment; -1 when it was not started by mpirun.
int RankByMpi();

}  // namespace tatami
