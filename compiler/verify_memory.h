// Property 6 of VerifyProgram: storages, addresses and lifetimes.
#pragma once

#include "absl/status/status.h"
#include "core/program.h"

namespace tatami {

// REQUIRES: every index of the program is in range.
absl::Status VerifyMemory(const Program& program);

}  // namespace tatami
