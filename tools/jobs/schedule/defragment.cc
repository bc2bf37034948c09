#include "tools/jobs/schedule/defragment.h"

#include <algorithm>
#include <tuple>

namespace tatami::jobs {
namespace {

// Rectangles tried, fewest moved nodes first; all that a 16x16 mesh has. On a larger
// one this bounds the time of a decision: to see that one fails costs as much as a
// change of the map of free nodes.
constexpr size_t kCandidatesMax = 512;

struct Candidate {
  Rectangle cleared;
  std::vector<const Resident*> moved;
  int64_t moved_nodes = 0;
};

bool IsCheaper(const Candidate& a, const Candidate& b) {
  const auto key = [](const Candidate& c) {
    return std::tuple(c.moved_nodes, c.moved.size(), c.cleared.rows, c.cleared.row,
                      c.cleared.col);
  };
  return key(a) < key(b);
}

std::vector<const Resident*> Movable(const Occupancy& occupancy) {
  std::vector<const Resident*> movable;
  for (const Resident& r : occupancy.residents()) {
    if (r.movable) movable.push_back(&r);
  }
  return movable;
}

// Rectangles of the shape or its rotation that hold nothing but what can be moved.
std::vector<Candidate> Candidates(const Occupancy& occupancy, const Mesh& shape,
                                  int64_t moves_max) {
  const std::vector<const Resident*> movable = Movable(occupancy);
  FreeMap clearable = occupancy.free();
  std::vector<Rectangle> parts;
  for (const Resident* r : movable) parts.push_back(r->rectangle);
  clearable.Release(parts);
  std::vector<Candidate> candidates;
  const Mesh rotated = {shape.cols, shape.rows};
  for (const Mesh& turn : {shape, rotated}) {
    Rectangle at = {0, 0, turn.rows, turn.cols};
    for (at.row = 0; at.row + at.rows <= clearable.grid().rows; ++at.row) {
      for (at.col = 0; at.col + at.cols <= clearable.grid().cols; ++at.col) {
        if (!clearable.IsFree(at)) continue;
        Candidate c = {.cleared = at};
        for (const Resident* r : movable) {
          if (!r->rectangle.Overlaps(at)) continue;
          c.moved.push_back(r);
          c.moved_nodes += r->rectangle.nodes();
        }
        if (static_cast<int64_t>(c.moved.size()) <= moves_max) {
          candidates.push_back(std::move(c));
        }
      }
    }
    if (shape.rows == shape.cols) break;
  }
  std::sort(candidates.begin(), candidates.end(), IsCheaper);
  if (candidates.size() > kCandidatesMax) candidates.resize(kCandidatesMax);
  return candidates;
}

// The largest first. Where a moved job was may become another's place.
std::optional<MovePlan> Relocate(const Occupancy& occupancy, Candidate candidate) {
  FreeMap free = occupancy.free();
  std::vector<Rectangle> vacated;
  for (const Resident* r : candidate.moved) vacated.push_back(r->rectangle);
  free.Release(vacated);
  free.Occupy({candidate.cleared});
  std::sort(candidate.moved.begin(), candidate.moved.end(),
            [](const Resident* a, const Resident* b) {
              return std::tuple(-a->rectangle.nodes(), a->id) <
                     std::tuple(-b->rectangle.nodes(), b->id);
            });
  MovePlan plan = {.cleared = candidate.cleared};
  for (const Resident* r : candidate.moved) {
    const auto to = free.Place(r->rectangle.shape(), Placement::kMostContact);
    if (!to) return std::nullopt;
    free.Occupy({*to});
    plan.moves.push_back({.id = r->id, .from = r->rectangle, .to = *to});
  }
  std::sort(plan.moves.begin(), plan.moves.end(),
            [](const Move& a, const Move& b) { return a.id < b.id; });
  return plan;
}

}  // namespace

std::optional<MovePlan> PlanMoves(const Occupancy& occupancy, const ReadyJob& job,
                                  int64_t now_s, const SchedulerOptions& options) {
  const Defragmentation& moves = options.defragmentation;
  const Mesh& shape = job.job->shape;
  if (moves.moves_max < 1 || occupancy.free().free_nodes() < shape.nodes()) {
    return std::nullopt;
  }
  const auto wait = occupancy.Earliest(*job.job, job.queue, options.placement, {});
  for (const Candidate& c : Candidates(occupancy, shape, moves.moves_max)) {
    if (wait && c.moved_nodes * moves.move_cost_s >=
                    shape.nodes() * (wait->start_s - now_s - moves.move_cost_s)) {
      return std::nullopt;  // nor is any that follows worth it
    }
    if (auto plan = Relocate(occupancy, c)) return plan;
  }
  return std::nullopt;
}

}  // namespace tatami::jobs
