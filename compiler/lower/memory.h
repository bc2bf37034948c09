// Memory: lifetimes, storages and addresses; the second half of lowering.
#pragma once

#include "compiler/lower/schedule.h"

namespace tatami {

// A step is a line of ticks: each superstep's exchange is one tick, each of its
// computes one more. A buffer lives from the tick that writes it to the last that reads
// it, both included. What the host feeds before a superstep lives from its exchange on.
struct Ticks {
  std::vector<std::pair<int, int>>
      buffer;  // [first, last]; {-1, -1} when never written
  int count = 0;
  std::vector<std::string> names;  // of each tick: "exchange 3", "trunk.conv"
};
Ticks TicksOf(const Program& program);

// Bytes of the storages alive at each tick, on the node class of the stage that has
// most; code apart.
std::vector<int64_t> BytesByTick(const Program& program, int ticks, int stage);

// Fills storages, lifetimes, node classes and addresses of `scheduled.program`; adds a
// last superstep of local copies for states that cannot be updated in place. True when
// every class of nodes fits its SRAM.
bool AssignMemory(ScheduledProgram& scheduled);

}  // namespace tatami
