#include "compiler/plan/branching.h"

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <optional>

#include "absl/algorithm/container.h"
#include "compiler/plan/span_prices.h"

namespace tatami {
namespace {

constexpr int kTrialRounds = 2;  // of the parts of a split that is weighed up
constexpr int kRounds = 6;       // of the parts of the one that is made
constexpr size_t kKnown = 3, kUnknown = 3;  // splits weighed up at a node

// One call's states in two parts.
struct Split {
  int call = -1;
  double spread = 0;  // of the priced memory between the last priced optima, in ns
  std::array<std::vector<int>, 2> parts;  // that hold less, that hold more
};

// What each state's memory costs while the other calls are as in `state`.
std::map<int, double> PricedMemory(const PlanModel& model, const SpanPrices& prices,
                                   int call, std::vector<int> state,
                                   const std::vector<int>& of) {
  std::map<int, double> ns;
  PlanModel::Spans spans;
  for (const int s : of) {
    state[call] = s;
    spans.clear();
    model.Around(call, state, spans);
    ns[s] = prices.Ns(spans);
  }
  return ns;
}

// Splits each call by the priced memory of its states in `seen`: below the middle of
// their range, and above. The widest range first.
std::vector<Split> SplitsOf(const PlanModel& model, const PricedNode& node,
                            const SpanPrices& prices,
                            const PlanModel::StateSets& seen) {
  std::vector<Split> splits;
  for (int c = 0; c < model.points(); ++c) {
    if (seen[c].size() < 2) continue;
    double lo = std::numeric_limits<double>::infinity(), hi = -lo;
    for (const auto& [s, ns] :
         PricedMemory(model, prices, c, node.answers.back(), seen[c])) {
      lo = std::min(lo, ns);
      hi = std::max(hi, ns);
    }
    if (hi - lo <= 1e-9 * hi) continue;  // rounding
    Split split{.call = c, .spread = hi - lo, .parts = {}};
    for (const auto& [s, ns] :
         PricedMemory(model, prices, c, node.answers.back(), node.kept[c])) {
      split.parts[ns <= (lo + hi) / 2 ? 0 : 1].push_back(s);
    }
    splits.push_back(std::move(split));
  }
  absl::c_stable_sort(
      splits, [](const Split& a, const Split& b) { return a.spread > b.spread; });
  return splits;
}

// That the last priced optima cannot agree on what a call holds is what keeps the bound
// low. Where they agree on all that is priced, what they hold at the fullest point
// counts; and where that is no help either, any call is split. Empty where one
// assignment is left.
std::vector<Split> FindSplits(const Pricing& pricing, const PricedNode& node) {
  if (node.answers.empty()) return {};
  const PlanModel& model = pricing.model();
  PlanModel::StateSets seen(model.points());
  for (int c = 0; c < model.points(); ++c) {
    for (const std::vector<int>& answer : node.answers) {
      if (absl::c_binary_search(node.kept[c], answer[c])) seen[c].push_back(answer[c]);
    }
    absl::c_sort(seen[c]);
    seen[c].erase(std::unique(seen[c].begin(), seen[c].end()), seen[c].end());
  }
  std::vector<Split> splits =
      SplitsOf(model, node, SpanPrices(node.price, model.points()), seen);
  if (!splits.empty()) return splits;
  std::vector<double> price(model.points(), 0.0);
  price[pricing.FullestPoint(node.answers.back())] = 1;
  splits = SplitsOf(model, node, SpanPrices(price, model.points()), node.kept);
  for (int c = 0; c < model.points() && splits.empty(); ++c) {
    const std::vector<int>& kept = node.kept[c];
    if (kept.size() < 2) continue;
    const auto middle = kept.begin() + kept.size() / 2;
    splits.push_back(
        {.call = c, .parts = {{{kept.begin(), middle}, {middle, kept.end()}}}});
  }
  return splits;
}

class Branching {
 public:
  Branching(Pricing& pricing, double work_max)
      : pricing_(pricing), work_max_(work_max), gains_(pricing.points()) {}

  double Run(PricedNode root) {
    const double root_ns = root.proven_ns();
    Open(std::move(root));
    while (!open_.empty()) {
      // The least bound of all first, and from there down while there is hope.
      std::optional<PricedNode> node = std::move(open_.begin()->second);
      open_.erase(open_.begin());
      while (node && pricing_.work() < work_max_) node = Descend(*node);
      if (!node) continue;
      Close(*node);
      for (const auto& [bound, left] : open_) Close(left);
      break;
    }
    return std::max(root_ns, closed_ns_);
  }

 private:
  void Close(const PricedNode& node) {
    closed_ns_ = std::min(closed_ns_, node.proven_ns());
  }
  void Open(PricedNode node) {
    if (node.bound >= pricing_.goal_ns()) return Close(node);
    open_.emplace(node.bound, std::move(node));
  }

  // Splits the node; returns the part of less bound where there is one, and puts the
  // other aside.
  std::optional<PricedNode> Descend(const PricedNode& node) {
    std::optional<Split> split;
    if (node.bound < pricing_.goal_ns()) split = Choose(node);
    if (!split) {
      Close(node);
      return std::nullopt;
    }
    std::optional<PricedNode> next;
    for (const std::vector<int>& states : split->parts) {
      PricedNode part = Part(node, split->call, states, kRounds);
      if (!pricing_.best().fits() && pricing_.ProvenTooMuch(part)) continue;
      if (!next) {
        next = std::move(part);
        continue;
      }
      if (part.bound < next->bound) std::swap(part, *next);
      Open(std::move(part));
    }
    return next;
  }

  PricedNode Part(const PricedNode& node, int call, const std::vector<int>& states,
                  int rounds) {
    PricedNode part = node;
    part.kept[call] = states;
    pricing_.Raise(part, rounds);
    part.bound = std::max(part.bound, node.bound);
    return part;
  }

  // Weighs up the splits that gained most elsewhere, and some that are little known.
  std::optional<Split> Choose(const PricedNode& node) {
    std::vector<Split> splits = FindSplits(pricing_, node);
    std::vector<size_t> known, tried;
    for (size_t i = 0; i < splits.size(); ++i) {
      const Gain& gain = gains_[splits[i].call];
      if (gain.times > 0) known.push_back(i);
      if (gain.times < 2 && tried.size() < kUnknown) tried.push_back(i);
    }
    absl::c_stable_sort(known, [&](size_t a, size_t b) {
      return gains_[splits[a].call].mean() > gains_[splits[b].call].mean();
    });
    for (size_t i = 0; i < known.size() && i < kKnown; ++i) {
      if (!absl::c_linear_search(tried, known[i])) tried.push_back(known[i]);
    }
    std::optional<Split> best;
    double best_gain = -1;
    const double most = std::max(0.0, pricing_.best().ns - node.bound);
    for (const size_t i : tried) {
      double gain[2];
      for (int p = 0; p < 2; ++p) {
        const PricedNode part =
            Part(node, splits[i].call, splits[i].parts[p], kTrialRounds);
        gain[p] = std::clamp(part.bound - node.bound, 0.0, most);
      }
      // The lesser of the two counts: it is the bound that is left.
      const double both = std::min(gain[0], gain[1]) + 0.1 * std::max(gain[0], gain[1]);
      gains_[splits[i].call].sum += both;
      ++gains_[splits[i].call].times;
      if (both > best_gain) best_gain = both, best = splits[i];
    }
    return best;
  }

  // What splitting a call raised the bound by so far.
  struct Gain {
    double sum = 0;
    int times = 0;
    double mean() const { return sum / times; }
  };

  Pricing& pricing_;
  const double work_max_;
  std::multimap<double, PricedNode> open_;                      // by bound
  double closed_ns_ = std::numeric_limits<double>::infinity();  // of nodes done with
  std::vector<Gain> gains_;                                     // by call
};

}  // namespace

double Branch(Pricing& pricing, PricedNode root, double work_max) {
  return Branching(pricing, work_max).Run(std::move(root));
}

}  // namespace tatami
