// Prices of memory. A point of the step that is too full grows dearer, a point with
// room cheaper; every priced optimum, less what the capacity would cost, is a lower
// bound of the time of any plan that fits, and a plan to repair.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

#include "compiler/plan/message_passing.h"
#include "compiler/plan/plan_model.h"

namespace tatami {

// An assignment and what it comes to.
struct Found {
  std::vector<int> state;
  double ns = 0;
  std::vector<int64_t> bytes;  // by point
  int64_t over = 0;            // the most above the capacity at any point

  bool fits() const { return over <= 0; }
};

// Some of the states of each call, and what is known of the plans among them.
struct PricedNode {
  PlanModel::StateSets kept;
  std::vector<double> price;  // ns per byte, by point: of the best bound so far
  double bound = 0;  // in ns, of the plans that fit and pass through `kept` alone
  // No plan through a state that was removed for being slow is faster than this.
  double least_removed = std::numeric_limits<double>::infinity();
  std::vector<std::vector<int>> answers;  // the last priced optima

  double proven_ns() const { return std::min(bound, least_removed); }
};

class Pricing {
 public:
  // `model` must outlive this.
  explicit Pricing(const PlanModel& model);

  // From here on plans fit that hold at most `capacity` bytes at each point. What was
  // found before is repaired; prices and moved costs are where the next node starts.
  void SetCapacity(const std::vector<int64_t>& capacity);

  // All states, at the prices of the last root.
  PricedNode Root() const { return root_; }
  void KeepPrices(const PricedNode& root) { root_.price = root.price; }
  // Raises the node's bound by up to `rounds` steps, and offers what it finds on the
  // way; ends early at the goal, or where the steps have become small.
  void Raise(PricedNode& node, int rounds);
  // True when some point is proven to be too full whatever the node's states.
  bool ProvenTooMuch(const PricedNode& node);

  // Considers an assignment of states.
  void Offer(std::vector<int> state) { Offer(Describe(std::move(state))); }

  // The fastest that fits, else the one that is least over.
  const Found& best() const { return best_; }
  // Plans as fast as this, or faster, are still looked for.
  double goal_ns() const;
  int FullestPoint(const std::vector<int>& state) const;
  int points() const { return model_.points(); }
  const PlanModel& model() const { return model_; }
  // Table entries read so far: the measure of work, the same on every host.
  double work() const { return work_; }
  double entries() const;  // of the problem made last

 private:
  void RaiseByPrices(PricedNode& node, int rounds);
  void Offer(Found found);
  Found Describe(std::vector<int> state) const;
  void OfferWithRepair(const std::vector<int>& state);
  bool RemoveStates(const MessagePassing& messages, double limit, PricedNode& node);
  double Solve(PricedNode& node, const std::vector<double>& price,
               std::vector<int>& state);
  std::vector<MessagePassing::Moved> MovedWithin(
      const PlanModel::StateSets& kept) const;
  void Remember(const PlanModel::StateSets& kept,
                const std::vector<MessagePassing::Moved>& moved);
  double CostOfCapacity(const std::vector<double>& price) const;

  const PlanModel& model_;
  std::vector<int64_t> capacity_;  // bytes, by point
  PricedNode root_;
  AssignmentProblem problem_;
  std::vector<MessagePassing::Moved> moved_;  // by edge, of all states
  Found best_;
  double work_ = 0;
};

}  // namespace tatami
