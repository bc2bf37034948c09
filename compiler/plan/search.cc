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

  std::vector<int64_t> ByPoint(const std::vector<int64_t>& by_call);
  SearchResult Describe(const Found& best, double bound) const;
};

PlanSearch::PlanSearch(const Graph& graph, const MachineSpec& machine,
                       const SearchOptions& options)
    : impl_(new Impl{PlanModel(graph, machine, {options.mesh, options.stages},
                               options.pinned, options.candidates_max)}) {}
PlanSearch::~PlanSearch() = default;

std::vector<int64_t> PlanSearch::Impl::ByPoint(const std::vector<int64_t>& by_call) {
  std::vector<int64_t> out(by_call.size());
  for (int c = 0; c < model.points(); ++c) out[model.PointOf(c)] = by_call[c];
  return out;
}

SearchResult PlanSearch::Run(const std::vector<int64_t>& capacity_by_call) {
  const std::vector<int64_t> capacity = impl_->ByPoint(capacity_by_call);
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
  return impl_->Describe(pricing.best(), bound);
}

// Stages work at once: however their work is spread, the busiest has its share of it.
SearchResult PlanSearch::Impl::Describe(const Found& best, double bound) const {
  SearchResult out{.plan = model.PlanOf(best.state),
                   .state = best.state,
                   .step_ns = best.ns,
                   .bound_ns = std::min(bound, best.ns),
                   .stage_ns = {best.ns},
                   .call_ns = model.CallNs(best.state),
                   .fits = best.fits()};
  if (model.stages() > 1) {
    out.step_ns = model.StepNs(best.state, out.stage_ns);
    out.bound_ns = std::min(out.step_ns, out.bound_ns / model.stages());
  }
  for (int c = 0; c < model.points(); ++c) {
    out.bytes.push_back(best.bytes[model.PointOf(c)]);
  }
  return out;
}

std::vector<std::vector<PlanChoice>> PlanSearch::ChoicesAround(
    const SearchResult& found, const std::vector<int64_t>& capacity) const {
  const std::vector<int64_t> by_point = impl_->ByPoint(capacity);
  std::vector<std::vector<PlanChoice>> out;
  for (int c = 0; c < impl_->model.points(); ++c) {
    out.push_back(impl_->model.ChoicesOf(c, found.state, by_point));
  }
  return out;
}

}  // namespace tatami
