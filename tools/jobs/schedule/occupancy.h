// Who holds which nodes at one moment, by rectangle and by queue.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "tools/jobs/schedule/free_map.h"
#include "tools/jobs/schedule/scheduler.h"

namespace tatami::jobs {

// A running job, its queue resolved; queue -1 is one that no longer exists.
struct Resident {
  int64_t id = 0;
  Rectangle rectangle;
  int queue = -1;
  int64_t end_s = 0;
  bool movable = false;
};

// Index into `queues`, or -1.
int FindQueue(const std::vector<Queue>& queues, const std::string& name);

class Occupancy {
 public:
  // Residents whose estimated end has passed end at now_s + 1, as far as anyone knows.
  Occupancy(const ClusterState& cluster, const std::vector<RunningJob>& running,
            int64_t now_s);

  const FreeMap& free() const { return free_; }
  const std::vector<Resident>& residents() const { return residents_; }
  int64_t nodes_of(int queue) const { return nodes_of_queue_[queue]; }
  int64_t nodes_max(int queue) const { return queues_[queue].nodes_max(); }
  const Queue& queue(int index) const { return queues_[index]; }
  // Whether the queue may hold as many nodes more.
  bool QuotaAllows(int queue, int64_t nodes) const {
    return nodes <= nodes_max(queue) - nodes_of(queue);
  }

  void Add(const Resident& resident);
  // Removes all that end at or before `now_s`.
  void EndUntil(int64_t now_s);
  // Puts residents elsewhere, all at once, and lets each end `delay_s` later.
  void Apply(const std::vector<Move>& moves, int64_t delay_s);

  // Of the nodes of `queue`, those whose residents end later than `at_s`.
  int64_t NodesBeyond(int queue, int64_t at_s) const;

  // When and where a job starts if only residents end, as estimated, and no other job
  // starts: the earliest end of a resident (later than now) from which on a rectangle
  // is free and the quota allows it. `preferred` is taken where it is free by then.
  // nullopt when drained nodes are in the way. O(log(residents) x grid nodes).
  std::optional<Reservation> Earliest(const PendingJob& job, int queue,
                                      Placement placement,
                                      const std::optional<Rectangle>& preferred) const;

 private:
  std::vector<Queue> queues_;
  FreeMap free_;
  std::vector<Resident> residents_;
  std::vector<int64_t> nodes_of_queue_;
};

}  // namespace tatami::jobs
