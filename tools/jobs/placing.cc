#include "tools/jobs/placing.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/error.h"
#include "tools/jobs/job_states.h"
#include "tools/jobs/schedule/usage.h"

namespace tatami::jobs {
namespace {

constexpr int64_t kDayMs = 24 * 3600 * 1000;

std::vector<NodeCoord> Coordinates(const std::vector<MeshNode>& nodes) {
  std::vector<NodeCoord> list;
  for (const MeshNode& node : nodes) list.push_back({node.row(), node.col()});
  return list;
}

int64_t LimitMs(const Job& job) {
  return job.config().time_limit_s() > 0 ? job.config().time_limit_s() * 1000 : kDayMs;
}

// What every owner's jobs have consumed, the newest attempt of each taken for all its
// attempts: the records keep their sum, not when each was.
std::vector<Usage> UsageOf(const std::map<int64_t, Job>& jobs, int64_t now_ms,
                           int64_t half_life_s) {
  struct Interval {
    int64_t from_s, until_s, nodes;
    std::string owner;
  };
  std::vector<Interval> intervals;
  for (const auto& [id, job] : jobs) {
    int64_t ran_ms = job.run_ms();
    int64_t until_ms = job.ended_ms() > 0 ? job.ended_ms() : now_ms;
    if (HasProcesses(job.state())) ran_ms += now_ms - job.attempt_started_ms();
    if (ran_ms <= 0) continue;
    intervals.push_back({(until_ms - ran_ms) / 1000, until_ms / 1000,
                         int64_t{job.rows()} * job.cols(), job.owner()});
  }
  std::stable_sort(
      intervals.begin(), intervals.end(),
      [](const Interval& a, const Interval& b) { return a.until_s < b.until_s; });
  std::map<std::string, Usage> by_owner;
  for (const Interval& i : intervals) {
    Usage& usage = by_owner[i.owner];
    usage.user = i.owner;
    AddUsage(usage, i.nodes, i.from_s, i.until_s, half_life_s);
  }
  std::vector<Usage> list;
  for (auto& [owner, usage] : by_owner) list.push_back(usage);
  return list;
}

}  // namespace

absl::StatusOr<Queue> ParseQueue(absl::string_view text) {
  Queue queue;
  const std::pair<absl::string_view, absl::string_view> band =
      absl::StrSplit(text, absl::MaxSplits('@', 1));
  const std::pair<absl::string_view, absl::string_view> borrow =
      absl::StrSplit(band.first, absl::MaxSplits('+', 1));
  const std::pair<absl::string_view, absl::string_view> quota =
      absl::StrSplit(borrow.first, absl::MaxSplits('=', 1));
  queue.name = std::string(quota.first);
  const auto read = [](absl::string_view digits, int64_t& to) {
    return digits.empty() || (absl::SimpleAtoi(digits, &to) && to >= 0);
  };
  if (!queue.name.empty() && read(quota.second, queue.quota_nodes) &&
      read(borrow.second, queue.borrow_nodes_max) && read(band.second, queue.band)) {
    return queue;
  }
  return MakeError(ErrorCode::kBadFlag,
                   absl::StrCat("a queue is NAME=QUOTA+BORROW@BAND in nodes, as "
                                "research=32+16@1, of which only NAME must be there; "
                                "got '",
                                text, "'."));
}

int64_t EndEstimateMs(const Job& job, int64_t now_ms) {
  const int64_t limit_end = job.attempt_started_ms() - job.run_ms() + LimitMs(job);
  const int64_t total = job.config().run().steps();
  const int64_t ran_ms = job.run_ms() + now_ms - job.attempt_started_ms();
  if (job.step() <= 0 || total <= 0) return limit_end;
  const double left = static_cast<double>(ran_ms) / static_cast<double>(job.step()) *
                      static_cast<double>(total - job.step());
  return std::min(limit_end, now_ms + static_cast<int64_t>(left));
}

NodeRectangle ToProto(const Rectangle& rectangle) {
  NodeRectangle out;
  out.set_row(static_cast<int32_t>(rectangle.row));
  out.set_col(static_cast<int32_t>(rectangle.col));
  out.set_rows(static_cast<int32_t>(rectangle.rows));
  out.set_cols(static_cast<int32_t>(rectangle.cols));
  return out;
}

std::string QueueOf(const Job& job) {
  return job.config().queue().empty() ? "default" : job.config().queue();
}

Decision PlaceJobs(const std::map<int64_t, Job>& jobs, const Cluster& cluster,
                   const std::optional<Reservation>& promised, int64_t now_ms) {
  const SchedulerOptions options;
  std::vector<PendingJob> pending;
  std::vector<RunningJob> running;
  for (const auto& [id, job] : jobs) {
    if (job.state() == QUEUED) {
      pending.push_back({.id = id,
                         .shape = {job.rows(), job.cols()},
                         .queue = QueueOf(job),
                         .user = job.owner(),
                         .priority = job.config().priority(),
                         .submit_s = job.submitted_ms() / 1000,
                         .time_limit_s = LimitMs(job) / 1000,
                         .not_before_s = job.not_before_ms() / 1000});
    } else if (HoldsNodes(job.state())) {
      const NodeRectangle& r = job.rectangle();
      running.push_back({.id = id,
                         .rectangle = {r.row(), r.col(), r.rows(), r.cols()},
                         .queue = QueueOf(job),
                         .end_estimate_s = EndEstimateMs(job, now_ms) / 1000});
    }
  }
  if (pending.empty()) return {};
  return Schedule({.grid = cluster.mesh,
                   .dead = Coordinates(cluster.dead),
                   .drained = Coordinates(cluster.drained),
                   .queues = cluster.queues,
                   .usage = UsageOf(jobs, now_ms, options.usage_half_life_s),
                   .promised = promised},
                  std::move(pending), std::move(running), now_ms / 1000, options);
}

}  // namespace tatami::jobs
