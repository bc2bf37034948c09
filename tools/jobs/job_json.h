// A job as scripts and the page read it.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>

#include "tools/jobs/proto/jobs.pb.h"

namespace tatami::jobs {

// The steps it trains in all: as its run said, else as its config asks; 0: not known
// yet.
int64_t StepsInAll(const Job& job);

nlohmann::json JobJson(const Job& job);

}  // namespace tatami::jobs
