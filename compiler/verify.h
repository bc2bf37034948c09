// What must hold of every Program, whatever made it.
#pragma once

#include "absl/status/status.h"
#include "core/program.h"

namespace tatami {

// Checks, superstep by superstep and node by node:
//  1. every index is in range, and types and placements belong together;
//  2. every call reads and makes buffers of one stage, placed as its rule says, terms
//  of
//     a cut reduction included;
//  3. an exchange reads a partition that was written before its superstep, keeps the
//     terms that it does not combine, combines the others as the call that made them
//     says, and brings every node each element it needs once per term; between stages
//     there are no terms;
//  4. every read finds the buffer it means: its storage was not written by another
//     buffer since, nor by another exchange of the same superstep;
//  5. a state holds its own or its next value when the step ends, and it and every
//     output can be read back: a partition without terms;
//  6. every storage is as large as its buffers, aligned, inside the SRAM and outside
//  the
//     code, and shares no byte with another while both are alive; it is alive from its
//     first write to its last read, and all the step when it persists.
// Of a stage of more than 1024 nodes, 3 looks at one node of each row and column.
// Returns Internal naming property, superstep, tensor and node: it is our bug.
// Cost: O(supersteps + nodes x buffers + copies of all exchanges).
absl::Status VerifyProgram(const Program& program);

}  // namespace tatami
