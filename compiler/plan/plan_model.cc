#include "compiler/plan/plan_model.h"

#include <algorithm>
#include <array>

#include "absl/algorithm/container.h"
#include "absl/container/flat_hash_map.h"

namespace tatami {
namespace {

// Transfers between equal placements are priced once.
class TransferPrices {
 public:
  explicit TransferPrices(const CostModel& model) : model_(model) {}

  int Number(const Placement& placement) {
    const auto [it, added] =
        numbers_.emplace(placement, static_cast<int>(placements_.size()));
    if (added) placements_.push_back(placement);
    return it->second;
  }

  double Ns(int held, int need, DType dtype) {
    const auto [it, added] = ns_.emplace(
        std::array<int, 3>{held, need, static_cast<int>(ByteSize(dtype))}, 0.0);
    if (added) {
      it->second = model_.TransferNs(placements_[held], placements_[need], dtype);
    }
    return it->second;
  }

 private:
  const CostModel& model_;
  std::vector<Placement> placements_;
  absl::flat_hash_map<Placement, int> numbers_;
  absl::flat_hash_map<std::array<int, 3>, double> ns_;
};

}  // namespace

PlanModel::PlanModel(const Graph& graph, const MachineSpec& machine,
                     const StageGrid& grid, const Plan& pinned, size_t candidates_max)
    : graph_(graph),
      grid_(grid),
      model_(machine, grid.stage_mesh()),
      candidates_(MakeCandidateSets(graph, model_, pinned, candidates_max)),
      pauses_(FindPauses(graph)) {
  AddPoints(pinned);
  AddReaders();
  AddStates(pinned);
  AddLandings();
  AddUses();
  AddOwnCosts();
}

void PlanModel::AddPoints(const Plan& pinned) {
  for (const GraphCall& call : graph_.calls) {
    const auto pin = pinned.calls.find(call.name);
    stages_.push_back(pin == pinned.calls.end() ? 0 : pin->second.stage.value_or(0));
  }
  int point = 0;
  for (int s = 0; s < grid_.count(); ++s) {
    points_before_.emplace_back();
    for (const int stage : stages_) {
      points_before_[s].push_back(point);
      point += stage == s;
    }
    points_before_[s].push_back(point);
  }
}

void PlanModel::AddReaders() {
  readers_.resize(graph_.values.size());
  for (size_t c = 0; c < graph_.calls.size(); ++c) {
    for (const int in : graph_.calls[c].in) {
      if (readers_[in].empty() || readers_[in].back() != static_cast<int>(c)) {
        readers_[in].push_back(static_cast<int>(c));
      }
    }
  }
  taken_.assign(graph_.values.size(), false);
  for (const auto& [name, value] : graph_.outputs) taken_[value] = true;
  next_of_.assign(graph_.values.size(), -1);
  for (const auto& [state, next] : graph_.updates) {
    next_of_[state] = next;
    taken_[next] = true;
  }
}

void PlanModel::AddStates(const Plan& pinned) {
  owned_states_.resize(graph_.calls.size());
  for (size_t v = 0; v < graph_.values.size(); ++v) {
    if (graph_.values[v].kind != ValueKind::kState) continue;
    const int owner = OwnerOf(static_cast<int>(v));
    if (owner >= 0) owned_states_[owner].push_back(static_cast<int>(v));
  }
  for (size_t c = 0; c < graph_.calls.size(); ++c) {
    const auto pin = pinned.calls.find(graph_.calls[c].name);
    const std::optional<bool> again =
        pin == pinned.calls.end() ? std::nullopt : pin->second.recompute;
    states_.emplace_back();
    for (const bool value : {false, true}) {
      if (value && !pauses_[c].worthwhile()) continue;
      if (again && *again != value && pauses_[c].worthwhile()) continue;
      for (size_t k = 0; k < candidates_[c].size(); ++k) {
        states_[c].push_back({.candidate = static_cast<int>(k), .again = value});
      }
    }
  }
}

// The call whose candidate decides where a value lies: its producer; for a state the
// one that makes its next value, else its first reader; for an input its first reader,
// which shares the feed with those that read the same.
int PlanModel::OwnerOf(int value) const {
  const GraphValue& v = graph_.values[value];
  if (v.kind == ValueKind::kComputed) return v.producer;
  if (v.kind == ValueKind::kState && next_of_[value] >= 0) {
    const int producer = graph_.values[next_of_[value]].producer;
    if (producer >= 0) return producer;
  }
  return readers_[value].empty() ? -1 : readers_[value].front();
}

int PlanModel::StageOfValue(int value) const {
  const int owner = OwnerOf(value);
  return owner < 0 ? 0 : stages_[owner];
}

// Inputs are fed to each stage, and do not land.
void PlanModel::AddLandings() {
  landings_.resize(graph_.calls.size());
  for (size_t v = 0; v < graph_.values.size(); ++v) {
    const int value = static_cast<int>(v), owner = OwnerOf(value);
    if (owner < 0 || graph_.values[v].kind == ValueKind::kInput) continue;
    std::vector<std::vector<int>> readers(grid_.count());
    for (const int reader : readers_[v]) readers[stages_[reader]].push_back(reader);
    for (int s = 0; s < grid_.count(); ++s) {
      if (s == stages_[owner] || readers[s].empty()) continue;
      landings_[owner].push_back({value, s, std::move(readers[s])});
    }
  }
}

int PlanModel::LastReaderOn(int value, int stage) const {
  int last = -1;
  for (const int reader : readers_[value]) {
    if (stages_[reader] == stage) last = reader;
  }
  return last;
}

Placement PlanModel::HeldBy(int value, int candidate) const {
  const int owner = OwnerOf(value);
  const Candidate& c = candidates_[owner][candidate];
  const int out = graph_.calls[owner].out;
  if (value == out || next_of_[value] == out) return c.held;
  const auto& in = graph_.calls[owner].in;
  const Placement& need = c.placement.needs[absl::c_find(in, value) - in.begin()];
  // Lowering keeps a state as its first reader needs it only where others can copy.
  const GraphValue& v = graph_.values[value];
  return v.kind == ValueKind::kState && !need.IsPartition()
             ? ReplicatedPlacement(v.type.dims)
             : need;
}

void PlanModel::AddUses() {
  TransferPrices prices(model_);
  uses_of_.resize(graph_.calls.size());
  for (size_t v = 0; v < graph_.values.size(); ++v) {
    const int value = static_cast<int>(v), owner = OwnerOf(value);
    if (owner < 0) continue;
    const bool fed = graph_.values[v].kind == ValueKind::kInput;
    const DType dtype = graph_.values[v].type.dtype;
    std::vector<int> held;
    for (size_t k = 0; k < candidates_[owner].size(); ++k) {
      held.push_back(prices.Number(HeldBy(value, static_cast<int>(k))));
    }
    for (const int reader : readers_[v]) {
      const auto& in = graph_.calls[reader].in;
      for (size_t i = 0; i < in.size(); ++i) {
        if (in[i] != value || (reader == owner && fed)) continue;
        Use use{value, owner, reader, static_cast<int>(i), {}, {}, {}};
        for (const Candidate& k : candidates_[reader]) {
          use.need_bytes.push_back(k.need_bytes[i]);
        }
        for (const int from : held) {
          for (const Candidate& k : candidates_[reader]) {
            const int to = prices.Number(k.placement.needs[i]);
            use.ns.push_back(fed || from == to ? 0 : prices.Ns(from, to, dtype));
            use.in_place.push_back(from == to &&
                                   (!fed || stages_[reader] == stages_[owner]));
          }
        }
        uses_of_[owner].push_back(static_cast<int>(uses_.size()));
        if (reader != owner) uses_of_[reader].push_back(static_cast<int>(uses_.size()));
        uses_.push_back(std::move(use));
      }
    }
  }
}

bool PlanModel::UpdatesInPlace(int call) const {
  const int overwritten = *graph_.calls[call].op->may_overwrite;
  return overwritten >= 0 &&
         next_of_[graph_.calls[call].in[overwritten]] == graph_.calls[call].out;
}

// A reader that writes over a value ends it at once; the first on another stage takes
// it along.
int PlanModel::FindEnd(int value) const {
  if (taken_[value]) return points() - 1;
  const int producer = graph_.values[value].producer;
  if (readers_[value].empty()) return std::max(producer, 0);
  const int own = StageOfValue(value);
  int last = std::max(LastReaderOn(value, own), std::max(producer, 0));
  int taken_along = -1;
  const int owner = OwnerOf(value);
  for (const Landing& landing : landings_[owner]) {
    if (landing.value != value) continue;
    taken_along = std::max(taken_along, landing.readers.front());
  }
  if (taken_along > last) return taken_along;
  const GraphCall& call = graph_.calls[last];
  const int overwritten = *call.op->may_overwrite;
  const bool dies = overwritten >= 0 && call.in[overwritten] == value &&
                    absl::c_count(call.in, value) == 1 &&
                    graph_.values[call.out].type == graph_.values[value].type;
  return dies && producer >= 0 ? std::max(producer, last - 1) : last;
}

void PlanModel::AddOwnCosts() {
  for (size_t v = 0; v < graph_.values.size(); ++v) {
    end_.push_back(FindEnd(static_cast<int>(v)));
  }
  for (int c = 0; c < points(); ++c) {
    for (State& s : states_[c]) {
      const Candidate& k = candidates_[c][s.candidate];
      s.land_ns = LandNs(c, s);
      s.ns = (k.compute_ns + k.resolve_ns) * (s.again ? 2 : 1) + s.land_ns;
      OwnSpans(c, s, s.spans);
    }
  }
}

double PlanModel::UseNs(const Use& use, const State& owner, const State& reader) const {
  const size_t at = owner.candidate * candidates_[use.reader].size() + reader.candidate;
  return use.ns[at] * (reader.again ? 2 : 1);
}

void PlanModel::Hold(int stage, int first, int last, int64_t bytes,
                     Spans& spans) const {
  const int begin = points_before_[stage][first], end = points_before_[stage][last + 1];
  if (begin < end) spans.push_back({begin, end - 1, bytes});
}

// A value whose late readers read a second run lands once for the early ones of a stage
// and once for the late ones.
double PlanModel::LandNs(int call, const State& state) const {
  double ns = 0;
  for (const Landing& landing : landings_[call]) {
    const NodeCoord from = grid_.Origin(stages_[call]),
                    to = grid_.Origin(landing.stage);
    const bool twice = state.again && landing.value == graph_.calls[call].out &&
                       landing.readers.front() <= pauses_[call].last_early &&
                       landing.readers.back() >= pauses_[call].first_late;
    ns += (twice ? 2 : 1) * model_.LandNs(HeldBy(landing.value, state.candidate),
                                          graph_.values[landing.value].type.dtype,
                                          {to.row - from.row, to.col - from.col});
  }
  return ns;
}

void PlanModel::LandedSpans(int call, const State& state, Spans& spans) const {
  for (const Landing& landing : landings_[call]) {
    const std::vector<int>& readers = landing.readers;
    const int64_t bytes = model_.PackedBytes(HeldBy(landing.value, state.candidate),
                                             graph_.values[landing.value].type.dtype);
    const auto late =
        state.again && landing.value == graph_.calls[call].out
            ? std::upper_bound(readers.begin(), readers.end(), pauses_[call].last_early)
            : readers.end();
    if (late != readers.begin()) {
      Hold(landing.stage, readers.front(), *(late - 1), bytes, spans);
    }
    if (late != readers.end()) {
      Hold(landing.stage, *late, readers.back(), bytes, spans);
    }
  }
}

void PlanModel::OwnSpans(int call, const State& state, Spans& spans) const {
  const Candidate& c = candidates_[call][state.candidate];
  const Pause& pause = pauses_[call];
  const int out = graph_.calls[call].out, stage = stages_[call];
  for (const int owned : owned_states_[call]) {
    Hold(stage, 0, points() - 1,
         model_.PackedBytes(HeldBy(owned, state.candidate),
                            graph_.values[owned].type.dtype),
         spans);
  }
  LandedSpans(call, state, spans);
  if (!UpdatesInPlace(call)) {
    if (state.again) {
      Hold(stage, call, pause.last_early, c.held_bytes, spans);
      Hold(stage, pause.first_late, end_[out], c.held_bytes, spans);
    } else {
      Hold(stage, call, end_[out], c.held_bytes, spans);
    }
  }
  if (!c.placement.made.partial.empty()) {
    Hold(stage, call, call, c.made_bytes, spans);
    if (state.again) {
      Hold(stage, pause.first_late, pause.first_late, c.made_bytes, spans);
    }
  }
  const auto& in = graph_.calls[call].in;
  for (size_t i = 0; i < in.size(); ++i) {
    if (graph_.values[in[i]].kind != ValueKind::kInput || OwnerOf(in[i]) != call) {
      continue;
    }
    Hold(stage, call, state.again ? pause.first_late : call, c.need_bytes[i], spans);
  }
}

void PlanModel::StagedSpans(const Use& use, const State& reader, Spans& spans) const {
  const int64_t bytes = use.need_bytes[reader.candidate];
  Hold(stages_[use.reader], use.reader, use.reader, bytes, spans);
  if (!reader.again) return;
  const int second = pauses_[use.reader].first_late;
  Hold(stages_[use.reader], second, second, bytes, spans);
}

// A feed of the reader's own, or its part in the owner's.
void PlanModel::FeedSpans(const Use& use, const State& reader, bool shared,
                          Spans& spans) const {
  const int last = reader.again ? pauses_[use.reader].first_late : use.reader;
  const int first = shared ? use.owner + 1 : use.reader;
  if (first > last) return;
  Hold(stages_[use.reader], first, last, use.need_bytes[reader.candidate], spans);
}

void PlanModel::HeldSpans(const Use& use, const State& owner, bool reader_again,
                          Spans& spans) const {
  if (!reader_again || graph_.values[use.value].kind != ValueKind::kComputed) return;
  const int stage = stages_[use.reader];
  const int second = pauses_[use.reader].first_late;
  const int end =
      stage == stages_[use.owner] ? end_[use.value] : LastReaderOn(use.value, stage);
  const int64_t bytes = candidates_[use.owner][owner.candidate].held_bytes;
  const Pause& pause = pauses_[use.owner];
  if (second > end) {
    Hold(stage, end + 1, second, bytes, spans);
  } else if (owner.again && second > pause.last_early && second < pause.first_late) {
    Hold(stage, second, pause.first_late - 1, bytes, spans);
  }
}

void PlanModel::UseSpans(const Use& use, const State& owner, const State& reader,
                         Spans& spans) const {
  const bool in_place =
      use.in_place[owner.candidate * candidates_[use.reader].size() + reader.candidate];
  if (graph_.values[use.value].kind == ValueKind::kInput) {
    FeedSpans(use, reader, in_place, spans);
  } else if (!in_place) {
    StagedSpans(use, reader, spans);
  }
  HeldSpans(use, owner, reader.again, spans);
}

double PlanModel::Around(int call, const std::vector<int>& state, Spans& spans) const {
  const State& own = states_[call][state[call]];
  double ns = own.ns;
  spans.insert(spans.end(), own.spans.begin(), own.spans.end());
  for (const int u : uses_of_[call]) {
    const Use& use = uses_[u];
    const State &o = states_[use.owner][state[use.owner]],
                &r = states_[use.reader][state[use.reader]];
    ns += UseNs(use, o, r);
    UseSpans(use, o, r, spans);
  }
  return ns;
}

void PlanModel::AroundNs(int call, const std::vector<int>& state,
                         std::vector<double>& ns) const {
  const std::vector<State>& own = states_[call];
  ns.resize(own.size());
  for (size_t i = 0; i < own.size(); ++i) ns[i] = own[i].ns;
  for (const int u : uses_of_[call]) {
    const Use& use = uses_[u];
    const State &owner = states_[use.owner][state[use.owner]],
                &reader = states_[use.reader][state[use.reader]];
    for (size_t i = 0; i < own.size(); ++i) {
      ns[i] += UseNs(use, use.owner == call ? own[i] : owner,
                     use.reader == call ? own[i] : reader);
    }
  }
}

double PlanModel::TimeNs(const std::vector<int>& state) const {
  double ns = 0;
  for (int c = 0; c < points(); ++c) ns += states_[c][state[c]].ns;
  for (const Use& use : uses_) {
    ns += UseNs(use, states_[use.owner][state[use.owner]],
                states_[use.reader][state[use.reader]]);
  }
  return ns;
}

std::vector<double> PlanModel::CallNs(const std::vector<int>& state) const {
  std::vector<double> ns;
  for (int c = 0; c < points(); ++c) {
    ns.push_back(states_[c][state[c]].ns - states_[c][state[c]].land_ns);
  }
  for (const Use& use : uses_) {
    ns[use.reader] += UseNs(use, states_[use.owner][state[use.owner]],
                            states_[use.reader][state[use.reader]]);
  }
  return ns;
}

double PlanModel::StepNs(const std::vector<int>& state,
                         std::vector<double>& work_ns) const {
  const std::vector<double> call_ns = CallNs(state);
  std::vector<double> clock(grid_.count(), 0.0);
  std::vector<double> made(points(), 0.0);  // by call: when its value is there
  work_ns.assign(grid_.count(), 0.0);
  for (int c = 0; c < points(); ++c) {
    const int stage = stages_[c];
    double begin = clock[stage];
    for (const int in : graph_.calls[c].in) {
      const int producer = graph_.values[in].producer;
      if (producer >= 0) begin = std::max(begin, made[producer]);
    }
    const double ns = call_ns[c] + states_[c][state[c]].land_ns;
    made[c] = clock[stage] = begin + ns;
    work_ns[stage] += ns;
  }
  return *absl::c_max_element(clock);
}

std::vector<int64_t> PlanModel::Memory(const std::vector<int>& state) const {
  Spans spans;
  for (int c = 0; c < points(); ++c) {
    const Spans& own = states_[c][state[c]].spans;
    spans.insert(spans.end(), own.begin(), own.end());
  }
  for (const Use& use : uses_) {
    UseSpans(use, states_[use.owner][state[use.owner]],
             states_[use.reader][state[use.reader]], spans);
  }
  std::vector<int64_t> bytes(points() + 1, 0);
  for (const Span& s : spans) {
    bytes[s.first] += s.bytes;
    bytes[s.last + 1] -= s.bytes;
  }
  bytes.pop_back();
  for (size_t t = 1; t < bytes.size(); ++t) bytes[t] += bytes[t - 1];
  return bytes;
}

Plan PlanModel::PlanOf(const std::vector<int>& state) const {
  Plan plan{.mesh = grid_.mesh, .stages = grid_.stages};
  for (int c = 0; c < points(); ++c) {
    plan.calls[graph_.calls[c].name] = CallPlanOf(c, states_[c][state[c]]);
  }
  return plan;
}

CallPlan PlanModel::CallPlanOf(int index, const State& state) const {
  const Candidate& k = candidates_[index][state.candidate];
  const OpCall call = graph_.CallOf(index);
  const IndexRule rule = (*call.op->rule)(call);
  const auto name_cuts = [&](const std::vector<AxisList>& axes) {
    Cuts cuts;
    for (size_t f = 0; f < axes.size(); ++f) {
      if (!axes[f].empty()) cuts[rule.factors[f].name] = axes[f];
    }
    return cuts;
  };
  CallPlan out{.cuts = name_cuts(k.placement.factor_axes)};
  if (!k.placement.made.partial.empty()) out.result = name_cuts(k.result_axes);
  if (state.again) out.recompute = true;
  if (grid_.count() > 1) out.stage = stages_[index];
  return out;
}

}  // namespace tatami
