#include "tools/jobs/schedule/pass.h"

#include <algorithm>

#include "tools/jobs/schedule/defragment.h"

namespace tatami::jobs {
namespace {

// A longer limit is none: some 30,000 years, far from the end of int64_t.
constexpr int64_t kLimitMax = int64_t{1} << 40;

// A job may have been given another shape since it was promised a rectangle.
bool IsSameOrRotated(const Mesh& a, const Mesh& b) {
  return a == b || a == Mesh{b.cols, b.rows};
}

// The promise of this pass, and what it leaves to jobs that outlast its start.
struct Promise {
  Reservation reservation;
  int queue = 0;
  FreeMap free_beyond;        // free, and outside the promised rectangle
  int64_t quota_left_beyond;  // of the promised job's queue, once that has started
};

class Pass {
 public:
  Pass(const std::optional<Reservation>& promised, int64_t now_s,
       const SchedulerOptions& options, Occupancy& occupancy)
      : promised_(promised), now_s_(now_s), options_(options), occupancy_(occupancy) {}

  PassResult Run(const std::vector<ReadyJob>& ready) {
    for (const ReadyJob& r : ready) {
      if (promise_) {
        StartBehindPromise(r);
      } else if (!StartNow(r) && !StartByMoves(r)) {
        MakePromise(r);
        if (promise_ && options_.backfill == Backfill::kNone) break;
      }
    }
    if (promise_) result_.reserved = promise_->reservation;
    return std::move(result_);
  }

 private:
  void AddStart(const ReadyJob& r, const Rectangle& at) {
    const bool after_moves =
        std::any_of(result_.moves.begin(), result_.moves.end(),
                    [&at](const Move& m) { return m.from.Overlaps(at); });
    const int64_t delay_s =
        after_moves ? options_.defragmentation.move_cost_s : int64_t{0};
    result_.starts.push_back(
        {.id = r.job->id, .rectangle = at, .after_moves = after_moves});
    occupancy_.Add({.id = r.job->id,
                    .rectangle = at,
                    .queue = r.queue,
                    .end_s = LatestEnd(*r.job, now_s_) + delay_s});
  }

  bool StartNow(const ReadyJob& r) {
    if (!occupancy_.QuotaAllows(r.queue, r.job->shape.nodes())) return false;
    const auto at = occupancy_.free().Place(r.job->shape, options_.placement);
    if (at) AddStart(r, *at);
    return at.has_value();
  }

  // At most once, so that no job is moved twice.
  bool StartByMoves(const ReadyJob& r) {
    if (!result_.moves.empty() ||
        !occupancy_.QuotaAllows(r.queue, r.job->shape.nodes())) {
      return false;
    }
    const auto plan = PlanMoves(occupancy_, r, now_s_, options_);
    if (!plan) return false;
    result_.moves = plan->moves;
    occupancy_.Apply(plan->moves, options_.defragmentation.move_cost_s);
    AddStart(r, plan->cleared);
    return true;
  }

  void MakePromise(const ReadyJob& r) {
    std::optional<Rectangle> preferred;
    if (promised_ && promised_->id == r.job->id &&
        IsSameOrRotated(promised_->rectangle.shape(), r.job->shape)) {
      preferred = promised_->rectangle;
    }
    const auto reservation =
        occupancy_.Earliest(*r.job, r.queue, options_.placement, preferred);
    if (!reservation) return;
    FreeMap beyond = occupancy_.free();
    beyond.Occupy({reservation->rectangle});
    const int64_t left = occupancy_.nodes_max(r.queue) -
                         occupancy_.NodesBeyond(r.queue, reservation->start_s) -
                         r.job->shape.nodes();
    promise_.emplace(Promise{*reservation, r.queue, std::move(beyond), left});
  }

  void StartBehindPromise(const ReadyJob& r) {
    const Mesh& shape = r.job->shape;
    if (!occupancy_.QuotaAllows(r.queue, shape.nodes())) return;
    const int64_t delay_s =
        result_.moves.empty() ? int64_t{0} : options_.defragmentation.move_cost_s;
    const bool outlasts =
        LatestEnd(*r.job, now_s_) + delay_s > promise_->reservation.start_s;
    const bool same_queue = r.queue == promise_->queue;
    if (outlasts && same_queue && shape.nodes() > promise_->quota_left_beyond) return;
    const FreeMap& free = outlasts ? promise_->free_beyond : occupancy_.free();
    const auto at = free.Place(shape, options_.placement);
    if (!at) return;
    AddStart(r, *at);
    promise_->free_beyond.Occupy({*at});
    if (outlasts && same_queue) promise_->quota_left_beyond -= shape.nodes();
  }

  const std::optional<Reservation>& promised_;
  const int64_t now_s_;
  const SchedulerOptions& options_;
  Occupancy& occupancy_;
  std::optional<Promise> promise_;
  PassResult result_;
};

}  // namespace

int64_t LatestEnd(const PendingJob& job, int64_t now_s) {
  return now_s + std::clamp<int64_t>(job.time_limit_s, 1, kLimitMax);
}

PassResult RunPass(const std::vector<ReadyJob>& ready,
                   const std::optional<Reservation>& promised, int64_t now_s,
                   const SchedulerOptions& options, Occupancy& occupancy) {
  return Pass(promised, now_s, options, occupancy).Run(ready);
}

}  // namespace tatami::jobs
