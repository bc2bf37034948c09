#include "tools/jobs/schedule/scheduler.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/check.h"
#include "tools/jobs/schedule/forecast.h"
#include "tools/jobs/schedule/occupancy.h"
#include "tools/jobs/schedule/order.h"
#include "tools/jobs/schedule/pass.h"
#include "tools/jobs/schedule/wait_reason.h"

namespace tatami::jobs {
namespace {

template <typename Job>
void SortById(std::vector<Job>& jobs, std::set<int64_t>& ids) {
  std::sort(jobs.begin(), jobs.end(),
            [](const Job& a, const Job& b) { return a.id < b.id; });
  for (const Job& job : jobs) {
    TATAMI_CHECK(ids.insert(job.id).second) << "job " << job.id << " is listed twice";
  }
}

ClusterState Canonical(ClusterState cluster) {
  std::sort(cluster.queues.begin(), cluster.queues.end(),
            [](const Queue& a, const Queue& b) { return a.name < b.name; });
  std::sort(cluster.usage.begin(), cluster.usage.end(),
            [](const Usage& a, const Usage& b) {
              return std::tie(a.user, a.as_of_s, a.node_s) <
                     std::tie(b.user, b.as_of_s, b.node_s);
            });
  return cluster;
}

FreeMap LiveNodes(const ClusterState& cluster) {
  FreeMap live(cluster.grid);
  std::vector<Rectangle> parts;
  for (const NodeCoord& n : cluster.dead) parts.push_back({n.row, n.col, 1, 1});
  live.Occupy(parts);
  return live;
}

// Free nodes, as if none were drained.
FreeMap Undrained(const ClusterState& cluster, const Occupancy& occupancy) {
  FreeMap free = LiveNodes(cluster);
  std::vector<Rectangle> parts;
  for (const Resident& r : occupancy.residents()) parts.push_back(r.rectangle);
  free.Occupy(parts);
  return free;
}

void SetEarliest(const Forecast& forecast, const PendingJob& job, Waiting& waiting) {
  const auto start = forecast.start_s.find(job.id);
  if (start != forecast.start_s.end()) {
    waiting.start_kind = StartKind::kForecast;
    waiting.earliest_start_s = start->second;
  } else if (!forecast.is_complete) {
    waiting.start_kind = StartKind::kAtLeast;
    waiting.earliest_start_s = std::max(forecast.looked_until_s, job.not_before_s);
  }
}

}  // namespace

absl::string_view Name(WaitReason reason) {
  switch (reason) {
    case WaitReason::kHeld:
      return "R_HELD";
    case WaitReason::kNotBefore:
      return "R_NOT_BEFORE";
    case WaitReason::kNoQueue:
      return "R_NO_QUEUE";
    case WaitReason::kTooLarge:
      return "R_TOO_LARGE";
    case WaitReason::kQuota:
      return "R_QUOTA";
    case WaitReason::kDrained:
      return "R_DRAINED";
    case WaitReason::kNoRect:
      return "R_NO_RECT";
    case WaitReason::kPriority:
      return "R_PRIORITY";
    case WaitReason::kTimeLimit:
      return "R_TIME_LIMIT";
  }
  return "";
}

Decision Schedule(const ClusterState& given, std::vector<PendingJob> pending,
                  std::vector<RunningJob> running, int64_t now_s,
                  const SchedulerOptions& options) {
  std::set<int64_t> ids;
  SortById(pending, ids);
  SortById(running, ids);
  const ClusterState cluster = Canonical(given);
  const FreeMap live = LiveNodes(cluster);
  Occupancy occupancy(cluster, running, now_s);
  const FreeMap before = occupancy.free();
  const FreeMap undrained = Undrained(cluster, occupancy);

  std::vector<const PendingJob*> ready;
  std::vector<const PendingJob*> later;  // may start some time
  std::vector<std::pair<const PendingJob*, Explanation>> not_ready;
  for (const PendingJob& job : pending) {
    const auto why = WhyNotReady(job, cluster, live, now_s);
    if (!why) {
      ready.push_back(&job);
      continue;
    }
    not_ready.emplace_back(&job, *why);
    if (why->reason == WaitReason::kNotBefore) later.push_back(&job);
  }
  const std::vector<ReadyJob> ordered =
      Ordered(ready, cluster, occupancy, now_s, options);
  PassResult pass = RunPass(ordered, cluster.promised, now_s, options, occupancy);

  std::set<int64_t> started;
  for (const Start& start : pass.starts) started.insert(start.id);
  for (const ReadyJob& r : ordered) {
    if (!started.contains(r.job->id)) later.push_back(r.job);
  }
  ClusterState next = cluster;
  next.promised = pass.reserved;
  const Forecast forecast = PlayForward(next, occupancy, later, now_s, options);

  Decision decision = {.moves = std::move(pass.moves),
                       .starts = std::move(pass.starts),
                       .reserved = pass.reserved};
  const Outcome outcome = {
      .cluster = cluster,
      .before = before,
      .undrained = undrained,
      .after = occupancy,
      .reserved = pass.reserved,
      .now_s = now_s,
      .delay_s = decision.moves.empty() ? 0 : options.defragmentation.move_cost_s,
      .backfill = options.backfill};
  const auto wait = [&decision](const PendingJob& job, const Explanation& why) {
    decision.waiting.push_back({.id = job.id, .reason = why.reason, .text = why.text});
  };
  for (const ReadyJob& r : ordered) {
    if (started.contains(r.job->id)) continue;
    wait(*r.job, WhyWaiting(*r.job, outcome));
    SetEarliest(forecast, *r.job, decision.waiting.back());
  }
  for (const auto& [job, why] : not_ready) {
    wait(*job, why);
    if (why.reason != WaitReason::kNotBefore) continue;
    SetEarliest(forecast, *job, decision.waiting.back());
  }
  return decision;
}

}  // namespace tatami::jobs
