#include "compiler/lower/schedule.h"

#include <algorithm>
#include <optional>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "compiler/lower/placement.h"
#include "core/error.h"
#include "core/status_macros.h"

namespace tatami {
namespace {

class Scheduler {
 public:
  Scheduler(const Graph& graph, const Plan& plan, int64_t staging_bytes_max)
      : graph_(graph), plan_(plan), staging_bytes_max_(staging_bytes_max) {
    program().mesh = plan.mesh;
    program().model = graph.name;
    held_.resize(graph.values.size(), -1);
    first_need_.resize(graph.values.size());
    staged_.resize(graph.values.size());
  }

  absl::StatusOr<ScheduledProgram> Run() {
    for (size_t c = 0; c < graph_.calls.size(); ++c) {
      const OpCall call = graph_.CallOf(static_cast<int>(c));
      rules_.push_back((*call.op->rule)(call));
      const auto found = plan_.calls.find(graph_.calls[c].name);
      const CallPlan cut = found == plan_.calls.end() ? CallPlan{} : found->second;
      const std::string where = absl::StrCat("call ", graph_.calls[c].name);
      TATAMI_RETURN_IF_ERROR(CheckCallPlan(cut, call, plan_.mesh), where);
      TATAMI_ASSIGN_OR_RETURN(std::vector<AxisList> axes,
                              FactorAxes(cut.cuts, rules_.back(), plan_.mesh), where);
      placements_.push_back(PlaceCall(call, rules_.back(), std::move(axes)));
      results_.emplace_back();
      if (cut.result) {
        TATAMI_ASSIGN_OR_RETURN(
            axes, FactorAxes(*cut.result, rules_.back(), plan_.mesh), where);
        results_.back() = ResultPlacement(call, rules_.back(), axes);
      }
      for (size_t i = 0; i < call.in.size(); ++i) {
        auto& need = first_need_[graph_.calls[c].in[i]];
        if (!need) need = placements_[c].needs[i];
      }
    }
    PlaceStates();
    for (size_t c = 0; c < graph_.calls.size(); ++c) AddCall(static_cast<int>(c));
    AddUpdates();
    AddFetches();
    TimeFeeds();
    return std::move(out_);
  }

 private:
  Program& program() { return out_.program; }

  int AddBuffer(std::string name, TensorType type, Placement placement) {
    program().buffers.push_back({.name = std::move(name),
                                 .type = std::move(type),
                                 .placement = std::move(placement)});
    readable_.push_back(0);
    used_.push_back(0);
    return static_cast<int>(program().buffers.size()) - 1;
  }

  Superstep& At(int superstep) {
    if (static_cast<int>(program().supersteps.size()) <= superstep) {
      program().supersteps.resize(superstep + 1);
    }
    return program().supersteps[superstep];
  }

  // A state lies where its next value is made, so that the update is local; a state
  // without update lies where it is first read, if that is a partition.
  void PlaceStates() {
    for (size_t v = 0; v < graph_.values.size(); ++v) {
      const GraphValue& value = graph_.values[v];
      if (value.kind != ValueKind::kState) continue;
      Placement placement = ReplicatedPlacement(value.type.dims);
      const auto update =
          std::find_if(graph_.updates.begin(), graph_.updates.end(),
                       [&](const auto& u) { return u.first == static_cast<int>(v); });
      if (update != graph_.updates.end()) {
        const int producer = graph_.values[update->second].producer;
        if (producer >= 0 && placements_[producer].made.partial.empty()) {
          placement = placements_[producer].made;
        } else if (producer >= 0 && results_[producer]) {
          placement = *results_[producer];
        }
      } else if (first_need_[v] && first_need_[v]->IsPartition()) {
        placement = *first_need_[v];
      }
      held_[v] = AddBuffer(value.name, value.type, std::move(placement));
      program().buffers[held_[v]].persistent = true;
      program().states.push_back({.name = value.name,
                                  .buffer = held_[v],
                                  .init = value.init,
                                  .trainable = value.trainable});
      state_of_value_.emplace_back(static_cast<int>(v), held_[v]);
    }
  }

  void AddCall(int index) {
    const GraphCall& call = graph_.calls[index];
    const CallPlacement& placement = placements_[index];
    const IndexRule& rule = rules_[index];
    ComputeOp compute{.call = index};
    const int64_t staging = StagingBytes(call, placement);
    if (staging > 0 && staged_at_ == current_ &&
        staged_bytes_ + staging > staging_bytes_max_) {
      ++current_;
    }
    program().calls.push_back(
        {.name = call.name, .call = std::make_shared<OpCall>(graph_.CallOf(index))});
    for (size_t i = 0; i < call.in.size(); ++i) {
      compute.in.push_back(BufferFor(call.in[i], placement.needs[i]));
    }
    for (size_t f = 0; f < rule.factors.size(); ++f) {
      const int64_t size = rule.factors[f].size;
      compute.factors.push_back(
          {.dim_size = size, .factor_size = size, .axes = placement.factor_axes[f]});
    }
    compute.out = AddBuffer(call.name, graph_.values[call.out].type, placement.made);
    At(current_).computes.push_back(compute);
    // Where what it reads arrived: that may be later than where the call began.
    if (staging > 0) {
      if (staged_at_ != current_) staged_bytes_ = 0;
      staged_at_ = current_;
      staged_bytes_ += staging;
    }
    readable_[compute.out] = current_ + 1;
    held_[call.out] = Resolve(call.out, compute.out, rule.combine);
  }

  // Bytes that the call's inputs are staged in, on the node with most.
  int64_t StagingBytes(const GraphCall& call, const CallPlacement& placement) const {
    int64_t bytes = 0;
    for (size_t i = 0; i < call.in.size(); ++i) {
      const GraphValue& value = graph_.values[call.in[i]];
      if (value.kind == ValueKind::kInput ||
          out_.program.buffers[held_[call.in[i]]].placement == placement.needs[i]) {
        continue;
      }
      bytes += LargestPartBytes(placement.needs[i], value.type.dtype);
    }
    return bytes;
  }

  // Adds the exchange that fills `to` from `from` at the earliest superstep from
  // `earliest` on.
  void AddExchange(int from, int to, int earliest, AxisList resolve, Combine combine) {
    const int superstep = std::max(earliest, readable_[from]);
    At(superstep).exchanges.push_back(
        {.from = from, .to = to, .resolve = std::move(resolve), .combine = combine});
    readable_[to] = superstep + 1;
    used_[to] = superstep;
  }

  // Adds the exchanges that combine partial terms; returns the buffer that others read.
  int Resolve(int value, int made, Combine combine) {
    const Placement from = program().buffers[made].placement;
    int buffer = made;
    const auto& result = results_[graph_.values[value].producer];
    for (ResolvePhase& phase : ResolvePhases(
             from, result ? *result : HeldPlacement(from, first_need_[value]))) {
      const bool last = phase.to.partial.empty();
      const int target =
          AddBuffer(absl::StrCat(graph_.values[value].name, last ? ".sum" : ".row_sum"),
                    graph_.values[value].type, std::move(phase.to));
      AddExchange(buffer, target, 0, std::move(phase.resolve), combine);
      buffer = target;
    }
    return buffer;
  }

  // The buffer that holds `value` as `need`, made by an exchange when there is none.
  int BufferFor(int value, const Placement& need) {
    if (graph_.values[value].kind == ValueKind::kInput) return FeedFor(value, need);
    const int held = held_[value];
    if (program().buffers[held].placement == need) {
      current_ = std::max(current_, WrittenAt(held));
      return held;
    }
    int staged = FindStaged(value, need);
    if (staged < 0) {
      int from = held;
      if (const auto midway = GatherMidway(program().buffers[held].placement, need)) {
        from = FindStaged(value, *midway);
        // One superstep ahead, where what is gathered is there by then.
        if (from < 0) from = Stage(value, held, *midway, std::max(0, current_ - 1));
      }
      staged = Stage(value, from, need, current_);
    }
    current_ = std::max(current_, WrittenAt(staged));
    return staged;
  }

  // The staging buffer that holds `value` as `need`, or -1. One whose last use is some
  // supersteps back is not kept: its value is gathered again.
  int FindStaged(int value, const Placement& need) {
    for (const int staged : staged_[value]) {
      if (out_.program.buffers[staged].placement == need &&
          used_[staged] + kKeepStaged > current_) {
        used_[staged] = std::max(used_[staged], current_);
        return staged;
      }
    }
    return -1;
  }

  // A new staging buffer, filled at superstep `earliest` or later.
  int Stage(int value, int from, const Placement& need, int earliest) {
    const int staged = AddBuffer(absl::StrCat(graph_.values[value].name, ".in"),
                                 graph_.values[value].type, need);
    AddExchange(from, staged, earliest, {}, Combine::kSum);
    staged_[value].push_back(staged);
    return staged;
  }

  // The first superstep whose compute may read the buffer: the one whose exchange or
  // compute wrote it.
  int WrittenAt(int buffer) const { return std::max(0, readable_[buffer] - 1); }

  int FeedFor(int value, const Placement& need) {
    const GraphValue& input = graph_.values[value];
    for (const ProgramFeed& feed : program().feeds) {
      if (feed.input == input.fed_as && feed.part == input.part &&
          program().buffers[feed.buffer].placement == need) {
        return feed.buffer;
      }
    }
    const int buffer = AddBuffer(absl::StrCat(input.name, ".feed"), input.type, need);
    program().feeds.push_back(
        {.input = input.fed_as, .buffer = buffer, .part = input.part});
    return buffer;
  }

  // A feed comes when it is first read: until then it needs no SRAM.
  void TimeFeeds() {
    const int count = static_cast<int>(program().supersteps.size());
    std::vector<int> first_read(program().buffers.size(), count);
    const auto read = [&](int buffer, int s) {
      first_read[buffer] = std::min(first_read[buffer], s);
    };
    for (int s = 0; s < count; ++s) {
      for (const ExchangeOp& e : program().supersteps[s].exchanges) read(e.from, s);
      for (const ComputeOp& c : program().supersteps[s].computes) {
        for (const int in : c.in) read(in, s);
      }
    }
    for (ProgramFeed& feed : program().feeds) feed.superstep = first_read[feed.buffer];
  }

  // The buffer of a value that the host or a state takes: an input has none of its own.
  int HostBuffer(int value) {
    return graph_.values[value].kind == ValueKind::kInput
               ? FeedFor(value, ReplicatedPlacement(graph_.values[value].type.dims))
               : held_[value];
  }

  // States whose next value lies elsewhere are copied at the end of the step.
  void AddUpdates() {
    out_.next_of_state.assign(program().states.size(), -1);
    for (const auto& [state, next] : graph_.updates) {
      for (size_t s = 0; s < state_of_value_.size(); ++s) {
        if (state_of_value_[s].first != state) continue;
        const int buffer = HostBuffer(next);
        const bool local = program().buffers[buffer].placement ==
                               program().buffers[state_of_value_[s].second].placement &&
                           graph_.values[next].kind == ValueKind::kComputed &&
                           absl::c_count(out_.next_of_state, buffer) == 0;
        if (local) out_.next_of_state[s] = buffer;
        if (!local) pending_copies_.emplace_back(buffer, state_of_value_[s].second);
      }
    }
    const int last = static_cast<int>(program().supersteps.size());
    for (const auto& [from, to] : pending_copies_) {
      AddExchange(from, to, last, {}, Combine::kSum);
    }
  }

  void AddFetches() {
    for (const auto& [name, value] : graph_.outputs) {
      program().fetches.push_back({.output = name, .buffer = HostBuffer(value)});
    }
  }

  static constexpr int kKeepStaged = 3;

  const Graph& graph_;
  const Plan& plan_;
  const int64_t staging_bytes_max_;
  int64_t staged_bytes_ = 0;  // of a node, by the calls of superstep staged_at_
  int staged_at_ = -1;
  ScheduledProgram out_;
  std::vector<IndexRule> rules_;                   // by call
  std::vector<CallPlacement> placements_;          // by call
  std::vector<std::optional<Placement>> results_;  // by call, where the plan says
  int current_ = 0;            // the superstep that calls are added to
  std::vector<int> held_;      // value -> buffer
  std::vector<int> readable_;  // buffer -> first superstep whose exchange may read it
  std::vector<int> used_;      // staging buffer -> superstep of its last use so far
  std::vector<std::optional<Placement>> first_need_;  // value -> first consumer's need
  std::vector<std::vector<int>> staged_;              // value -> staging buffers
  std::vector<std::pair<int, int>>
      state_of_value_;  // value, buffer; as Program::states
  std::vector<std::pair<int, int>> pending_copies_;
};

}  // namespace

absl::StatusOr<ScheduledProgram> ScheduleSupersteps(const Graph& graph,
                                                    const Plan& plan,
                                                    int64_t staging_bytes_max) {
  return Scheduler(graph, plan, staging_bytes_max).Run();
}

}  // namespace tatami
