// Why a job does not start, in a word and in a sentence with the numbers.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "tools/jobs/schedule/occupancy.h"
#include "tools/jobs/schedule/scheduler.h"

namespace tatami::jobs {

struct Explanation {
  WaitReason reason;
  std::string text;
};

// Why a job cannot start at `now_s` whatever others do, or nullopt for a job that is
// ready: it starts as soon as there is room and quota.
std::optional<Explanation> WhyNotReady(const PendingJob& job,
                                       const ClusterState& cluster, const FreeMap& live,
                                       int64_t now_s);

// What a decision looked like to the jobs that it left waiting.
struct Outcome {
  const ClusterState& cluster;
  const FreeMap& before;     // free nodes before anything started
  const FreeMap& undrained;  // the same, as if no node were drained
  const Occupancy& after;    // with what starts
  const std::optional<Reservation>& reserved;
  int64_t now_s;
  int64_t delay_s;  // of what starts, by moves
  Backfill backfill;
};

// Of a ready job that did not start.
Explanation WhyWaiting(const PendingJob& job, const Outcome& outcome);

}  // namespace tatami::jobs
