#include "tools/jobs/schedule/test_judge.h"

#include <algorithm>
#include <random>
#include <set>

#include "gtest/gtest.h"

namespace tatami::jobs {
namespace {

const Queue* QueueOf(const std::string& name, const ReplayStep& step) {
  for (const Queue& queue : step.cluster.queues) {
    if (queue.name == name) return &queue;
  }
  return nullptr;
}

const PendingJob& PendingOf(int64_t id, const ReplayStep& step) {
  return *std::find_if(step.pending.begin(), step.pending.end(),
                       [id](const PendingJob& job) { return job.id == id; });
}

bool Has(const std::vector<NodeCoord>& nodes, const Rectangle& r) {
  return std::any_of(nodes.begin(), nodes.end(),
                     [&r](const NodeCoord& n) { return r.Contains(n); });
}

int64_t LimitOf(const PendingJob& job) {
  return std::max<int64_t>(1, job.time_limit_s);
}

int64_t DelayOf(const Decision& decision, const SchedulerOptions& options) {
  return decision.moves.empty() ? 0 : options.defragmentation.move_cost_s;
}

NaiveMap MapOfNodes(const Mesh& grid, const std::vector<NodeCoord>& nodes) {
  NaiveMap map = {.grid = grid};
  for (const NodeCoord& n : nodes) map.taken.push_back({n.row, n.col, 1, 1});
  return map;
}

bool Fits(const NaiveMap& map, const Mesh& shape) { return !map.Free(shape).empty(); }

template <typename Holders>
int64_t NodesOf(const std::string& queue, const Holders& holders, int64_t beyond_s) {
  int64_t nodes = 0;
  for (const auto& h : holders) {
    if (h.queue == queue && h.end_s > beyond_s) nodes += h.rectangle.nodes();
  }
  return nodes;
}

constexpr int64_t kAnyTime = -1;

}  // namespace

int64_t Judge::BandOf(const PendingJob& job, const ReplayStep& step) const {
  const int64_t since_s = std::max(job.submit_s, job.not_before_s);
  return step.now_s - since_s >= random_.options.patience_s
             ? 1000
             : QueueOf(job.queue, step)->band;
}

bool Judge::IsReady(const PendingJob& job, const ReplayStep& step) const {
  const Queue* queue = QueueOf(job.queue, step);
  return queue != nullptr && !job.held && job.not_before_s <= step.now_s &&
         job.shape.nodes() <= queue->nodes_max() &&
         Fits(MapOfNodes(step.cluster.grid, step.cluster.dead), job.shape);
}

NaiveMap Judge::MapOf(const ReplayStep& step,
                      const std::vector<Holder>& holders) const {
  NaiveMap map = MapOfNodes(step.cluster.grid, step.cluster.dead);
  for (const NodeCoord& n : step.cluster.drained) {
    map.taken.push_back({n.row, n.col, 1, 1});
  }
  for (const Holder& h : holders) map.taken.push_back(h.rectangle);
  return map;
}

void Judge::Check(const ReplayStep& step) {
  ++counts_.decisions;
  CheckEachJobOnce(step);
  const std::vector<Holder> moved = CheckMoves(step);
  CheckStarts(step, moved);
  std::vector<Holder> after = moved;
  for (const Start& start : step.decision.starts) {
    const PendingJob& job = PendingOf(start.id, step);
    const int64_t delay_s =
        start.after_moves ? random_.options.defragmentation.move_cost_s : 0;
    after.push_back({start.id, start.rectangle, job.queue,
                     step.now_s + LimitOf(job) + delay_s, false});
  }
  CheckReservation(step, after);
  CheckReasons(step, after);
  CheckPromise(step);
  if (counts_.decisions % 4 == 0) CheckOrderOfLists(step);
  NoteForecast(step);
  NoteBounds(step);
}

void Judge::CheckEachJobOnce(const ReplayStep& step) {
  std::multiset<int64_t> want, got;
  for (const PendingJob& job : step.pending) want.insert(job.id);
  for (const Start& start : step.decision.starts) got.insert(start.id);
  for (const Waiting& w : step.decision.waiting) got.insert(w.id);
  EXPECT_EQ(want, got);
}

std::vector<Judge::Holder> Judge::CheckMoves(const ReplayStep& step) {
  const Defragmentation& options = random_.options.defragmentation;
  std::vector<Holder> holders;
  for (const RunningJob& r : step.running) {
    holders.push_back({r.id, r.rectangle, r.queue,
                       std::max(r.end_estimate_s, step.now_s + 1), r.movable});
  }
  EXPECT_LE(static_cast<int64_t>(step.decision.moves.size()), options.moves_max);
  for (const Move& move : step.decision.moves) {
    ++counts_.moves;
    bool found = false;
    for (Holder& h : holders) {
      if (h.id != move.id) continue;
      found = h.movable && h.rectangle == move.from;
      h.rectangle = move.to;
      h.end_s += options.move_cost_s;
    }
    EXPECT_TRUE(found) << "job " << move.id << " cannot be moved from there";
    EXPECT_EQ(std::set({move.from.rows, move.from.cols}),
              std::set({move.to.rows, move.to.cols}));
    EXPECT_FALSE(Has(step.cluster.dead, move.to));
    EXPECT_FALSE(Has(step.cluster.drained, move.to));
  }
  for (const Move& move : step.decision.moves) {
    for (const Holder& h : holders) {
      EXPECT_TRUE(h.id == move.id || !h.rectangle.Overlaps(move.to))
          << "job " << move.id << " is moved onto job " << h.id;
    }
  }
  EXPECT_TRUE(step.decision.moves.empty() || !step.decision.starts.empty());
  return holders;
}

void Judge::CheckStarts(const ReplayStep& step, const std::vector<Holder>& moved) {
  std::vector<Holder> holders = moved;
  for (const Start& start : step.decision.starts) {
    ++counts_.starts;
    const PendingJob& job = PendingOf(start.id, step);
    const Rectangle& at = start.rectangle;
    EXPECT_TRUE(IsReady(job, step)) << "job " << job.id;
    EXPECT_TRUE(at.shape() == job.shape ||
                at.shape() == (Mesh{job.shape.cols, job.shape.rows}));
    const Mesh& grid = step.cluster.grid;
    EXPECT_TRUE(at.row >= 0 && at.col >= 0 && at.row + at.rows <= grid.rows &&
                at.col + at.cols <= grid.cols)
        << at.ToString();
    EXPECT_FALSE(Has(step.cluster.dead, at)) << at.ToString();
    EXPECT_FALSE(Has(step.cluster.drained, at)) << at.ToString();
    for (const Holder& h : holders) {
      EXPECT_FALSE(h.rectangle.Overlaps(at)) << "jobs " << h.id << " and " << job.id;
    }
    const bool vacated =
        std::any_of(step.decision.moves.begin(), step.decision.moves.end(),
                    [&at](const Move& move) { return move.from.Overlaps(at); });
    EXPECT_EQ(start.after_moves, vacated);
    CheckLending(step, start, holders);
    holders.push_back({job.id, at, job.queue, step.now_s + LimitOf(job), false});
    EXPECT_LE(NodesOf(job.queue, holders, kAnyTime),
              QueueOf(job.queue, step)->nodes_max());
  }
}

// A start above its queue's quota, while jobs of the same band wait in a queue whose
// quota has room for all that it has: none of those could have started in its stead.
void Judge::CheckLending(const ReplayStep& step, const Start& start,
                         const std::vector<Holder>& before) {
  const PendingJob& borrower = PendingOf(start.id, step);
  const int64_t held = NodesOf(borrower.queue, before, kAnyTime);
  const auto& promised = step.cluster.promised;
  if (held + borrower.shape.nodes() <= QueueOf(borrower.queue, step)->quota_nodes ||
      (promised && promised->id == start.id) || BandOf(borrower, step) == 1000) {
    return;
  }
  ++counts_.borrowed;
  std::map<std::string, int64_t> wanted;
  for (const PendingJob& job : step.pending) {
    if (IsReady(job, step)) wanted[job.queue] += job.shape.nodes();
  }
  for (const Waiting& waiting : step.decision.waiting) {
    const PendingJob& job = PendingOf(waiting.id, step);
    if (!IsReady(job, step) || BandOf(job, step) != BandOf(borrower, step) ||
        NodesOf(job.queue, before, kAnyTime) + wanted[job.queue] >
            QueueOf(job.queue, step)->quota_nodes) {
      continue;
    }
    NaiveMap map = MapOf(step, before);
    const auto& reserved = step.decision.reserved;
    if (reserved && reserved->id != job.id &&
        step.now_s + LimitOf(job) + DelayOf(step.decision, random_.options) >
            reserved->start_s) {
      map.taken.push_back(reserved->rectangle);
    }
    EXPECT_FALSE(Fits(map, job.shape))
        << "job " << borrower.id << " borrows what job " << job.id << " has a right to";
  }
}

std::optional<int64_t> Judge::NaiveEarliest(const ReplayStep& step,
                                            const PendingJob& job,
                                            const std::vector<Holder>& holders) const {
  std::set<int64_t> ends;
  for (const Holder& h : holders) ends.insert(h.end_s);
  for (const int64_t at_s : ends) {
    std::vector<Holder> left;
    for (const Holder& h : holders) {
      if (h.end_s > at_s) left.push_back(h);
    }
    if (NodesOf(job.queue, left, kAnyTime) + job.shape.nodes() <=
            QueueOf(job.queue, step)->nodes_max() &&
        Fits(MapOf(step, left), job.shape)) {
      return at_s;
    }
  }
  return std::nullopt;
}

void Judge::CheckReservation(const ReplayStep& step, const std::vector<Holder>& after) {
  const auto& reserved = step.decision.reserved;
  if (!reserved) {
    for (const Waiting& waiting : step.decision.waiting) {
      const PendingJob& job = PendingOf(waiting.id, step);
      EXPECT_TRUE(!IsReady(job, step) || !NaiveEarliest(step, job, after))
          << "job " << job.id << " could be promised a time";
    }
    return;
  }
  const PendingJob& job = PendingOf(reserved->id, step);
  EXPECT_EQ(NaiveEarliest(step, job, after), reserved->start_s);
  std::vector<Holder> left;  // when it starts
  for (const Holder& h : after) {
    if (h.end_s > reserved->start_s) left.push_back(h);
  }
  EXPECT_EQ(MapOf(step, left).Taken(reserved->rectangle), 0)
      << reserved->rectangle.ToString() << " of job " << job.id << " will not be free";
  EXPECT_LE(NodesOf(job.queue, left, kAnyTime) + job.shape.nodes(),
            QueueOf(job.queue, step)->nodes_max());
  for (const Start& start : step.decision.starts) {
    if (start.rectangle.Overlaps(reserved->rectangle)) ++counts_.backfilled;
  }
}

}  // namespace tatami::jobs
