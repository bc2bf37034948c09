// A graph's choices as an assignment problem: one variable a call, whose states are its
// candidates, each kept or run again; pairwise costs are transfers and staging. Time
// and memory are both sums over calls and over pairs of calls, so a price of memory at
// every point of the step leaves an assignment problem.
//
// Pipeline stages share the time of a step and no memory. Each has its own points, and
// what its nodes hold counts at those alone. What is minimised is the work of all
// stages together: each takes part in few transfers of others, so the least of all is
// nearly the least of each.
#pragma once

#include <cstdint>
#include <vector>

#include "compiler/lower/recompute.h"
#include "compiler/plan/assignment.h"
#include "compiler/plan/candidate_sets.h"
#include "compiler/plan/choices.h"
#include "core/machine.h"
#include "core/plan.h"

namespace tatami {

class PlanModel {
 public:
  // `bytes` in the points [first, last].
  struct Span {
    int first, last;
    int64_t bytes;
  };
  using Spans = std::vector<Span>;
  using StateSets = std::vector<std::vector<int>>;  // by call, ascending; none is empty

  // `graph` must outlive the model. `pinned` must have passed ParsePlan; with more than
  // one stage it gives one to every call (AssignStages).
  PlanModel(const Graph& graph, const MachineSpec& machine, const StageGrid& grid,
            const Plan& pinned, size_t candidates_max);

  // Points in time: one a call, stage by stage in the order of its calls. Calls are
  // numbered as in the graph; with one stage that is the same.
  int points() const { return static_cast<int>(graph_.calls.size()); }
  int stages() const { return grid_.count(); }
  int PointOf(int call) const { return points_before_[stages_[call]][call]; }
  // The problem whose cost is time in ns plus, at each point, price * bytes held then
  // by the fullest node. Without prices: the time alone.
  AssignmentProblem Problem(const std::vector<double>& ns_per_byte) const;
  // The same over the states of `kept` alone, by their places there. What `problem`
  // has allocated is used again.
  void MakeProblem(const std::vector<double>& ns_per_byte, const StateSets& kept,
                   AssignmentProblem& problem) const;
  // Modelled work in ns of all stages together; of one stage, the time of a step.
  double TimeNs(const std::vector<int>& state) const;
  // Modelled time of a step in ns when every stage makes its calls in order, each as
  // soon as what it reads of other stages is there; by stage, how long it works.
  double StepNs(const std::vector<int>& state, std::vector<double>& work_ns) const;
  // Modelled time of each call in ns, transfers of what it reads included, those to
  // other stages left out.
  std::vector<double> CallNs(const std::vector<int>& state) const;
  // Bytes of the fullest node at each point; code apart.
  std::vector<int64_t> Memory(const std::vector<int>& state) const;
  Plan PlanOf(const std::vector<int>& state) const;

  StateSets AllStates() const;
  int num_states(int call) const { return static_cast<int>(states_[call].size()); }
  // What changes when `call` alone takes another state: its part of the time, which is
  // returned, and of the memory, which is appended.
  double Around(int call, const std::vector<int>& state, Spans& spans) const;
  // The time alone, of each state that `call` could take instead.
  void AroundNs(int call, const std::vector<int>& state, std::vector<double>& ns) const;
  // What each state of `call` comes to while the others keep theirs; `capacity` is in
  // bytes, by point.
  std::vector<PlanChoice> ChoicesOf(int call, const std::vector<int>& state,
                                    const std::vector<int64_t>& capacity) const;

 private:
  struct State {
    int candidate = 0;
    bool again = false;  // late readers read a second run
    double ns = 0;       // of its own
    double land_ns = 0;  // part of that: to bring its value to other stages
    Spans spans = {};    // what it holds of its own
  };
  // One reading of a value by another call than the one that decides where it lies.
  struct Use {
    int value, owner, reader, input;
    std::vector<double> ns;           // by candidate of the owner and of the reader
    std::vector<char> in_place;       // the same: read where it lies, nothing staged
    std::vector<int64_t> need_bytes;  // by candidate of the reader
  };
  // Where a value is held on another stage than its own, because calls there read it.
  struct Landing {
    int value, stage;
    std::vector<int> readers;  // ascending
  };
  void AddPoints(const Plan& pinned);
  void AddReaders();
  void AddLandings();
  void AddStates(const Plan& pinned);
  void AddUses();
  void AddOwnCosts();
  int OwnerOf(int value) const;
  int StageOfValue(int value) const;
  Placement HeldBy(int value, int candidate) const;
  CallPlan CallPlanOf(int call, const State& state) const;
  bool UpdatesInPlace(int call) const;
  int FindEnd(int value) const;

  // Appends `bytes` at the points of the stage's calls from `first` to `last`.
  void Hold(int stage, int first, int last, int64_t bytes, Spans& spans) const;
  double LandNs(int call, const State& state) const;
  void LandedSpans(int call, const State& state, Spans& spans) const;
  int LastReaderOn(int value, int stage) const;
  double UseNs(const Use& use, const State& owner, const State& reader) const;
  // These append what is held when and why: by the call; by a reader's staging; by a
  // reader's feed; of the owner's value because its reader runs again; by all of these.
  void OwnSpans(int call, const State& state, Spans& spans) const;
  void StagedSpans(const Use& use, const State& reader, Spans& spans) const;
  void FeedSpans(const Use& use, const State& reader, bool shared, Spans& spans) const;
  void HeldSpans(const Use& use, const State& owner, bool reader_again,
                 Spans& spans) const;
  void UseSpans(const Use& use, const State& owner, const State& reader,
                Spans& spans) const;

  const Graph& graph_;
  const StageGrid grid_;
  CostModel model_;
  std::vector<int> stages_;  // by call
  // By stage and call: the points of stages before, and of earlier calls of the stage.
  std::vector<std::vector<int>> points_before_;
  std::vector<std::vector<Candidate>> candidates_;  // by call
  std::vector<std::vector<State>> states_;          // by call
  std::vector<Pause> pauses_;                       // by call
  std::vector<std::vector<int>> readers_;           // by value: calls, ascending
  std::vector<int> next_of_;  // by value: the next value of a state, or -1
  std::vector<std::vector<int>> owned_states_;  // by call
  std::vector<std::vector<Landing>> landings_;  // by the call that owns the value
  std::vector<bool> taken_;                     // by value: lives to the end
  std::vector<int> end_;  // by value: the last point at which it is alive if kept
  std::vector<Use> uses_;
  std::vector<std::vector<int>> uses_of_;  // by call: as owner or reader
};

}  // namespace tatami
