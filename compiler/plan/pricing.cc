#include "compiler/plan/pricing.h"

#include <algorithm>
#include <limits>

#include "absl/algorithm/container.h"
#include "compiler/plan/repair.h"

namespace tatami {
namespace {

constexpr double kGapGoal = 0.004;
constexpr double kSolveGoal = 0.001;  // of the gap of one priced optimum
constexpr double kHope = 0.2;       // the first rise while nothing fits, over the bound
constexpr double kMemory = 0.5;     // of the last directions
constexpr double kPartRise = 0.01;  // the first rise of a part of a node
constexpr double kSmallRise = 0.0005;
constexpr int kPatience = 4;          // rounds without a rise before a smaller step
constexpr double kWorkOfFirst = 100;  // reads of each entry, about
constexpr int kPassesMin = 2, kPassesMax = 10;
constexpr double kPassRise = 1e-4;  // of a pass that is worth another
constexpr size_t kAnswersKept = 8;

bool AnyPrice(const std::vector<double>& price) {
  return absl::c_any_of(price, [](double p) { return p > 0; });
}

bool OneIsLeft(const PricedNode& node) {
  return absl::c_all_of(node.kept,
                        [](const auto& states) { return states.size() == 1; });
}

// Steps along subgradients that remember the last ones.
class Ascent {
 public:
  Ascent(const std::vector<int64_t>& capacity, std::vector<double> price)
      : capacity_(capacity), price_(std::move(price)), direction_(price_.size(), 0.0) {}

  const std::vector<double>& price() const { return price_; }

  // Forgets directions and goes back to where `price` held `bytes`.
  void Restart(const std::vector<double>& price) {
    price_ = price;
    absl::c_fill(direction_, 0.0);
  }

  // A step as long as B. Polyak's for a dual that is `rise` below its goal. False where
  // no price can change.
  bool Step(const std::vector<int64_t>& bytes, double rise) {
    double squares = 0;
    for (size_t t = 0; t < price_.size(); ++t) {
      const auto over = static_cast<double>(bytes[t] - capacity_[t]);
      const bool counts = over > 0 || price_[t] > 0;
      direction_[t] = kMemory * direction_[t] + (counts ? over : 0);
      if (direction_[t] > 0 || price_[t] > 0) squares += direction_[t] * direction_[t];
    }
    if (squares == 0) return false;
    const double step = std::max(0.0, rise) / squares;
    for (size_t t = 0; t < price_.size(); ++t) {
      price_[t] = std::max(0.0, price_[t] + step * direction_[t]);
    }
    return true;
  }

 private:
  const std::vector<int64_t>& capacity_;
  std::vector<double> price_, direction_;
};

}  // namespace

Pricing::Pricing(const PlanModel& model)
    : model_(model),
      root_{.kept = model.AllStates(),
            .price = std::vector<double>(model.points(), 0.0),
            .answers = {}} {}

void Pricing::SetCapacity(const std::vector<int64_t>& capacity) {
  capacity_ = capacity;
  const std::vector<int> before = std::move(best_.state);
  best_ = {};
  if (!before.empty()) OfferWithRepair(before);
}

double Pricing::goal_ns() const {
  return best_.fits() && !best_.state.empty() ? (1 - kGapGoal) * best_.ns
                                              : std::numeric_limits<double>::infinity();
}

Found Pricing::Describe(std::vector<int> state) const {
  Found found{.state = std::move(state)};
  found.ns = model_.TimeNs(found.state);
  found.bytes = model_.Memory(found.state);
  found.over = std::numeric_limits<int64_t>::min();
  for (int t = 0; t < points(); ++t) {
    found.over = std::max(found.over, found.bytes[t] - capacity_[t]);
  }
  return found;
}

// Keeps the faster of two that fit, else the one that is less over.
void Pricing::Offer(Found found) {
  if (best_.state.empty() || (found.fits() && !best_.fits()) ||
      (found.fits() && found.ns < best_.ns) ||
      (!best_.fits() && found.over < best_.over)) {
    best_ = std::move(found);
  }
}

void Pricing::OfferWithRepair(const std::vector<int>& state) {
  Offer(Describe(state));
  std::vector<int> repaired = state;
  RepairAndImprove(model_, capacity_, repaired);
  Offer(Describe(std::move(repaired)));
}

std::vector<MessagePassing::Moved> Pricing::MovedWithin(
    const PlanModel::StateSets& kept) const {
  std::vector<MessagePassing::Moved> out;
  if (moved_.empty()) return out;
  for (size_t e = 0; e < moved_.size(); ++e) {
    out.emplace_back();
    for (const int s : kept[problem_.edges[e].a]) {
      out[e].to_a.push_back(moved_[e].to_a[s]);
    }
    for (const int s : kept[problem_.edges[e].b]) {
      out[e].to_b.push_back(moved_[e].to_b[s]);
    }
  }
  return out;
}

void Pricing::Remember(const PlanModel::StateSets& kept,
                       const std::vector<MessagePassing::Moved>& moved) {
  if (moved_.empty()) {
    for (const AssignmentProblem::Edge& edge : problem_.edges) {
      moved_.push_back({std::vector<double>(model_.num_states(edge.a), 0.0),
                        std::vector<double>(model_.num_states(edge.b), 0.0)});
    }
  }
  for (size_t e = 0; e < moved.size(); ++e) {
    const AssignmentProblem::Edge& edge = problem_.edges[e];
    for (size_t i = 0; i < kept[edge.a].size(); ++i) {
      moved_[e].to_a[kept[edge.a][i]] = moved[e].to_a[i];
    }
    for (size_t i = 0; i < kept[edge.b].size(); ++i) {
      moved_[e].to_b[kept[edge.b][i]] = moved[e].to_b[i];
    }
  }
}

double Pricing::CostOfCapacity(const std::vector<double>& price) const {
  double ns = 0;
  for (int t = 0; t < points(); ++t) {
    ns += price[t] * static_cast<double>(capacity_[t]);
  }
  return ns;
}

double Pricing::entries() const {
  double entries = 0;
  for (const AssignmentProblem::Edge& edge : problem_.edges) {
    entries += static_cast<double>(edge.cost.size());
  }
  return entries;
}

double Pricing::Solve(PricedNode& node, const std::vector<double>& price,
                      std::vector<int>& state) {
  model_.MakeProblem(price, node.kept, problem_);
  if (!AnyPrice(price) && moved_.empty()) {
    Assignment found = SolveAssignment(problem_, {.gap_goal = kSolveGoal});
    work_ += kWorkOfFirst * entries();
    state = std::move(found.state);
    return found.bound;
  }
  MessagePassing messages(problem_, MovedWithin(node.kept));
  double bound = 0;
  for (int pass = 0; pass < kPassesMax; ++pass) {
    const double before = bound;
    bound = messages.Pass();
    work_ += 2 * entries();
    if (pass + 1 >= kPassesMin && bound - before < kPassRise * bound) break;
  }
  Remember(node.kept, messages.moved());
  state = messages.Decode();
  ImproveByOne(problem_, state);
  work_ += 3 * entries();
  for (int c = 0; c < points(); ++c) state[c] = node.kept[c][state[c]];
  const double free = CostOfCapacity(price);
  const double dual = bound - free;
  const bool rises = dual > node.bound && best_.fits();
  const bool any_left = !rises || RemoveStates(messages, goal_ns() + free, node);
  return any_left ? dual : std::max(dual, goal_ns());
}

void Pricing::Raise(PricedNode& node, int rounds) {
  RaiseByPrices(node, rounds);
  if (!OneIsLeft(node)) return;
  std::vector<int> state;
  for (const std::vector<int>& states : node.kept) state.push_back(states[0]);
  const Found found = Describe(std::move(state));
  Offer(found);
  node.bound = found.fits() ? found.ns : std::numeric_limits<double>::infinity();
}

void Pricing::RaiseByPrices(PricedNode& node, int rounds) {
  const bool part = node.bound > 0;
  Ascent ascent(capacity_, node.price);
  std::vector<int64_t> bytes_at_best;
  double rise = 0;
  int since = 0;  // rounds since the last rise that counts
  node.bound = 0;
  node.answers.clear();
  for (int round = 0; round < rounds; ++round) {
    if (OneIsLeft(node)) return;
    std::vector<int> state;
    const double dual = Solve(node, ascent.price(), state);
    const Found found = Describe(state);
    Offer(found);
    if (!absl::c_linear_search(node.answers, state)) {
      // Parts are many, and their answers alike.
      if (!part || round + 1 == rounds) OfferWithRepair(state);
      if (node.answers.size() == kAnswersKept) node.answers.erase(node.answers.begin());
      node.answers.push_back(std::move(state));
    }
    ++since;
    const double risen = dual - node.bound;
    if (round == 0) {
      rise = best_.fits() ? best_.ns - dual : kHope * std::max(dual, found.ns);
      if (part) rise = std::min(rise, kPartRise * dual);
    }
    if (round == 0 || risen > 0) {
      if (risen > rise / 10) since = 0;
      if (round > 0 && risen > rise / 4) rise *= 1.5;
      node.bound = std::max(node.bound, dual);
      node.price = ascent.price();
      bytes_at_best = found.bytes;
    }
    if (node.bound >= goal_ns()) return;
    if (best_.fits()) rise = std::min(rise, best_.ns - node.bound);
    const bool stands = since >= kPatience;
    if (stands) {
      // Back to the best prices, with smaller steps.
      since = 0;
      rise = std::max(rise / 2, best_.fits() ? 0 : kPartRise * node.bound);
      if (rise < kSmallRise * node.bound) return;
      ascent.Restart(node.price);
    }
    const bool stepped = stands ? ascent.Step(bytes_at_best, rise)
                                : ascent.Step(found.bytes, node.bound + rise - dual);
    if (!stepped) return;
  }
}

// No plan faster than the goal passes through what is removed, at whatever prices that
// was seen.
bool Pricing::RemoveStates(const MessagePassing& messages, double limit,
                           PricedNode& node) {
  const auto below = messages.StatesBelow(limit);
  work_ += 3 * entries();
  PlanModel::StateSets left(points());
  for (int c = 0; c < points(); ++c) {
    for (size_t i = 0; i < node.kept[c].size(); ++i) {
      if (below[c][i]) left[c].push_back(node.kept[c][i]);
    }
    if (left[c].empty()) return false;
  }
  if (left != node.kept) node.least_removed = std::min(node.least_removed, goal_ns());
  node.kept = std::move(left);
  return true;
}

int Pricing::FullestPoint(const std::vector<int>& state) const {
  const std::vector<int64_t> bytes = model_.Memory(state);
  int fullest = 0;
  for (int t = 1; t < points(); ++t) {
    if (bytes[t] - capacity_[t] > bytes[fullest] - capacity_[fullest]) fullest = t;
  }
  return fullest;
}

bool Pricing::ProvenTooMuch(const PricedNode& node) {
  const int fullest = FullestPoint(best_.state);
  // So dear that even a plan of a million times the time weighs less than a byte more.
  const double ns_per_byte = 1e6 * best_.ns;
  std::vector<double> price(points(), 0.0);
  price[fullest] = ns_per_byte;
  model_.MakeProblem(price, node.kept, problem_);
  MessagePassing messages(problem_);
  double bound = 0;
  for (int pass = 0; pass < kPassesMax; ++pass) {
    bound = messages.Pass();
    work_ += 2 * entries();
    if (bound / ns_per_byte > static_cast<double>(capacity_[fullest]) + 1) return true;
  }
  return false;
}

}  // namespace tatami
