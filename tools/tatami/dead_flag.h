// --dead: which nodes and links of a machine's grid are dead.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "core/live_mesh.h"

namespace tatami {

constexpr char kDeadHelp[] =
    "dead nodes and links of the machine's grid, as (3,7),(4,1)-(4,2), or a file with "
    "one of them a line";

// What is left of `grid` without the parts that `value` lists or that the file of this
// name holds. Errors: E0108.
absl::StatusOr<LiveMesh> ReadDeadFlag(const std::string& value, const Mesh& grid);

}  // namespace tatami
