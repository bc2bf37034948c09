// Which waiting job starts where: rectangles of a mesh that many users share.
//
// A decision is a pure function of its arguments: no clock, no files, no threads, and
// the order of the lists does not matter. Times are whole seconds of one clock of the
// caller's. docs/scheduler.md has the rules in words, and what they yield.
//
// Invariants of a decision:
//  1. No two jobs share a node; no job starts on a dead or a drained node.
//  2. The first job in order that cannot start is promised a concrete rectangle and
//     time; what starts meanwhile ends by then or stays out of that rectangle (EASY).
//  3. A promise that the caller hands back stands until the job starts, is held, or a
//     job of a higher band comes. It moves later only when a running job
//     outlives its estimate or nodes die or are drained.
//  4. No queue holds more nodes than its quota and what it may borrow, and none is
//     given borrowed nodes while another of its band waits within its own quota and
//     could use them.
//  5. A job that has waited `patience_s` goes before all that were submitted later.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "core/sharding.h"
#include "tools/jobs/schedule/free_map.h"
#include "tools/jobs/schedule/rectangle.h"

namespace tatami::jobs {

constexpr int64_t kNoNodeLimit = std::numeric_limits<int64_t>::max();

// Jobs of a higher band go first, however long others of lower bands have waited short
// of `patience_s`. A queue is sure of `quota_nodes`; what others leave idle it may
// borrow, up to `borrow_nodes_max` nodes more.
struct Queue {
  std::string name;
  int64_t quota_nodes = kNoNodeLimit;
  int64_t borrow_nodes_max = kNoNodeLimit;
  int64_t band = 0;

  int64_t nodes_max() const {
    return borrow_nodes_max > kNoNodeLimit - quota_nodes
               ? kNoNodeLimit
               : quota_nodes + borrow_nodes_max;
  }
};

// What a user's (or a queue's, as the caller likes) jobs have consumed: node-seconds,
// halved every `usage_half_life_s`, as of `as_of_s`. See usage.h.
struct Usage {
  std::string user;
  double node_s = 0;
  int64_t as_of_s = 0;
};

struct PendingJob {
  int64_t id = 0;
  Mesh shape;  // or rotated
  std::string queue, user;
  int64_t priority = 0;
  int64_t submit_s = 0;
  int64_t time_limit_s = 1;  // taken as the run time; less than 1 counts as 1
  int64_t not_before_s = 0;
  bool held = false;
};

struct RunningJob {
  int64_t id = 0;
  Rectangle rectangle;
  std::string queue;
  int64_t end_estimate_s = 0;  // one that has passed counts as the next second
  bool movable = false;        // may be checkpointed and started elsewhere
};

// Where and when a job that cannot start will, by the estimates of those that run.
struct Reservation {
  int64_t id = 0;
  Rectangle rectangle;
  int64_t start_s = 0;
  friend bool operator==(const Reservation&, const Reservation&) = default;
};

struct ClusterState {
  Mesh grid;
  std::vector<NodeCoord> dead;     // occupied for good
  std::vector<NodeCoord> drained;  // what runs there may end; nothing starts
  std::vector<Queue> queues;
  std::vector<Usage> usage;             // who is missing has consumed nothing
  std::optional<Reservation> promised;  // `reserved` of the previous decision
};

enum class Backfill {
  kNone,  // strictly in order: nothing passes a job that cannot start
  kEasy,  // what does not delay the first job that cannot start may
};

// To start the first waiting job by moving running ones together, each by checkpoint.
struct Defragmentation {
  int64_t moves_max = 0;     // in one decision; 0: never
  int64_t move_cost_s = 30;  // that a moved job makes no progress
};

struct SchedulerOptions {
  Placement placement = Placement::kMostContact;
  Backfill backfill = Backfill::kEasy;
  Defragmentation defragmentation;
  // One point of priority counts as so much waiting.
  int64_t priority_worth_s = 3600;
  // A second of the whole mesh that a user consumed counts as so much less waiting.
  double usage_weight = 1;
  int64_t usage_half_life_s = 24 * 3600;
  int64_t patience_s = 24 * 3600;
  // How many ends of jobs are played forward to tell when waiting jobs start.
  int64_t forecast_steps_max = 64;
};

enum class WaitReason {
  kHeld,       // R_HELD
  kNotBefore,  // R_NOT_BEFORE
  kNoQueue,    // R_NO_QUEUE: its queue does not exist
  kTooLarge,   // R_TOO_LARGE: fits nowhere even on an empty mesh
  kQuota,      // R_QUOTA: its queue holds all it may, now or for the promised job
  kDrained,    // R_DRAINED: would fit were it not for drained nodes
  kNoRect,     // R_NO_RECT: no free rectangle of its shape
  kPriority,   // R_PRIORITY: others go first
  kTimeLimit,  // R_TIME_LIMIT: would run into the promised job's rectangle
};
absl::string_view Name(WaitReason reason);  // "R_NO_RECT"

enum class StartKind {
  kForecast,  // playing the estimates forward, with no new job and no move
  kAtLeast,   // later than the forecast looked
  kUnknown,   // not until something about the job or the machine changes
};

struct Start {
  int64_t id = 0;
  Rectangle rectangle;
  // The rectangle is free only once the moves of this decision are done.
  bool after_moves = false;
  friend bool operator==(const Start&, const Start&) = default;
};

struct Move {
  int64_t id = 0;
  Rectangle from, to;
  friend bool operator==(const Move&, const Move&) = default;
};

struct Waiting {
  int64_t id = 0;
  WaitReason reason = WaitReason::kNoRect;
  std::string text;  // a sentence with the numbers, for people
  StartKind start_kind = StartKind::kUnknown;
  int64_t earliest_start_s = 0;  // unless kUnknown
  friend bool operator==(const Waiting&, const Waiting&) = default;
};

struct Decision {
  // Moves first, all of them saved before any restarts, for one may go where another
  // was; then starts.
  std::vector<Move> moves;       // by id
  std::vector<Start> starts;     // in the order decided
  std::vector<Waiting> waiting;  // in the order that they would start
  std::optional<Reservation> reserved;
};

// Total: each pending job is either started or waiting with a reason. Of the order of
// (jobs + starts x nodes) x forecast steps; docs/scheduler.md has times.
// REQUIRES: ids are unique over both lists, and names over queues.
Decision Schedule(const ClusterState& cluster, std::vector<PendingJob> pending,
                  std::vector<RunningJob> running, int64_t now_s,
                  const SchedulerOptions& options = {});

}  // namespace tatami::jobs
