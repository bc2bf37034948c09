#include "tools/bench/bench_schedule.h"

#include <algorithm>
#include <map>

#include "absl/time/clock.h"
#include "core/random.h"
#include "tools/jobs/schedule/replay.h"

namespace tatami {
namespace {

using jobs::Backfill;
using jobs::JobRun;
using jobs::Placement;
using jobs::SchedulerOptions;
using jobs::Trace;
using jobs::TraceJob;

constexpr Mesh kMesh = {16, 16};
constexpr int64_t kJobs = 400;
constexpr int64_t kRunMin_s = 600, kRunMax_s = 7200;
constexpr int64_t kMove_s = 30;
constexpr int64_t kMovesMax = 8;

enum class Sizes { kUniform, kPowersOfTwo };

// Uniform in [low, high]; each use has a stream of its own.
int64_t DrawWhole(uint64_t seed, uint64_t stream, int64_t index, int64_t low,
                  int64_t high) {
  const auto span = static_cast<uint64_t>(high - low + 1);
  return low + static_cast<int64_t>(
                   RandomBits(seed, stream, static_cast<uint64_t>(index)) % span);
}

int64_t DrawSide(Sizes sizes, uint64_t seed, uint64_t stream, int64_t index) {
  return sizes == Sizes::kUniform ? DrawWhole(seed, stream, index, 1, 8)
                                  : int64_t{1} << DrawWhole(seed, stream, index, 0, 3);
}

Trace DrawBacklog(const Mesh& mesh, int64_t count, Sizes sizes, uint64_t seed) {
  Trace trace = {.cluster = {.grid = mesh, .queues = {{.name = "all"}}}};
  for (int64_t id = 0; id < count; ++id) {
    const int64_t run_s = DrawWhole(seed, 2, id, kRunMin_s, kRunMax_s);
    const double factor = 1 + 2 * RandomUniform(seed, 3, static_cast<uint64_t>(id));
    TraceJob j = {.run_s = run_s, .movable = true};
    j.job.id = id;
    j.job.shape = {DrawSide(sizes, seed, 0, id), DrawSide(sizes, seed, 1, id)};
    j.job.queue = "all";
    j.job.time_limit_s = static_cast<int64_t>(static_cast<double>(run_s) * factor);
    trace.jobs.push_back(j);
  }
  return trace;
}

// Busy node-seconds, pauses for moves left out, from 0 to the last start.
double UseUntilQueueIsEmpty(const std::map<int64_t, JobRun>& runs) {
  int64_t until_s = 0;
  for (const auto& [id, run] : runs) until_s = std::max(until_s, run.start_s);
  double busy = 0;
  for (const auto& [id, run] : runs) {
    const int64_t held_s = std::min(run.end_s, until_s) - run.start_s;
    busy += static_cast<double>(run.nodes) *
            static_cast<double>(std::max<int64_t>(0, held_s - run.paused_s));
  }
  return busy / (static_cast<double>(until_s) * static_cast<double>(kMesh.nodes()));
}

// EASY backfill of a machine whose nodes need not touch: what rectangles cost.
class CountingMachine {
 public:
  explicit CountingMachine(const Trace& trace) : waiting_(trace.jobs) {}

  std::map<int64_t, JobRun> Run() {
    Start();
    while (!running_.empty()) {
      const auto next = std::min_element(
          running_.begin(), running_.end(),
          [](const Held& a, const Held& b) { return a.end_s < b.end_s; });
      now_s_ = next->end_s;
      free_ += next->nodes;
      running_.erase(next);
      Start();
    }
    return std::move(runs_);
  }

 private:
  struct Held {
    int64_t nodes, end_s, estimate_s;
  };

  void Start() {
    bool blocked = false;
    int64_t promised_s = 0, spare = 0;
    std::erase_if(waiting_, [&](const TraceJob& j) {
      const int64_t nodes = j.job.shape.nodes();
      const bool in_time = now_s_ + j.job.time_limit_s <= promised_s;
      const bool starts = nodes <= free_ && (!blocked || in_time || nodes <= spare);
      if (starts) {
        if (blocked && !in_time) spare -= nodes;
        free_ -= nodes;
        running_.push_back({nodes, now_s_ + j.run_s, now_s_ + j.job.time_limit_s});
        runs_[j.job.id] = {
            .start_s = now_s_, .end_s = now_s_ + j.run_s, .nodes = nodes};
      } else if (!blocked) {
        blocked = true;
        Promise(nodes, promised_s, spare);
      }
      return starts;
    });
  }

  // When so many nodes will be free, by the estimates, and how many more.
  void Promise(int64_t nodes, int64_t& promised_s, int64_t& spare) const {
    std::vector<Held> held = running_;
    std::sort(held.begin(), held.end(),
              [](const Held& a, const Held& b) { return a.estimate_s < b.estimate_s; });
    int64_t free = free_;
    for (const Held& h : held) {
      if (free >= nodes) break;
      free += h.nodes;
      promised_s = h.estimate_s;
    }
    spare = free - nodes;
  }

  std::vector<TraceJob> waiting_;
  std::vector<Held> running_;
  std::map<int64_t, JobRun> runs_;
  int64_t free_ = kMesh.nodes();
  int64_t now_s_ = 0;
};

enum class Kind { kRectangles, kCounting };

struct Policy {
  const char* name;
  Kind kind;
  Placement placement;
  Backfill backfill;
  int64_t moves_max;
  double peer_uniform, peer_powers;
};

constexpr Policy kPolicies[] = {
    {"FCFS, first fit", Kind::kRectangles, Placement::kFirstFit, Backfill::kNone, 0,
     0.63, 0.55},
    {"FCFS, most contact", Kind::kRectangles, Placement::kMostContact, Backfill::kNone,
     0, 0.66, 0.53},
    {"EASY, first fit", Kind::kRectangles, Placement::kFirstFit, Backfill::kEasy, 0,
     0.82, 0.87},
    {"EASY, most contact", Kind::kRectangles, Placement::kMostContact, Backfill::kEasy,
     0, 0.85, 0.87},
    {"EASY, most contact, moves", Kind::kRectangles, Placement::kMostContact,
     Backfill::kEasy, kMovesMax, 0.92, 0.91},
    {"EASY, any nodes", Kind::kCounting, Placement::kMostContact, Backfill::kEasy, 0,
     0.98, 0.94},
};

ScheduleUse UseOf(const Policy& policy, Sizes sizes, int64_t seeds) {
  const bool uniform = sizes == Sizes::kUniform;
  ScheduleUse result = {.policy = policy.name,
                        .sizes = uniform ? "1 to 8" : "powers of two",
                        .use_min = 1,
                        .use_peer = uniform ? policy.peer_uniform : policy.peer_powers};
  // A backlog is played to its end, so that nobody reads forecasts; patience would
  // only put jobs of equal submission in the same order.
  const SchedulerOptions options = {
      .placement = policy.placement,
      .backfill = policy.backfill,
      .defragmentation = {.moves_max = policy.moves_max, .move_cost_s = kMove_s},
      .forecast_steps_max = 0};
  int64_t moves = 0;
  for (int64_t seed = 0; seed < seeds; ++seed) {
    const Trace trace = DrawBacklog(kMesh, kJobs, sizes, static_cast<uint64_t>(seed));
    const auto runs =
        policy.kind == Kind::kCounting
            ? CountingMachine(trace).Run()
            : Replay(trace, options, [&moves](const jobs::ReplayStep& step) {
                moves += static_cast<int64_t>(step.decision.moves.size());
              });
    const double use = UseUntilQueueIsEmpty(runs);
    result.use += use / static_cast<double>(seeds);
    result.use_min = std::min(result.use_min, use);
    result.use_max = std::max(result.use_max, use);
  }
  result.moves = static_cast<double>(moves) / static_cast<double>(seeds);
  return result;
}

// Fills the mesh, then decides again for each end of a job with the backlog kept full.
DecisionTime TimeDecisions(const Mesh& mesh, int64_t pending, int64_t calls) {
  const Trace trace = DrawBacklog(mesh, 4 * pending, Sizes::kUniform, 0);
  DecisionTime time = {.mesh = mesh.ToString(), .pending = pending, .calls = calls};
  jobs::ClusterState cluster = trace.cluster;
  std::vector<jobs::PendingJob> waiting;
  std::vector<jobs::RunningJob> running;
  std::vector<double> seconds;
  size_t next = 0;
  for (int64_t now_s = 0; static_cast<int64_t>(seconds.size()) < calls;) {
    while (static_cast<int64_t>(waiting.size()) < pending) {
      waiting.push_back(trace.jobs[next++ % trace.jobs.size()].job);
      waiting.back().id = static_cast<int64_t>(next);
    }
    const absl::Time start = absl::Now();
    const jobs::Decision d = Schedule(cluster, waiting, running, now_s);
    const double took = absl::ToDoubleSeconds(absl::Now() - start);
    if (now_s > 0) {
      seconds.push_back(took);
      time.running = static_cast<int64_t>(running.size());
    }
    for (const jobs::Start& s : d.starts) {
      const auto job = std::find_if(waiting.begin(), waiting.end(),
                                    [&s](const auto& w) { return w.id == s.id; });
      running.push_back({.id = s.id,
                         .rectangle = s.rectangle,
                         .queue = job->queue,
                         .end_estimate_s = now_s + job->time_limit_s});
      waiting.erase(job);
    }
    cluster.promised = d.reserved;
    const auto first = std::min_element(running.begin(), running.end(),
                                        [](const auto& a, const auto& b) {
                                          return a.end_estimate_s < b.end_estimate_s;
                                        });
    now_s = first->end_estimate_s;
    running.erase(first);
  }
  std::sort(seconds.begin(), seconds.end());
  time.seconds_median = seconds[seconds.size() / 2];
  time.seconds_max = seconds.back();
  return time;
}

}  // namespace

ScheduleBenchResult BenchSchedule(int64_t seeds) {
  ScheduleBenchResult result = {.seeds = seeds};
  for (const Sizes sizes : {Sizes::kUniform, Sizes::kPowersOfTwo}) {
    for (const Policy& policy : kPolicies) {
      result.uses.push_back(UseOf(policy, sizes, seeds));
    }
  }
  result.times.push_back(TimeDecisions({16, 16}, 400, 20));
  result.times.push_back(TimeDecisions({64, 64}, 1000, 20));
  return result;
}

}  // namespace tatami
