// Random traces on small meshes, and a judge that checks every decision on the way from
// nothing but lists of rectangles.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tools/jobs/schedule/replay.h"
#include "tools/jobs/schedule/scheduler.h"

namespace tatami::jobs {

enum class Estimates { kExact, kTooLong };  // of run times

struct RandomTrace {
  Trace trace;
  SchedulerOptions options;
  Estimates estimates = Estimates::kExact;
  uint64_t seed = 0;
};

// Up to 30 jobs on up to 6x6 nodes, of which some are dead or drained, some later:
// several queues with quotas and bands, held and delayed jobs, all options.
RandomTrace DrawTrace(uint64_t seed);

// How often something happened that a check looks at, so that a test can tell that
// its checks had something to do.
struct TraceCounts {
  uint64_t decisions = 0, starts = 0, moves = 0, backfilled = 0;
  uint64_t promises_kept = 0;      // of jobs started under an unbroken promise
  uint64_t borrowed = 0;           // starts above a queue's quota
  uint64_t waits_bounded = 0;      // starts after patience was lost, checked
  uint64_t forecasts_checked = 0;  // starts compared with a forecast
  std::map<WaitReason, int64_t> reasons;
};

// Replays the trace and adds a test failure for each rule that a decision breaks.
void ReplayAndCheck(const RandomTrace& random, TraceCounts& counts);

// The same for the traces of seeds 0 to `count` - 1, up to the first with a failure.
// Prints what there was to check, and fails where that was too little.
void ExpectTracesObeyEveryRule(uint64_t count);

}  // namespace tatami::jobs
