// Transport: how ranks reach one another. MPI is one implementation, an in-process one
// with seeded delays serves tests; the emulator knows only this interface.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

namespace tatami {

// Thread rule: one thread of a rank calls at a time; ranks are independent.
class Transport {
 public:
  // A fixed message to or from a peer; the buffer must outlive the transport's use of
  // it.
  struct Part {
    int peer = 0;
    absl::Span<std::byte> buffer;
  };

  virtual ~Transport() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;

  // Registers a message pattern that repeats every step: at most one part per peer and
  // direction. Ranks must add matching patterns in the same order. Returns its number.
  virtual absl::StatusOr<int> AddPattern(std::vector<Part> sends,
                                         std::vector<Part> receives) = 0;
  // Starts all messages of a pattern; send buffers must not change until Wait returns.
  virtual absl::Status Start(int pattern) = 0;
  // Waits for all messages of a started pattern. E0601 naming the silent ranks after
  // `deadline`; the transport is unusable then.
  virtual absl::Status Wait(int pattern, absl::Duration deadline) = 0;

  // Rank 0 gets every rank's bytes in rank order, the others an empty vector.
  // Collective. E0601 after kControlDeadline, as Wait.
  virtual absl::StatusOr<std::vector<std::vector<std::byte>>> GatherToRoot(
      absl::Span<const std::byte> mine) = 0;
  // Rank 0's bytes reach all ranks. Collective. E0601 after kControlDeadline, as Wait.
  virtual absl::Status BroadcastFromRoot(std::vector<std::byte>& bytes) = 0;
};

// Longer than rank 0 takes between two steps to evaluate, write a checkpoint and draw.
constexpr absl::Duration kControlDeadline = absl::Minutes(10);

// E0601: `rank` waited in vain for the `silent` ranks, each named once.
absl::Status SilenceError(int rank, absl::Duration deadline, std::vector<int> silent);
// The silent ranks of a status of SilenceError; of any other, none.
std::vector<int> SilentRanks(const absl::Status& status);

// The only rank there is.
std::unique_ptr<Transport> MakeSingleTransport();

}  // namespace tatami
