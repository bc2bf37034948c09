// Chakra execution traces, ours and others', timed. docs/simulator.md says how.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/statusor.h"

namespace tatami {

struct ChakraStep {
  std::string model, machine;  // "" where the traces do not say
  double step_ns = 0;          // of the rank that ends last
  int64_t ranks = 0, traces = 0;
  int64_t nodes = 0;           // of all traces
  int64_t exact_nodes = 0;     // whose time stands in the trace, to the bit
  int64_t replayed_nodes = 0;  // whose time stands there in whole microseconds
  int64_t modelled_nodes = 0;  // whose time is that of the machine
  std::map<std::string, int64_t> other_attributes;  // kept unread, by nodes
};

// Reads the traces that the folder's ranks.json names, or without one all of its *.et,
// a rank each. A rank computes one thing at a time; all else overlaps as far as its
// dependencies let it, and ranks do not wait for one another. `machine` is a name or a
// path as LoadMachine takes it, or "" where every node has its time.
//
// Errors: those of LoadMachine; kDataMissing for a folder without traces;
// kDataUnreadable for what ParseChakra and ParseRankMap refuse and for a node that
// cannot be timed; kBadFlag for a machine missing, or another than that of our traces.
absl::StatusOr<ChakraStep> TimeOfChakra(const std::string& folder,
                                        const std::string& machine);

// At most 80 columns, but for the names of attributes.
std::string ChakraText(const ChakraStep& step);

}  // namespace tatami
