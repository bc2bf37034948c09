// Requests to end a run in good order: SIGTERM and SIGUSR1. To ranks of mpirun only the
// latter: it passes SIGUSR1 on, and sends SIGTERM to those that are to end at once.
#pragma once

namespace tatami {

enum class TermMeans { kStop, kEndAtOnce };

// While one exists, the first SIGTERM (where it means that) or SIGUSR1 of this process
// is remembered and does nothing else; a SIGTERM after that ends the process at once.
// At most one exists.
class StopSignals {
 public:
  explicit StopSignals(TermMeans term);
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  bool requested() const;
};

}  // namespace tatami
