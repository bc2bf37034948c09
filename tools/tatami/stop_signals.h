// Requests to end a run in good order: SIGTERM, and SIGUSR1, which mpirun passes on to
// its ranks where it answers SIGTERM by killing them.
#pragma once

namespace tatami {

// While one exists, the first SIGTERM or SIGUSR1 of this process is remembered and does
// nothing else; a SIGTERM after that ends the process at once. At most one exists.
class StopSignals {
 public:
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  bool requested() const;
};

}  // namespace tatami
