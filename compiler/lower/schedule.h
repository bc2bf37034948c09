// Transfers and supersteps: the first half of lowering.
#pragma once

#include "absl/status/statusor.h"
#include "core/graph.h"
#include "core/plan.h"
#include "core/program.h"

namespace tatami {

// A Program without storages and addresses: buffers, calls, supersteps, feeds, states,
// fetches. A state's buffer is named in `states`; its next value, in `next_of_state`.
struct ScheduledProgram {
  Program program;
  std::vector<int> next_of_state;  // buffer of the state's next value, or -1
};

// Every input of a call gets a buffer placed exactly as the call's rule needs: the
// producer's own where it already lies so, else a staging buffer filled by an exchange.
// A superstep's calls stage at most `staging_bytes_max` bytes on a node together; a
// call that would exceed it begins a superstep, which frees what the others staged.
// Partial sums are resolved once, as soon as they are made, along x first and then
// along y, into the placement that the first consumer reads.
//
// Each stage has a superstep of its own that its next call is added to, so that stages
// compute at once wherever one need not wait for the other: which they are follows from
// the order of the calls of each stage alone. A value that another stage reads lands
// there once, as it lies where it was made. Errors: E0105, E0106.
absl::StatusOr<ScheduledProgram> ScheduleSupersteps(const Graph& graph,
                                                    const Plan& plan,
                                                    int64_t staging_bytes_max);

}  // namespace tatami
