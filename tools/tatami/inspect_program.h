// What `tatami inspect` tells of a Program.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "core/program.h"

namespace tatami {

// Text of at most 80 columns: machine, peak of each node class, links, the largest
// buffers of the fullest class, states.
std::string DescribeProgram(const Program& program);

// The same as {kind: "program", model, machine, mesh, program_hash, verified,
// sram_bytes, code_bytes, peak_bytes, calls, supersteps, exchanges, link_bytes,
// link_bytes_max, classes[], largest_buffers[], states[]}.
nlohmann::json ProgramJson(const Program& program);

}  // namespace tatami
