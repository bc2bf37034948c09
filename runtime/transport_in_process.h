// Ranks as threads of one process, for tests: deterministic results whatever the seeded
// delays do to the order of arrival.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "runtime/transport.h"

namespace tatami {

struct InProcessOptions {
  uint64_t seed = 0;
  absl::Duration delay_max =
      absl::ZeroDuration();  // each message waits up to this long
  int silent_rank = -1;  // this rank's messages are never delivered: a hang, for tests
};

// One transport per rank, connected to one another. Each is to be used by a thread of
// its own.
std::vector<std::unique_ptr<Transport>> MakeInProcessTransports(
    int size, InProcessOptions options);

}  // namespace tatami
