// A Program as one page for a browser: the mesh as a heat map, the memory of each node
// class over the ticks of a step, the schedule.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "core/program.h"

namespace tatami {

// HTML that needs no other file and no network. `summary` is what `tatami inspect
// --json` tells (ProgramJson); its numbers and those of ProgramData lie in the page as
// JSON, as {summary: .., mesh: .., ..}. Names of the Program are data there: none can
// become markup. Equal Programs give equal bytes.
// REQUIRES: VerifyProgram(program).ok().
std::string ProgramPage(const Program& program, const nlohmann::json& summary);

}  // namespace tatami
