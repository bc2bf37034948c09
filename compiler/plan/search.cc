#include "compiler/plan/search.h"

#include <algorithm>
#include <utility>

#include "compiler/plan/branching.h"
#include "compiler/plan/plan_model.h"
#include "compiler/plan/pricing.h"
#include "compiler/plan/try_all.h"

namespace tatami {
namespace {

constexpr double kCombinationsTried = 1e5;
// Until it is asked whether anything can fit; in the first run; in later ones.
constexpr int kRoundsOfDoubt = 3, kRounds = 48, kRoundsAgain = 24;
// Table entries read, about a nanosecond each: in all runs of a search; in branching
// while nothing fits; and the least that must be left for branching to come anywhere.
constexpr double kWorkMax = 4e9, kWorkUnfit = 1e9, kReadsOfBranching = 3000;

}  // namespace

struct PlanSearch::Impl {
  PlanModel model;
  Pricing pricing{model};
  int rounds = kRounds;
};

PlanSearch::PlanSearch(const Graph& graph, const MachineSpec& machine,
                       const SearchOptions& options)
    : impl_(new Impl{PlanModel(graph, machine, options.mesh, options.pinned,
                               options.candidates_max)}) {}
PlanSearch::~PlanSearch() = default;

SearchResult PlanSearch::Run(const std::vector<int64_t>& capacity) {
  Pricing& pricing = impl_->pricing;
  pricing.SetCapacity(capacity);
  PricedNode root = pricing.Root();
  double bound = 0;
  if (FewerCombinationsThan(impl_->model, kCombinationsTried)) {
    pricing.Raise(root, 1);
    bound = root.proven_ns();
    if (const auto best = TryAll(impl_->model, capacity)) {
      pricing.Offer(*best);
      bound = pricing.best().ns;
    }
  } else {
    pricing.Raise(root, kRoundsOfDoubt);
    const bool too_much = !pricing.best().fits() && pricing.ProvenTooMuch(root);
    if (!too_much && root.bound < pricing.goal_ns()) {
      const double before = std::exchange(root.bound, 0);
      pricing.Raise(root, std::exchange(impl_->rounds, kRoundsAgain));
      root.bound = std::max(root.bound, before);
    }
    pricing.KeepPrices(root);
    bound = root.proven_ns();
    double work = (kWorkMax - pricing.work()) / 2;
    if (!pricing.best().fits()) work = std::min(work, kWorkUnfit);
    if (root.bound < pricing.goal_ns() && !too_much &&
        work > kReadsOfBranching * pricing.entries()) {
      bound = Branch(pricing, std::move(root), pricing.work() + work);
    }
  }
  const Found& best = pricing.best();
  return {.plan = impl_->model.PlanOf(best.state),
          .state = best.state,
          .step_ns = best.ns,
          .bound_ns = std::min(bound, best.ns),
          .bytes = best.bytes,
          .fits = best.fits()};
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
