// How much of a mesh the scheduler keeps busy, by policy, and how long a decision
// takes.
//
// The trace: 400 jobs submitted at once to a 16x16 mesh, sides of 1 to 8 nodes
// (uniform, or powers of two), rotation allowed, run times of 10 minutes to two hours,
// time limits one to three times as long. The peer is a simulation that the project
// made of such a trace before it had this scheduler; its code and run times were not
// kept.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tatami {

struct ScheduleUse {
  std::string policy, sizes;
  double use = 0;  // mean over seeds of busy node-seconds, until the queue is empty
  double use_min = 0, use_max = 0;
  double use_peer = 0;
  double moves = 0;  // mean over seeds
};

// Time of one decision with `pending` jobs on a mesh where no more fit.
struct DecisionTime {
  std::string mesh;
  int64_t pending = 0, running = 0;
  double seconds_median = 0, seconds_max = 0;
  int64_t calls = 0;
};

struct ScheduleBenchResult {
  std::vector<ScheduleUse> uses;
  std::vector<DecisionTime> times;
  int64_t seeds = 0;
};

// Takes seconds. Uses are the same on every host; times are of one core.
ScheduleBenchResult BenchSchedule(int64_t seeds);

}  // namespace tatami
