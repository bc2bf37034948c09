// Which call of a Program each exchange serves, and what it brings: the Program read
// backwards, for who explains it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/program.h"

namespace tatami {

// Where a buffer's bytes come from, however often they were moved since.
struct BufferOrigin {
  enum Kind : uint8_t { kCall, kState, kInput } kind = kCall;
  std::string name;     // of the call, the state or the input
  bool staged = false;  // an exchange made it only to be read from there
};
// By buffer of the program.
std::vector<BufferOrigin> OriginsOf(const Program& program);

// One value on its way, in one exchange or, where it is gathered along one mesh axis
// and then along the other, in two.
struct Transfer {
  BufferOrigin from;
  bool combines = false;  // terms are combined on the way
  int exchanges = 0;
  int64_t bytes_max = 0;  // that the node which gets most gets from other nodes
};

struct ProgramTransfers {
  // By call of the program: what was brought for it, and how its own terms were
  // combined. What two calls read stands at the first of them.
  std::vector<std::vector<Transfer>> of_call;
  std::vector<Transfer> at_end;  // next values of states, to where the states lie
};
// Walks over every node of every exchange.
ProgramTransfers TransfersOf(const Program& program);

}  // namespace tatami
