#include "tools/jobs/schedule/wait_reason.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tools/jobs/schedule/pass.h"

namespace tatami::jobs {
namespace {

// "4x8 or 8x4"
std::string EitherWay(const Mesh& shape) {
  if (shape.rows == shape.cols) return shape.ToString();
  return absl::StrCat(shape.ToString(), " or ",
                      Mesh{shape.cols, shape.rows}.ToString());
}

std::string QueueNames(const std::vector<Queue>& queues) {
  return absl::StrJoin(queues, ", ", [](std::string* out, const Queue& q) {
    absl::StrAppend(out, q.name);
  });
}

std::string TooLargeText(const Mesh& shape, const FreeMap& live) {
  return absl::StrCat(
      "a ", EitherWay(shape), " rectangle fits nowhere: ", live.free_nodes(),
      " of the ", live.grid().nodes(), " nodes of the ", live.grid().ToString(),
      " mesh live, and the largest live rectangle of at most ", shape.nodes(),
      " nodes is ", live.Largest(shape.nodes()).ToString());
}

std::string NoRectText(const Mesh& shape, const FreeMap& free) {
  return absl::StrCat("waits for a free ", EitherWay(shape), " rectangle; ",
                      free.free_nodes(),
                      " nodes are free, the largest free rectangle is ",
                      free.Largest(free.grid().nodes()).ToString());
}

// There is a free rectangle, but another job was promised nodes or quota.
Explanation WhyBehind(const PendingJob& job, const Reservation& reserved,
                      const Outcome& outcome) {
  const std::string promised = absl::StrCat("job ", reserved.id, ", which starts on ",
                                            reserved.rectangle.ToString(), " in ",
                                            reserved.start_s - outcome.now_s, " s");
  const int64_t gap_s = reserved.start_s - outcome.now_s - outcome.delay_s;
  if (outcome.backfill == Backfill::kNone || gap_s < 1 || LatestEnd(job, 0) <= gap_s) {
    return {WaitReason::kPriority, absl::StrCat("goes after ", promised)};
  }
  FreeMap beyond = outcome.after.free();
  beyond.Occupy({reserved.rectangle});
  if (beyond.Fits(job.shape)) {
    return {WaitReason::kQuota,
            absl::StrCat("its queue '", job.queue, "' owes the nodes to ", promised)};
  }
  return {WaitReason::kTimeLimit, absl::StrCat("would be in the way of ", promised,
                                               "; with a time limit of at most ", gap_s,
                                               " s it could start now")};
}

}  // namespace

std::optional<Explanation> WhyNotReady(const PendingJob& job,
                                       const ClusterState& cluster, const FreeMap& live,
                                       int64_t now_s) {
  const int index = FindQueue(cluster.queues, job.queue);
  if (index < 0) {
    return Explanation{WaitReason::kNoQueue,
                       absl::StrCat("there is no queue '", job.queue, "'; queues are ",
                                    QueueNames(cluster.queues))};
  }
  if (!live.Fits(job.shape)) {
    return Explanation{WaitReason::kTooLarge, TooLargeText(job.shape, live)};
  }
  const Queue& queue = cluster.queues[index];
  if (job.shape.nodes() > queue.nodes_max()) {
    return Explanation{
        WaitReason::kTooLarge,
        absl::StrCat("needs ", job.shape.nodes(), " nodes, and queue '", queue.name,
                     "' may never hold more than ", queue.nodes_max(),
                     ": its quota is ", queue.quota_nodes, ", it may borrow ",
                     queue.borrow_nodes_max)};
  }
  if (job.held) {
    return Explanation{WaitReason::kHeld, "is held until someone releases it"};
  }
  if (job.not_before_s > now_s) {
    return Explanation{
        WaitReason::kNotBefore,
        absl::StrCat("is not to start for another ", job.not_before_s - now_s, " s")};
  }
  return std::nullopt;
}

Explanation WhyWaiting(const PendingJob& job, const Outcome& outcome) {
  const int index = FindQueue(outcome.cluster.queues, job.queue);
  const Queue& queue = outcome.cluster.queues[index];
  if (!outcome.after.QuotaAllows(index, job.shape.nodes())) {
    return {WaitReason::kQuota,
            absl::StrCat("needs ", job.shape.nodes(), " nodes, and queue '", queue.name,
                         "' holds ", outcome.after.nodes_of(index), " of the ",
                         queue.nodes_max(), " that it may")};
  }
  if (outcome.after.free().Fits(job.shape) && outcome.reserved) {
    return WhyBehind(job, *outcome.reserved, outcome);
  }
  if (outcome.before.Fits(job.shape)) {
    return {WaitReason::kPriority,
            absl::StrCat("jobs that go before it start on the last free ",
                         EitherWay(job.shape), " rectangle")};
  }
  if (outcome.undrained.Fits(job.shape)) {
    return {WaitReason::kDrained,
            absl::StrCat("a free ", EitherWay(job.shape), " rectangle has some of the ",
                         outcome.cluster.drained.size(), " drained nodes in it")};
  }
  return {WaitReason::kNoRect, NoRectText(job.shape, outcome.after.free())};
}

}  // namespace tatami::jobs
