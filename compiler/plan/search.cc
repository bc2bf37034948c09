#include "compiler/plan/search.h"

#include <algorithm>
#include <limits>

#include "compiler/plan/assignment.h"
#include "compiler/plan/plan_model.h"
#include "compiler/plan/repair.h"
#include "compiler/plan/try_all.h"

namespace tatami {
namespace {

// An assignment and what it comes to.
struct Found {
  std::vector<int> state;
  double ns = 0;
  std::vector<int64_t> bytes;  // by point
  int64_t over = 0;            // the most above the capacity at any point
};

// Subgradient steps over the prices of memory: a point that is too full grows dearer, a
// point with room cheaper. Every priced optimum, less what the capacity would cost, is
// a lower bound of the time of any plan that fits.
class Pricing {
 public:
  Pricing(const PlanModel& model, const std::vector<int64_t>& capacity)
      : model_(model),
        capacity_(capacity),
        price_(model.points(), 0.0),
        direction_(price_) {}

  void Run() {
    for (int round = 0; round < kRoundsMax; ++round) {
      Solve();
      if (round == 0 && FewerCombinationsThan(model_, kCombinationsTried)) {
        if (const auto best = TryAll(model_, capacity_)) {
          Offer(Describe(*best));
          bound_ = best_.ns;
        }
        return;
      }
      if (best_.over <= 0 && best_.ns - bound_ <= kGapGoal * best_.ns) return;
      if (round == kRoundOfDoubt && best_.over > 0 && ProvenTooMuch()) return;
      if (!Step()) return;
    }
  }

  const Found& best() const { return best_; }
  double bound() const { return std::min(bound_, best_.ns); }

 private:
  static constexpr int kRoundsMax = 24;
  static constexpr int kRoundOfDoubt = 2;
  static constexpr double kCombinationsTried = 1e5;
  static constexpr double kGapGoal = 0.005, kSolveGoal = 0.001;
  static constexpr double kMemory = 0.5;  // of the last directions
  static constexpr double kHope = 1.2;    // the goal while nothing fits, over the bound

  Found Describe(std::vector<int> state) const {
    Found found{.state = std::move(state)};
    found.ns = model_.TimeNs(found.state);
    found.bytes = model_.Memory(found.state);
    found.over = std::numeric_limits<int64_t>::min();
    for (int t = 0; t < model_.points(); ++t) {
      found.over = std::max(found.over, found.bytes[t] - capacity_[t]);
    }
    return found;
  }

  void Solve() {
    AssignmentOptions options;
    options.start = last_.state;
    options.gap_goal = kSolveGoal;
    const Assignment found = SolveAssignment(model_.Problem(price_), options);
    double full = 0;
    for (int t = 0; t < model_.points(); ++t) {
      full += price_[t] * static_cast<double>(capacity_[t]);
    }
    dual_ = found.bound - full;
    bound_ = std::max(bound_, dual_);
    last_ = Describe(found.state);
    Offer(last_);
    std::vector<int> repaired = found.state;
    RepairAndImprove(model_, capacity_, repaired);
    Offer(Describe(std::move(repaired)));
  }

  // True when even the assignment that holds least at the point where the best one is
  // most over holds too much.
  bool ProvenTooMuch() const {
    int fullest = 0;
    for (int t = 1; t < model_.points(); ++t) {
      if (best_.bytes[t] - capacity_[t] > best_.bytes[fullest] - capacity_[fullest]) {
        fullest = t;
      }
    }
    // So dear that even a plan of a million times the time weighs less than a byte
    // more.
    const double ns_per_byte = 1e6 * best_.ns;
    std::vector<double> price(model_.points(), 0.0);
    price[fullest] = ns_per_byte;
    const Assignment least = SolveAssignment(model_.Problem(price), {});
    return least.bound / ns_per_byte > static_cast<double>(capacity_[fullest]) + 1;
  }

  // Keeps the faster of two that fit, else the one that is less over.
  void Offer(const Found& found) {
    const bool fits = found.over <= 0, best_fits = best_.over <= 0;
    if (best_.state.empty() || (fits && !best_fits) || (fits && found.ns < best_.ns) ||
        (!best_fits && found.over < best_.over)) {
      best_ = found;
    }
  }

  // B. Polyak's step: as long as the dual's distance from its goal, along a direction
  // that remembers the last ones. False where no price can change.
  bool Step() {
    double squares = 0;
    for (size_t t = 0; t < price_.size(); ++t) {
      const auto over = static_cast<double>(last_.bytes[t] - capacity_[t]);
      const bool counts = over > 0 || price_[t] > 0;
      direction_[t] = kMemory * direction_[t] + (counts ? over : 0);
      if (direction_[t] > 0 || price_[t] > 0) squares += direction_[t] * direction_[t];
    }
    if (squares == 0) return false;
    const double goal = best_.over <= 0 ? best_.ns : kHope * std::max(bound_, last_.ns);
    const double step = std::max(0.0, goal - dual_) / squares;
    for (size_t t = 0; t < price_.size(); ++t) {
      price_[t] = std::max(0.0, price_[t] + step * direction_[t]);
    }
    return true;
  }

  const PlanModel& model_;
  const std::vector<int64_t>& capacity_;  // bytes, by point
  std::vector<double> price_;             // ns per byte, by point
  std::vector<double> direction_;
  double bound_ = 0, dual_ = 0;
  Found last_, best_;
};

}  // namespace

struct PlanSearch::Impl {
  PlanModel model;
};

PlanSearch::PlanSearch(const Graph& graph, const MachineSpec& machine,
                       const SearchOptions& options)
    : impl_(std::make_unique<Impl>(Impl{PlanModel(
          graph, machine, options.mesh, options.pinned, options.candidates_max)})) {}
PlanSearch::~PlanSearch() = default;

SearchResult PlanSearch::Run(const std::vector<int64_t>& capacity) {
  Pricing pricing(impl_->model, capacity);
  pricing.Run();
  const Found& best = pricing.best();
  return {.plan = impl_->model.PlanOf(best.state),
          .state = best.state,
          .step_ns = best.ns,
          .bound_ns = pricing.bound(),
          .bytes = best.bytes,
          .fits = best.over <= 0};
}

std::vector<std::vector<PlanChoice>> PlanSearch::ChoicesAround(
    const SearchResult& found, const std::vector<int64_t>& capacity) const {
  std::vector<std::vector<PlanChoice>> out;
  for (int c = 0; c < impl_->model.points(); ++c) {
    out.push_back(impl_->model.ChoicesOf(c, found.state, capacity));
  }
  return out;
}

}  // namespace tatami
