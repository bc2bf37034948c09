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
    program().stages = plan.stages;
    program().model = graph.name;
    held_.resize(graph.values.size(), -1);
    first_reader_.resize(graph.values.size(), -1);
    first_need_.resize(graph.values.size());
    staged_.resize(graph.values.size());
    landed_.resize(graph.values.size());
  }

  absl::StatusOr<ScheduledProgram> Run() {
    TATAMI_RETURN_IF_ERROR(CheckStages(plan_.stage_grid()));
    clocks_.resize(plan_.stage_grid().count());
    const Mesh mesh = program().stage_mesh();
    for (size_t c = 0; c < graph_.calls.size(); ++c) {
      const OpCall call = graph_.CallOf(static_cast<int>(c));
      rules_.push_back((*call.op->rule)(call));
      const auto found = plan_.calls.find(graph_.calls[c].name);
      const CallPlan cut = found == plan_.calls.end() ? CallPlan{} : found->second;
      const std::string where = absl::StrCat("call ", graph_.calls[c].name);
      TATAMI_RETURN_IF_ERROR(CheckCallPlan(cut, call, mesh), where);
      TATAMI_ASSIGN_OR_RETURN(std::vector<AxisList> axes,
                              FactorAxes(cut.cuts, rules_.back(), mesh), where);
      stages_.push_back(cut.stage.value_or(0));
      if (stages_.back() < 0 || stages_.back() >= static_cast<int>(clocks_.size())) {
        return MakeError(ErrorCode::kBadPlan,
                         absl::StrCat(where, ": no stage ", stages_.back(),
                                      " among the ", clocks_.size(), " of the plan"));
      }
      placements_.push_back(PlaceCall(call, rules_.back(), std::move(axes)));
      results_.emplace_back();
      if (cut.result) {
        TATAMI_ASSIGN_OR_RETURN(axes, FactorAxes(*cut.result, rules_.back(), mesh),
                                where);
        results_.back() = ResultPlacement(call, rules_.back(), axes);
      }
      for (size_t i = 0; i < call.in.size(); ++i) {
        const int value = graph_.calls[c].in[i];
        if (first_reader_[value] >= 0) continue;
        first_reader_[value] = static_cast<int>(c);
        first_need_[value] = placements_[c].needs[i];
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

  // Of the supersteps that one stage takes part in. Stages that do not hear of one
  // another go on independently, each at its own superstep.
  struct StageClock {
    int current = 0;  // the superstep that calls are added to
    int staged_at = -1;
    int64_t staged_bytes = 0;  // of a node, by the calls of superstep staged_at
  };

  int AddBuffer(std::string name, TensorType type, Placement placement, int stage) {
    program().buffers.push_back({.name = std::move(name),
                                 .type = std::move(type),
                                 .placement = std::move(placement),
                                 .stage = stage});
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
  // without update lies where it is first read, if that is a partition, and else on
  // every node of that stage.
  void PlaceStates() {
    for (size_t v = 0; v < graph_.values.size(); ++v) {
      const GraphValue& value = graph_.values[v];
      if (value.kind != ValueKind::kState) continue;
      Placement placement = ReplicatedPlacement(value.type.dims);
      int maker = first_reader_[v];
      const auto update =
          std::find_if(graph_.updates.begin(), graph_.updates.end(),
                       [&](const auto& u) { return u.first == static_cast<int>(v); });
      if (update != graph_.updates.end()) {
        const int producer = graph_.values[update->second].producer;
        if (producer >= 0) maker = producer;
        if (producer >= 0 && placements_[producer].made.partial.empty()) {
          placement = placements_[producer].made;
        } else if (producer >= 0 && results_[producer]) {
          placement = *results_[producer];
        }
      } else if (first_need_[v] && first_need_[v]->IsPartition()) {
        placement = *first_need_[v];
      }
      held_[v] = AddBuffer(value.name, value.type, std::move(placement),
                           maker < 0 ? 0 : stages_[maker]);
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
    const int stage = stages_[index];
    StageClock& clock = clocks_[stage];
    ComputeOp compute{.call = index};
    const int64_t staging = StagingBytes(call, placement);
    if (staging > 0 && clock.staged_at == clock.current &&
        clock.staged_bytes + staging > staging_bytes_max_) {
      ++clock.current;
    }
    program().calls.push_back(
        {.name = call.name, .call = std::make_shared<OpCall>(graph_.CallOf(index))});
    for (size_t i = 0; i < call.in.size(); ++i) {
      compute.in.push_back(BufferFor(call.in[i], placement.needs[i], stage));
    }
    for (size_t f = 0; f < rule.factors.size(); ++f) {
      const int64_t size = rule.factors[f].size;
      compute.factors.push_back(
          {.dim_size = size, .factor_size = size, .axes = placement.factor_axes[f]});
    }
    compute.out =
        AddBuffer(call.name, graph_.values[call.out].type, placement.made, stage);
    At(clock.current).computes.push_back(compute);
    // Where what it reads arrived: that may be later than where the call began.
    if (staging > 0) {
      if (clock.staged_at != clock.current) clock.staged_bytes = 0;
      clock.staged_at = clock.current;
      clock.staged_bytes += staging;
    }
    readable_[compute.out] = clock.current + 1;
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
                    graph_.values[value].type, std::move(phase.to),
                    program().buffers[made].stage);
      AddExchange(buffer, target, 0, std::move(phase.resolve), combine);
      buffer = target;
    }
    return buffer;
  }

  // The buffer that holds `value` as `need` on the stage, made by an exchange when
  // there is none.
  int BufferFor(int value, const Placement& need, int stage) {
    if (graph_.values[value].kind == ValueKind::kInput) {
      return FeedFor(value, need, stage);
    }
    int& current = clocks_[stage].current;
    const int held = HeldOn(value, stage);
    if (program().buffers[held].placement == need) {
      current = std::max(current, WrittenAt(held));
      return held;
    }
    int staged = FindStaged(value, need, stage);
    if (staged < 0) {
      int from = held;
      if (const auto midway = GatherMidway(program().buffers[held].placement, need)) {
        from = FindStaged(value, *midway, stage);
        // One superstep ahead, where what is gathered is there by then.
        if (from < 0) from = Stage(value, held, *midway, std::max(0, current - 1));
      }
      staged = Stage(value, from, need, current);
    }
    current = std::max(current, WrittenAt(staged));
    return staged;
  }

  // The buffer that holds `value` on the stage: where it lies, or a copy of all its
  // parts on the nodes with the same place within the stage, made for the first reader
  // there and kept for the last.
  int HeldOn(int value, int stage) {
    const int held = held_[value];
    if (program().buffers[held].stage == stage) return held;
    for (const int landed : landed_[value]) {
      if (program().buffers[landed].stage == stage) return landed;
    }
    const int landed = AddBuffer(
        absl::StrCat(graph_.values[value].name, ".stage", stage),
        graph_.values[value].type, Placement(program().buffers[held].placement), stage);
    // One superstep ahead, so that it can be moved on within the stage by then.
    AddExchange(held, landed, std::max(0, clocks_[stage].current - 1), {},
                Combine::kSum);
    landed_[value].push_back(landed);
    return landed;
  }

  // The staging buffer that holds `value` as `need`, or -1. One whose last use is some
  // supersteps back is not kept: its value is gathered again.
  int FindStaged(int value, const Placement& need, int stage) {
    const int current = clocks_[stage].current;
    for (const int staged : staged_[value]) {
      if (out_.program.buffers[staged].stage == stage &&
          out_.program.buffers[staged].placement == need &&
          used_[staged] + kKeepStaged > current) {
        used_[staged] = std::max(used_[staged], current);
        return staged;
      }
    }
    return -1;
  }

  // A new staging buffer beside `from`, filled at superstep `earliest` or later.
  int Stage(int value, int from, const Placement& need, int earliest) {
    const int staged =
        AddBuffer(absl::StrCat(graph_.values[value].name, ".in"),
                  graph_.values[value].type, need, program().buffers[from].stage);
    AddExchange(from, staged, earliest, {}, Combine::kSum);
    staged_[value].push_back(staged);
    return staged;
  }

  // The first superstep whose compute may read the buffer: the one whose exchange or
  // compute wrote it.
  int WrittenAt(int buffer) const { return std::max(0, readable_[buffer] - 1); }

  int FeedFor(int value, const Placement& need, int stage) {
    const GraphValue& input = graph_.values[value];
    for (const ProgramFeed& feed : program().feeds) {
      if (feed.input == input.fed_as && feed.part == input.part &&
          program().buffers[feed.buffer].stage == stage &&
          program().buffers[feed.buffer].placement == need) {
        return feed.buffer;
      }
    }
    const int buffer =
        AddBuffer(absl::StrCat(input.name, ".feed"), input.type, need, stage);
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
  int HostBuffer(int value, int stage) {
    return graph_.values[value].kind == ValueKind::kInput
               ? FeedFor(value, ReplicatedPlacement(graph_.values[value].type.dims),
                         stage)
               : held_[value];
  }

  // States whose next value lies elsewhere are copied at the end of the step.
  void AddUpdates() {
    out_.next_of_state.assign(program().states.size(), -1);
    for (const auto& [state, next] : graph_.updates) {
      for (size_t s = 0; s < state_of_value_.size(); ++s) {
        if (state_of_value_[s].first != state) continue;
        const int own = state_of_value_[s].second;
        const int buffer = HostBuffer(next, program().buffers[own].stage);
        const bool local =
            program().buffers[buffer].placement == program().buffers[own].placement &&
            program().buffers[buffer].stage == program().buffers[own].stage &&
            graph_.values[next].kind == ValueKind::kComputed &&
            absl::c_count(out_.next_of_state, buffer) == 0;
        if (local) out_.next_of_state[s] = buffer;
        if (!local) pending_copies_.emplace_back(buffer, own);
      }
    }
    const int last = static_cast<int>(program().supersteps.size());
    for (const auto& [from, to] : pending_copies_) {
      AddExchange(from, to, last, {}, Combine::kSum);
    }
  }

  void AddFetches() {
    for (const auto& [name, value] : graph_.outputs) {
      program().fetches.push_back({.output = name, .buffer = HostBuffer(value, 0)});
    }
  }

  static constexpr int kKeepStaged = 3;

  const Graph& graph_;
  const Plan& plan_;
  const int64_t staging_bytes_max_;
  ScheduledProgram out_;
  std::vector<StageClock> clocks_;                 // by stage
  std::vector<int> stages_;                        // by call
  std::vector<IndexRule> rules_;                   // by call
  std::vector<CallPlacement> placements_;          // by call
  std::vector<std::optional<Placement>> results_;  // by call, where the plan says
  std::vector<int> held_;                          // value -> buffer
  std::vector<int> readable_;  // buffer -> first superstep whose exchange may read it
  std::vector<int> used_;      // staging buffer -> superstep of its last use so far
  std::vector<int> first_reader_;                     // value -> call, or -1
  std::vector<std::optional<Placement>> first_need_;  // value -> that call's need
  std::vector<std::vector<int>> staged_;              // value -> staging buffers
  std::vector<std::vector<int>> landed_;              // value -> copies on other stages
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
