#include "compiler/plan/stage_cut.h"

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "core/error.h"

namespace tatami {
namespace {

// What a byte too many and a call beside its pin weigh, in ns: more than any time.
constexpr double kNsPerByteOver = 1e6, kNsPerPinLeft = 1e18;

// The forward pass as a chain: its calls of one micro-batch, in order, and for every
// call the link of the chain that it goes with.
class Chain {
 public:
  explicit Chain(const Graph& graph) : graph_(graph), of_call_(graph.calls.size(), -1) {
    FindPlaces();
    for (size_t c = 0; c < graph.calls.size(); ++c) {
      const GraphCall& call = graph.calls[c];
      if (call.place >= 0 || !placed_) of_call_[c] = LinkAt(PlaceOf(c));
    }
    of_state_.assign(graph.values.size(), -1);
    FollowReads();
    FollowReaders();
  }

  int links() const { return static_cast<int>(places_.size()); }
  int OfCall(int call) const { return of_call_[call]; }
  int OfState(int value) const { return of_state_[value]; }
  bool IsForward(int call) const {
    const GraphCall& c = graph_.calls[call];
    return !placed_ || (c.place >= 0 && !c.backward);
  }

 private:
  int PlaceOf(size_t call) const {
    return placed_ ? graph_.calls[call].place : static_cast<int>(call);
  }

  // A graph without a backward pass is all forward.
  void FindPlaces() {
    placed_ = absl::c_any_of(graph_.calls, [](const auto& c) { return c.place >= 0; });
    std::set<int> places;
    for (size_t c = 0; c < graph_.calls.size(); ++c) {
      if (IsForward(static_cast<int>(c))) places.insert(PlaceOf(c));
    }
    places_.assign(places.begin(), places.end());
  }

  // The link of that place; where passes removed its call, the next that is left.
  int LinkAt(int place) const {
    const auto at = absl::c_lower_bound(places_, place) - places_.begin();
    return std::min(static_cast<int>(at), links() - 1);
  }

  int LinkOf(int value) const {
    const int producer = graph_.values[value].producer;
    return producer < 0 ? of_state_[value] : of_call_[producer];
  }

  // A state goes with its first reader in the forward pass, a call of no pass with the
  // largest tensor that it reads, a state that only such a call reads with that call.
  void FollowReads() {
    for (size_t c = 0; c < graph_.calls.size(); ++c) {
      if (IsForward(static_cast<int>(c))) TakeStates(c);
    }
    for (size_t c = 0; c < graph_.calls.size(); ++c) {
      if (of_call_[c] < 0) {
        int64_t largest = -1;
        for (const int in : graph_.calls[c].in) {
          const int64_t bytes = graph_.values[in].type.bytes();
          if (LinkOf(in) < 0 || bytes <= largest) continue;
          largest = bytes;
          of_call_[c] = LinkOf(in);
        }
      }
      if (of_call_[c] >= 0) TakeStates(c);
    }
  }

  void TakeStates(size_t call) {
    for (const int in : graph_.calls[call].in) {
      const bool state = graph_.values[in].kind == ValueKind::kState;
      if (state && of_state_[in] < 0) of_state_[in] = of_call_[call];
    }
  }

  // What reads inputs alone goes with the first that reads it.
  void FollowReaders() {
    std::vector<int> first(graph_.values.size(), -1);
    for (size_t c = graph_.calls.size(); c-- > 0;) {
      if (of_call_[c] < 0) of_call_[c] = std::max(0, first[graph_.calls[c].out]);
      for (const int in : graph_.calls[c].in) first[in] = of_call_[c];
    }
  }

  const Graph& graph_;
  bool placed_ = false;      // calls have places
  std::vector<int> places_;  // ascending, of the links
  std::vector<int> of_call_, of_state_;
};

// What the links of the chain ask of a stage, and what runs of them cost.
class StageCut {
 public:
  StageCut(const Graph& graph, const CostModel& model, const StageNeeds& needs,
           const Plan& pinned)
      : graph_(graph),
        model_(model),
        needs_(needs),
        pinned_(pinned),
        chain_(graph),
        stages_(pinned.stage_grid().count()),
        ns_(chain_.links() + 1, 0.0),
        state_bytes_(chain_.links() + 1, 0.0),
        kept_bytes_(chain_.links() + 1, 0.0),
        pins_(chain_.links(), -1),
        pins_left_(stages_, std::vector<int>(chain_.links() + 1, 0)) {
    CountCalls();
    CountStates();
    for (auto* list : {&ns_, &state_bytes_, &kept_bytes_}) {
      for (int i = 0; i < chain_.links(); ++i) (*list)[i + 1] += (*list)[i];
    }
    for (int s = 0; s < stages_; ++s) {
      for (int i = 0; i < chain_.links(); ++i) {
        pins_left_[s][i + 1] = pins_left_[s][i] + (pins_[i] >= 0 && pins_[i] != s);
      }
    }
  }

  const Chain& chain() const { return chain_; }

  // By link: its stage.
  std::vector<int> Solve() {
    const int n = chain_.links();
    constexpr double kNone = std::numeric_limits<double>::infinity();
    FindLandings();
    // The slowest of the first s + 1 stages when they make the first j links, and where
    // the last of them begins.
    std::vector<std::vector<double>> slowest(stages_,
                                             std::vector<double>(n + 1, kNone));
    std::vector<std::vector<int>> begin(stages_, std::vector<int>(n + 1, 0));
    for (int s = 0; s < stages_; ++s) {
      for (int j = s + 1; j <= n; ++j) {
        for (int i = s == 0 ? 0 : j - 1; i >= s; --i) {
          const double before = s == 0 ? 0 : slowest[s - 1][i];
          const double all = std::max(before, Cost(s, i, j));
          if (all < slowest[s][j]) slowest[s][j] = all, begin[s][j] = i;
        }
      }
    }
    std::vector<int> stage_of(n, 0);
    for (int s = stages_ - 1, end = n; s >= 0; --s) {
      for (int i = begin[s][end]; i < end; ++i) stage_of[i] = s;
      end = begin[s][end];
    }
    for (int i = 0; i < n; ++i) {
      if (pins_[i] >= 0) stage_of[i] = pins_[i];
    }
    return stage_of;
  }

 private:
  void CountCalls() {
    std::vector<bool> kept(graph_.values.size(), false);
    for (const GraphCall& call : graph_.calls) {
      micro_batches_ = std::max<int64_t>(micro_batches_, call.micro_batch + 1);
      if (!call.backward) continue;
      for (const int in : call.in) kept[in] = true;
    }
    for (size_t c = 0; c < graph_.calls.size(); ++c) {
      const GraphCall& call = graph_.calls[c];
      const int link = chain_.OfCall(static_cast<int>(c));
      ns_[link + 1] += NsOf(static_cast<int>(c));
      if (!chain_.IsForward(static_cast<int>(c)) || call.micro_batch > 0) continue;
      if (kept[call.out]) {
        kept_bytes_[link + 1] +=
            static_cast<double>(graph_.values[call.out].type.bytes());
      }
      const auto pin = pinned_.calls.find(call.name);
      if (pin != pinned_.calls.end() && pin->second.stage) {
        pins_[link] = *pin->second.stage;
      }
    }
  }

  double NsOf(int call) const {
    return needs_.call_ns.empty() ? model_.WholeNs(graph_.CallOf(call)) /
                                        static_cast<double>(model_.mesh().nodes())
                                  : needs_.call_ns[call];
  }

  void CountStates() {
    for (size_t v = 0; v < graph_.values.size(); ++v) {
      const GraphValue& value = graph_.values[v];
      const int link = chain_.OfState(static_cast<int>(v));
      if (value.kind != ValueKind::kState || link < 0) continue;
      // A weight's gradient is as large as the weight, and may have to be kept.
      const int copies = value.trainable ? 2 : 1;
      state_bytes_[link + 1] += static_cast<double>(copies * value.type.bytes());
    }
  }

  // Values of one micro-batch that a later link of the forward pass reads.
  struct Crossing {
    int made;               // the link that makes it
    std::vector<int> read;  // ascending links
    double ns;              // to bring it to another stage, and its gradient back
  };

  // landing_ns_[i][j]: what links [i, j) read of earlier ones, of a whole step.
  void FindLandings() {
    std::map<int, Crossing> crossings;  // by value
    for (size_t c = 0; c < graph_.calls.size(); ++c) {
      const GraphCall& call = graph_.calls[c];
      if (!chain_.IsForward(static_cast<int>(c)) || call.micro_batch > 0) continue;
      for (const int in : call.in) {
        const int producer = graph_.values[in].producer;
        if (producer < 0) continue;
        const int made = chain_.OfCall(producer), read = chain_.OfCall(c);
        if (made == read) continue;
        const auto [it, added] = crossings.try_emplace(in, Crossing{made, {}, 0});
        it->second.read.push_back(read);
        if (added) it->second.ns = 2 * model_.LandNs(graph_.values[in].type);
      }
    }
    const int n = chain_.links();
    landing_ns_.assign(n, std::vector<double>(n + 1, 0.0));
    for (int i = 0; i < n; ++i) {
      for (auto& [value, crossing] : crossings) {
        if (crossing.made >= i) continue;
        absl::c_sort(crossing.read);
        const auto first = absl::c_lower_bound(crossing.read, i);
        if (first == crossing.read.end()) continue;
        landing_ns_[i][*first + 1] += crossing.ns * static_cast<double>(micro_batches_);
      }
      for (int j = 1; j <= n; ++j) landing_ns_[i][j] += landing_ns_[i][j - 1];
    }
  }

  // Of the links [i, j) on stage s.
  double Cost(int s, int i, int j) const {
    const auto nodes = static_cast<double>(model_.mesh().nodes());
    const auto in_flight =
        static_cast<double>(std::min<int64_t>(stages_ - s, micro_batches_));
    const double bytes = state_bytes_[j] - state_bytes_[i] +
                         in_flight * (kept_bytes_[j] - kept_bytes_[i]);
    const double over = bytes / nodes - static_cast<double>(needs_.free_bytes);
    const int left = pins_left_[s][j] - pins_left_[s][i];
    return ns_[j] - ns_[i] + landing_ns_[i][j] + std::max(0.0, over) * kNsPerByteOver +
           left * kNsPerPinLeft;
  }

  const Graph& graph_;
  const CostModel& model_;
  const StageNeeds& needs_;
  const Plan& pinned_;
  const Chain chain_;
  const int stages_;
  int64_t micro_batches_ = 1;
  // Sums over the links before: the time of all that goes with them; bytes of states
  // and their gradients, and of what one micro-batch keeps for its backward pass.
  std::vector<double> ns_, state_bytes_, kept_bytes_;
  std::vector<int> pins_;  // by link: a stage, or -1
  std::vector<std::vector<int>>
      pins_left_;  // by stage: pins to others, of links before
  std::vector<std::vector<double>> landing_ns_;
};

}  // namespace

absl::StatusOr<Plan> AssignStages(const Graph& graph, const CostModel& model,
                                  const StageNeeds& needs, const Plan& pinned) {
  StageCut cut(graph, model, needs, pinned);
  const int stages = pinned.stage_grid().count();
  if (cut.chain().links() < stages) {
    return MakeError(
        ErrorCode::kBadFlag,
        absl::StrCat("--stages ", pinned.stages.ToString(), " makes ", stages,
                     " stages, and the forward pass of '", graph.name, "' has ",
                     cut.chain().links(),
                     " calls, too few to give each stage one. Use fewer stages."));
  }
  const std::vector<int> stage_of = cut.Solve();
  Plan plan = pinned;
  for (size_t c = 0; c < graph.calls.size(); ++c) {
    const auto [it, added] = plan.calls.try_emplace(graph.calls[c].name);
    CallPlan& call = it->second;
    if (added) call.open = true;
    if (!call.stage) call.stage = stage_of[cut.chain().OfCall(static_cast<int>(c))];
  }
  return plan;
}

}  // namespace tatami
