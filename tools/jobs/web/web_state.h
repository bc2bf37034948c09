// What the page and Prometheus are told of a service: reads, and changes nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tools/jobs/job_service.h"
#include "tools/jobs/web/computed_steps.h"
#include "tools/jobs/web/loss_curve.h"
#include "tools/jobs/web/prometheus.h"

namespace tatami::jobs {

// A piece of a job's log, in bytes as they are: a character may be cut in two.
struct LogView {
  int64_t offset = 0;  // of data[0]
  LogPiece piece;
};

// Thread-safe. Errors: E0101 for a job that is not there.
class WebState {
 public:
  WebState(JobService& service, std::function<absl::Time()> now)
      : service_(service), now_(std::move(now)) {}

  // {now_ms, mesh {rows, cols, dead [{row, col, reason}], drained [...]}, nodes {free,
  // held, drained, dead}, jobs [...], ended_left_out}. Jobs are those of JobJson, with
  // steps_per_s and goodput where processes run. Of the jobs that have ended, the
  // newest kEndedMax are there.
  nlohmann::json State();

  // {job, points [[step, mean, low, high]], steps_not_finite}: see LossCurve.
  absl::StatusOr<nlohmann::json> Loss(int64_t job);

  // From `offset` on, without one from kLogBytes before the end on; at most kLogBytes.
  absl::StatusOr<LogView> Log(int64_t job, std::optional<int64_t> offset);

  std::string Metrics();

  static constexpr int64_t kLogBytes = 64 * 1024;
  static constexpr size_t kEndedMax = 200;

 private:
  RunFigures Figures(const Job& job);
  NodeCounts CountNodes(const ClusterInfo& cluster, const std::vector<Job>& jobs) const;

  JobService& service_;
  const std::function<absl::Time()> now_;
  std::mutex mutex_;                           // guards all below
  std::map<int64_t, LossCurve> curves_;        // of jobs that somebody looked at
  std::map<int64_t, ComputedSteps> computed_;  // of jobs that run
};

}  // namespace tatami::jobs
