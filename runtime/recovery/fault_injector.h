// Faults put into a run on purpose, at a place that is named beforehand: so that anyone
// can see a run survive them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

namespace tatami {

enum class FaultKind {
  kKill,   // SIGKILL
  kStop,   // SIGSTOP: the rank lives and is silent
  kExit,   // ends with code 1, as after an error that nobody foresaw
  kDelay,  // sleeps
  kFlip,   // flips one bit of what the phase works on
};

// Where a rank is in a step, in their order; the three in the middle once a superstep.
enum class FaultPhase {
  kLoad,        // before the batch is taken
  kExchange,    // before the superstep's messages are sent
  kWait,        // they are sent, and those of others not yet here
  kCompute,     // the exchange is over and no call has run
  kLoss,        // all calls have run and no rank knows the loss
  kCheckpoint,  // before a checkpoint is written, at a step that has one
  kSnapshot,    // a snapshot is written but for its mark; flip: in it
  kCommit,      // the snapshot is marked
};

struct Fault {
  FaultKind kind = FaultKind::kKill;
  int rank = 0;
  int64_t step = 0;  // from 1
  FaultPhase phase = FaultPhase::kLoad;
  int64_t superstep = 0;
  // The start of the run that it happens in: 1 is the first, when nothing was resumed.
  int64_t incarnation = 1;
  absl::Duration delay = absl::ZeroDuration();
};

// "kill:rank=1,step=3,phase=wait,superstep=12,incarnation=2" or
// "delay:rank=0,step=1,phase=load,seconds=0.5". E0101 with the word at fault and the
// form.
absl::StatusOr<Fault> ParseFault(absl::string_view text);
// The same form again.
std::string ToString(const Fault& fault);

// E0101 when the run has no such rank, step or superstep: the fault would never happen.
absl::Status CheckHappens(const Fault& fault, int ranks, int64_t steps,
                          int64_t supersteps);

// Makes the faults of one rank happen, each once.
class FaultInjector {
 public:
  FaultInjector(const std::vector<Fault>& faults, int rank, int64_t incarnation);

  void BeginStep(int64_t step) { step_ = step; }
  // Called when the rank comes to this place; `memory` is what a flip happens in. Says
  // on stderr what it does before it does it.
  void At(FaultPhase phase, int64_t superstep, absl::Span<std::byte> memory);

 private:
  std::vector<Fault> faults_;  // of this rank and incarnation, yet to happen
  int64_t step_ = 0;
};

}  // namespace tatami
