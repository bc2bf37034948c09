#include "tools/jobs/schedule/occupancy.h"

#include <algorithm>

namespace tatami::jobs {
namespace {

void AddNodes(const std::vector<NodeCoord>& nodes, std::vector<Rectangle>& parts) {
  for (const NodeCoord& n : nodes) parts.push_back({n.row, n.col, 1, 1});
}

}  // namespace

int FindQueue(const std::vector<Queue>& queues, const std::string& name) {
  for (size_t i = 0; i < queues.size(); ++i) {
    if (queues[i].name == name) return static_cast<int>(i);
  }
  return -1;
}

Occupancy::Occupancy(const ClusterState& cluster,
                     const std::vector<RunningJob>& running, int64_t now_s)
    : queues_(cluster.queues),
      free_(cluster.grid),
      nodes_of_queue_(cluster.queues.size(), 0) {
  std::vector<Rectangle> parts;
  AddNodes(cluster.dead, parts);
  AddNodes(cluster.drained, parts);
  for (const RunningJob& job : running) {
    parts.push_back(job.rectangle);
    residents_.push_back({.id = job.id,
                          .rectangle = job.rectangle,
                          .queue = FindQueue(queues_, job.queue),
                          .end_s = std::max(job.end_estimate_s, now_s + 1),
                          .movable = job.movable});
    const int queue = residents_.back().queue;
    if (queue >= 0) nodes_of_queue_[queue] += job.rectangle.nodes();
  }
  free_.Occupy(parts);
}

void Occupancy::Add(const Resident& resident) {
  residents_.push_back(resident);
  free_.Occupy({resident.rectangle});
  if (resident.queue >= 0) {
    nodes_of_queue_[resident.queue] += resident.rectangle.nodes();
  }
}

void Occupancy::EndUntil(int64_t now_s) {
  std::vector<Rectangle> parts;
  for (const Resident& r : residents_) {
    if (r.end_s > now_s) continue;
    parts.push_back(r.rectangle);
    if (r.queue >= 0) nodes_of_queue_[r.queue] -= r.rectangle.nodes();
  }
  std::erase_if(residents_, [now_s](const Resident& r) { return r.end_s <= now_s; });
  free_.Release(parts);
}

void Occupancy::Apply(const std::vector<Move>& moves, int64_t delay_s) {
  std::vector<Rectangle> from, to;
  for (const Move& move : moves) {
    from.push_back(move.from);
    to.push_back(move.to);
    for (Resident& r : residents_) {
      if (r.id != move.id) continue;
      r.rectangle = move.to;
      r.end_s += delay_s;
    }
  }
  free_.Release(from);
  free_.Occupy(to);
}

int64_t Occupancy::NodesBeyond(int queue, int64_t at_s) const {
  int64_t nodes = 0;
  for (const Resident& r : residents_) {
    if (r.queue == queue && r.end_s > at_s) nodes += r.rectangle.nodes();
  }
  return nodes;
}

std::optional<Reservation> Occupancy::Earliest(
    const PendingJob& job, int queue, Placement placement,
    const std::optional<Rectangle>& preferred) const {
  std::vector<int64_t> ends;
  for (const Resident& r : residents_) ends.push_back(r.end_s);
  std::sort(ends.begin(), ends.end());
  ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
  const auto free_at = [this](int64_t at_s) {
    std::vector<Rectangle> ended;
    for (const Resident& r : residents_) {
      if (r.end_s <= at_s) ended.push_back(r.rectangle);
    }
    FreeMap free = free_;
    free.Release(ended);
    return free;
  };
  // Nodes only become free and quota only returns, so the answers are first no, then
  // yes.
  const auto first = std::partition_point(ends.begin(), ends.end(), [&](int64_t at_s) {
    const int64_t left = nodes_max(queue) - NodesBeyond(queue, at_s);
    return job.shape.nodes() > left || !free_at(at_s).Fits(job.shape);
  });
  if (first == ends.end()) return std::nullopt;
  const FreeMap free = free_at(*first);
  const bool keep = preferred && free.IsFree(*preferred);
  return Reservation{.id = job.id,
                     .rectangle = keep ? *preferred : *free.Place(job.shape, placement),
                     .start_s = *first};
}

}  // namespace tatami::jobs
