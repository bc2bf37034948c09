#include "compiler/plan/search.h"

#include <algorithm>
#include <optional>

#include "compiler/plan/cost_model.h"
#include "core/check.h"

namespace tatami {
namespace {

// One way to cut a call.
struct Candidate {
  Cuts cuts;
  CallPlacement placement;
  double compute_ns = 0;
  double made_bytes = 0;
};

void Price(const OpCall& call, const IndexRule& rule, const CostModel& model,
           Candidate& c) {
  c.compute_ns = model.ComputeNs(call, rule, c.placement);
  c.made_bytes = static_cast<double>(model.BytesOf(c.placement.made, call.out.dtype));
}

// All ways to give each mesh axis of more than one node to a factor or to none.
std::vector<Candidate> Enumerate(const OpCall& call, const Mesh& mesh,
                                 const CostModel& model) {
  const IndexRule rule = (*call.op->rule)(call);
  const int none = static_cast<int>(rule.factors.size());
  const auto allowed = [&](int f, int64_t parts) {
    return f == none || (rule.factors[f].kind != FactorKind::kWhole &&
                         rule.factors[f].size >= parts);
  };
  std::vector<Candidate> out;
  for (int fy = none; fy >= 0; --fy) {
    if (mesh.rows == 1 ? fy != none : !allowed(fy, mesh.rows)) continue;
    for (int fx = none; fx >= 0; --fx) {
      if (mesh.cols == 1 ? fx != none : !allowed(fx, mesh.cols)) continue;
      if (fx == fy && !allowed(fx, mesh.nodes())) continue;
      std::vector<AxisList> axes(rule.factors.size());
      Candidate c;
      const auto give = [&](int f, MeshAxis axis) {
        if (f == none) return;
        axes[f].push_back(WholeAxis(mesh, axis));
        c.cuts[rule.factors[f].name] = axes[f];
      };
      give(fy, MeshAxis::kY);
      give(fx, MeshAxis::kX);
      c.placement = PlaceCall(call, rule, std::move(axes));
      Price(call, rule, model, c);
      out.push_back(std::move(c));
    }
  }
  return out;
}

class Search {
 public:
  Search(const Graph& graph, const MachineSpec& machine, const SearchOptions& options)
      : graph_(graph),
        options_(options),
        model_(machine, options.mesh),
        ns_per_byte_(options.ns_per_byte) {
    const int calls = static_cast<int>(graph.calls.size());
    consumers_.resize(graph.values.size());
    state_source_.assign(graph.values.size(), -1);
    for (const auto& [state, next] : graph.updates) {
      state_source_[state] = graph.values[next].producer;
    }
    next_states_.resize(calls);
    for (const auto& [state, next] : graph.updates) {
      if (graph.values[next].producer >= 0) {
        next_states_[graph.values[next].producer].push_back(state);
      }
    }
    for (int c = 0; c < calls; ++c) {
      const OpCall call = graph.CallOf(c);
      const auto pinned = options.pinned.calls.find(graph.calls[c].name);
      candidates_.push_back(Enumerate(call, options.mesh, model_));
      if (pinned != options.pinned.calls.end()) Pin(c, call, pinned->second);
      for (size_t i = 0; i < graph.calls[c].in.size(); ++i) {
        consumers_[graph.calls[c].in[i]].emplace_back(c, static_cast<int>(i));
      }
    }
    choice_.assign(calls, 0);
  }

  SearchResult Run() {
    std::vector<std::pair<double, std::vector<int>>> starts;
    for (const auto& [a, b] : Templates()) {
      StartFrom(a, b);
      starts.emplace_back(Total(), choice_);
    }
    std::stable_sort(starts.begin(), starts.end(),
                     [](const auto& x, const auto& y) { return x.first < y.first; });
    double best = -1;
    std::vector<int> best_choice;
    for (size_t s = 0; s < starts.size() && s < kDescents; ++s) {
      choice_ = starts[s].second;
      Descend();
      if (const double total = Total(); best < 0 || total < best) {
        best = total;
        best_choice = choice_;
      }
    }
    choice_ = best_choice;
    ns_per_byte_ = 0;  // a price steers the search and is no time
    SearchResult result{.plan = {.mesh = options_.mesh}, .step_ns = Total()};
    for (size_t c = 0; c < best_choice.size(); ++c) {
      result.plan.calls[graph_.calls[c].name] = candidates_[c][best_choice[c]].cuts;
    }
    return result;
  }

 private:
  static constexpr size_t kDescents = 3;
  static constexpr int kSweepsMax = 12;

  void Pin(int c, const OpCall& call, const Cuts& cuts) {
    const IndexRule rule = (*call.op->rule)(call);
    auto axes = FactorAxes(cuts, rule, options_.mesh);
    TATAMI_CHECK(axes.ok()) << "ParsePlan accepted " << graph_.calls[c].name;
    Candidate pinned{.cuts = cuts,
                     .placement = PlaceCall(call, rule, *std::move(axes))};
    Price(call, rule, model_, pinned);
    candidates_[c] = {std::move(pinned)};
  }

  // Starting points: rows cut output dim a and columns output dim b of every large
  // activation.
  static std::vector<std::pair<int, int>> Templates() {
    std::vector<std::pair<int, int>> out;
    for (int a = -1; a < 5; ++a) {
      for (int b = -1; b < 5; ++b) out.emplace_back(a, b);
    }
    return out;
  }

  // Compute, and the price of the bytes made.
  double OwnNs(size_t call) const {
    const Candidate& c = candidates_[call][choice_[call]];
    return c.compute_ns + ns_per_byte_ * c.made_bytes;
  }

  const CallPlacement& At(int call) const {
    return candidates_[call][choice_[call]].placement;
  }

  // Where value v lies under the present choices; nullopt for inputs, which are fed in
  // place.
  std::optional<Placement> Held(int v) const {
    const GraphValue& value = graph_.values[v];
    if (value.kind == ValueKind::kInput) return std::nullopt;
    int producer = value.producer;
    if (value.kind == ValueKind::kState) {
      producer = state_source_[v];
      if (producer < 0) return std::nullopt;
    }
    const Placement& made = At(producer).made;
    if (made.partial.empty()) return made;
    return HeldPlacement(made, FirstNeed(v));
  }

  std::optional<Placement> FirstNeed(int v) const {
    if (consumers_[v].empty()) return std::nullopt;
    const auto& [call, input] = consumers_[v].front();
    return At(call).needs[input];
  }

  // All transfers of value v.
  double ValueNs(int v) const {
    const GraphValue& value = graph_.values[v];
    const std::optional<Placement> held = Held(v);
    if (!held) return 0;
    double ns = 0;
    if (value.producer >= 0) {
      ns += model_.ResolveNs(At(value.producer).made, *held, value.type.dtype);
    }
    for (const auto& [call, input] : consumers_[v]) {
      const Placement& need = At(call).needs[input];
      if (need == *held) continue;
      // What lies elsewhere is staged: it costs the transfer and the bytes.
      ns += model_.TransferNs(*held, need, value.type.dtype) +
            ns_per_byte_ * static_cast<double>(model_.BytesOf(need, value.type.dtype));
    }
    return ns;
  }

  // The part of the total that changes when call c is cut another way.
  double AroundNs(int c) const {
    const GraphCall& call = graph_.calls[c];
    double ns = OwnNs(c) + ValueNs(call.out);
    for (size_t i = 0; i < call.in.size(); ++i) {
      const auto begin = call.in.begin();
      if (std::find(begin, begin + i, call.in[i]) == begin + i)
        ns += ValueNs(call.in[i]);
    }
    for (int state : next_states_[c]) ns += ValueNs(state);
    return ns;
  }

  double Total() const {
    double ns = 0;
    for (size_t c = 0; c < choice_.size(); ++c) ns += OwnNs(c);
    for (size_t v = 0; v < graph_.values.size(); ++v)
      ns += ValueNs(static_cast<int>(v));
    return ns;
  }

  bool Improve(int c) {
    const int before = choice_[c];
    int best = before;
    double best_ns = AroundNs(c);
    for (size_t k = 0; k < candidates_[c].size(); ++k) {
      choice_[c] = static_cast<int>(k);
      const double ns = AroundNs(c);
      if (ns < best_ns * (1 - 1e-12)) best_ns = ns, best = static_cast<int>(k);
    }
    choice_[c] = best;
    return best != before;
  }

  void Descend() {
    for (int sweep = 0; sweep < kSweepsMax; ++sweep) {
      bool changed = false;
      const int calls = static_cast<int>(choice_.size());
      for (int i = 0; i < calls; ++i)
        changed |= Improve(sweep % 2 == 0 ? i : calls - 1 - i);
      if (!changed) return;
    }
  }

  // Cuts activations by the template, everything else by what suits its producers.
  void StartFrom(int a, int b) {
    int64_t batch = -1;
    for (const GraphValue& v : graph_.values) {
      if (v.kind == ValueKind::kInput && v.type.rank() >= 4) {
        batch = v.type.dim(0);
        break;
      }
    }
    std::fill(choice_.begin(), choice_.end(), 0);
    std::vector<int> others;
    for (size_t c = 0; c < choice_.size(); ++c) {
      const TensorType& out = graph_.values[graph_.calls[c].out].type;
      const bool activation = out.rank() >= 4 && out.dim(0) == batch;
      const int match = activation ? Match(static_cast<int>(c), a, b) : -1;
      if (match >= 0) {
        choice_[c] = match;
      } else {
        others.push_back(static_cast<int>(c));
      }
    }
    for (int c : others) Improve(c);
  }

  // The candidate whose output is cut over rows in dim a and over columns in dim b, or
  // -1.
  int Match(int c, int a, int b) const {
    const auto axis_of = [&](const Placement& p, int d) {
      AxisList list;
      if (a == d && options_.mesh.rows > 1) {
        list.push_back(WholeAxis(options_.mesh, MeshAxis::kY));
      }
      if (b == d && options_.mesh.cols > 1) {
        list.push_back(WholeAxis(options_.mesh, MeshAxis::kX));
      }
      return p.dims[d].axes == list;
    };
    for (size_t k = 0; k < candidates_[c].size(); ++k) {
      const Placement& made = candidates_[c][k].placement.made;
      bool all = made.partial.empty();
      for (size_t d = 0; all && d < made.dims.size(); ++d) {
        all = axis_of(made, static_cast<int>(d));
      }
      if (all) return static_cast<int>(k);
    }
    return -1;
  }

  const Graph& graph_;
  const SearchOptions& options_;
  CostModel model_;
  double ns_per_byte_;
  std::vector<std::vector<Candidate>> candidates_;           // by call
  std::vector<std::vector<std::pair<int, int>>> consumers_;  // by value: call, input
  std::vector<int> state_source_;  // by value: the call that makes its next value
  std::vector<std::vector<int>>
      next_states_;          // by call: states it makes the next value of
  std::vector<int> choice_;  // by call: index of its candidate
};

}  // namespace

SearchResult SearchPlan(const Graph& graph, const MachineSpec& machine,
                        const SearchOptions& options) {
  return Search(graph, machine, options).Run();
}

}  // namespace tatami
