#include "compiler/lower/memory.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "core/check.h"
#include "core/packing.h"

namespace tatami {
namespace {

// How long the packing search may go on for a class of nodes: well below a second.
constexpr int64_t kPackingNodes = 20000;

// What nodes are told apart by their sizes: up to so many nodes, into so many layouts
// of a stage on average.
constexpr int64_t kNodesToldApart = 1024;
constexpr size_t kClassesMax = 16;

// Which buffers share bytes.
class StorageAssigner {
 public:
  StorageAssigner(Program& program, const Ticks& ticks)
      : program_(program), ticks_(ticks) {}

  // `copied[s]` tells that state s is copied at the end of the step, not updated in
  // place.
  void Run(const std::vector<int>& next_of_state) {
    for (ProgramBuffer& b : program_.buffers) b.storage = -1;
    for (size_t s = 0; s < program_.states.size(); ++s) New(program_.states[s].buffer);
    for (size_t s = 0; s < next_of_state.size(); ++s) {
      if (next_of_state[s] >= 0) {
        program_.buffers[next_of_state[s]].storage =
            program_.buffers[program_.states[s].buffer].storage;
      }
    }
    for (const ProgramFeed& feed : program_.feeds) New(feed.buffer);
    int tick = 0;
    for (const Superstep& superstep : program_.supersteps) {
      for (const ExchangeOp& e : superstep.exchanges) New(e.to);
      ++tick;
      for (const ComputeOp& c : superstep.computes) Place(c, tick++);
    }
  }

  std::vector<std::pair<int, int>> TakeLifetimes() { return std::move(lifetimes_); }

 private:
  void New(int buffer) {
    if (program_.buffers[buffer].storage >= 0) return;
    program_.buffers[buffer].storage = static_cast<int>(lifetimes_.size());
    lifetimes_.push_back(program_.buffers[buffer].persistent
                             ? std::pair(0, ticks_.count - 1)
                             : ticks_.buffer[buffer]);
    persistent_.push_back(program_.buffers[buffer].persistent);
  }

  // The output takes over the bytes of an input that dies here, where the op allows it.
  void Place(const ComputeOp& c, int tick) {
    ProgramBuffer& out = program_.buffers[c.out];
    if (out.storage >= 0) return;  // the next value of a state
    const int overwritten = *program_.calls[c.call].call->op->may_overwrite;
    if (overwritten >= 0) {
      const ProgramBuffer& in = program_.buffers[c.in[overwritten]];
      const bool same = in.type == out.type && in.placement == out.placement;
      const bool read_once =
          std::count(c.in.begin(), c.in.end(), c.in[overwritten]) == 1;
      if (same && read_once && !persistent_[in.storage] &&
          lifetimes_[in.storage].second <= tick) {
        out.storage = in.storage;
        lifetimes_[in.storage].second = std::max(tick, ticks_.buffer[c.out].second);
        return;
      }
    }
    New(c.out);
  }

  Program& program_;
  const Ticks& ticks_;
  std::vector<std::pair<int, int>> lifetimes_;
  std::vector<bool> persistent_;
};

// True when the state's next value may be written over the state.
bool UpdatesInPlace(const Program& program, const Ticks& ticks, int state, int next) {
  const int buffer = program.states[state].buffer;
  const int made = ticks.buffer[next].first;
  int tick = 0;
  for (const Superstep& superstep : program.supersteps) {
    ++tick;
    for (const ComputeOp& c : superstep.computes) {
      if (c.out == next) {
        const int overwritten = *program.calls[c.call].call->op->may_overwrite;
        for (size_t i = 0; i < c.in.size(); ++i) {
          if (c.in[i] == buffer && static_cast<int>(i) != overwritten) return false;
        }
      }
      ++tick;
    }
  }
  return ticks.buffer[buffer].second <= made;
}

int64_t Packed(int64_t bytes) {
  return (bytes + kSramAlignment - 1) / kSramAlignment * kSramAlignment;
}

// One layout for all nodes of a stage: each storage as large as the largest part of its
// buffers.
NodeClass ClassOfStage(const Program& program, int stage) {
  const Mesh mesh = program.stage_mesh();
  NodeClass all{.example = program.stage_grid().Origin(stage), .nodes = mesh.nodes()};
  all.storage_bytes.assign(program.storage_lifetime.size(), 0);
  for (const ProgramBuffer& b : program.buffers) {
    if (b.storage < 0 || b.stage != stage) continue;
    int64_t& bytes = all.storage_bytes[b.storage];
    bytes = std::max(bytes,
                     Packed(MostElements(b.placement, mesh) * ByteSize(b.type.dtype)));
  }
  return all;
}

void MakeClassesOfStages(Program& program) {
  const StageGrid grid = program.stage_grid();
  program.classes.clear();
  for (int stage = 0; stage < grid.count(); ++stage) {
    program.classes.push_back(ClassOfStage(program, stage));
  }
  for (int64_t n = 0; n < program.mesh.nodes(); ++n) {
    program.class_of_node[n] = grid.StageOf(NodeAt(n, program.mesh));
  }
}

// Nodes with equal sizes of everything share a layout. Where there are many nodes, or
// many different ones, all of a stage share one: parts of a floor split differ by one
// row.
void FindNodeClasses(Program& program) {
  program.class_of_node.assign(program.mesh.nodes(), 0);
  if (program.mesh.nodes() > kNodesToldApart) return MakeClassesOfStages(program);
  std::map<std::vector<int64_t>, int> known;
  for (int64_t n = 0; n < program.mesh.nodes(); ++n) {
    const NodeCoord node = NodeAt(n, program.mesh);
    std::vector<int64_t> bytes(program.storage_lifetime.size(), 0);
    for (size_t b = 0; b < program.buffers.size(); ++b) {
      const int storage = program.buffers[b].storage;
      if (storage < 0) continue;
      bytes[storage] =
          std::max(bytes[storage], Packed(program.BytesAt(static_cast<int>(b), node)));
    }
    const auto [it, added] =
        known.emplace(bytes, static_cast<int>(program.classes.size()));
    if (added) {
      program.classes.push_back({.example = node, .storage_bytes = std::move(bytes)});
    }
    program.class_of_node[n] = it->second;
    ++program.classes[it->second].nodes;
    const auto most = kClassesMax * program.stages.nodes();
    if (program.classes.size() > most) return MakeClassesOfStages(program);
  }
}

}  // namespace

Ticks TicksOf(const Program& program) {
  Ticks ticks;
  ticks.buffer.assign(program.buffers.size(), {-1, -1});
  const auto touch = [&](int buffer) {
    auto& [first, last] = ticks.buffer[buffer];
    if (first < 0) first = ticks.count;
    last = ticks.count;
  };
  const auto feed_before = [&](size_t superstep) {
    for (const ProgramFeed& feed : program.feeds) {
      if (feed.superstep == static_cast<int>(superstep)) touch(feed.buffer);
    }
  };
  for (const ProgramState& state : program.states) touch(state.buffer);
  for (size_t s = 0; s < program.supersteps.size(); ++s) {
    ticks.names.push_back(absl::StrCat("the exchange of superstep ", s));
    feed_before(s);
    for (const ExchangeOp& e : program.supersteps[s].exchanges) {
      touch(e.from);
      touch(e.to);
    }
    ++ticks.count;
    for (const ComputeOp& c : program.supersteps[s].computes) {
      for (int in : c.in) touch(in);
      touch(c.out);
      ticks.names.push_back(program.calls[c.call].name);
      ++ticks.count;
    }
  }
  // The host reads after the last call: what dies in that call is not yet free.
  ticks.names.push_back("the end of the step");
  feed_before(program.supersteps.size());
  for (const ProgramFetch& fetch : program.fetches) touch(fetch.buffer);
  ++ticks.count;
  return ticks;
}

bool AssignMemory(ScheduledProgram& scheduled) {
  Program& program = scheduled.program;
  Ticks ticks = TicksOf(program);
  Superstep copies;
  for (size_t s = 0; s < program.states.size(); ++s) {
    int& next = scheduled.next_of_state[s];
    if (next < 0 || UpdatesInPlace(program, ticks, static_cast<int>(s), next)) continue;
    copies.exchanges.push_back({.from = next, .to = program.states[s].buffer});
    next = -1;
  }
  if (!copies.exchanges.empty()) {
    program.supersteps.push_back(std::move(copies));
    ticks = TicksOf(program);
  }
  StorageAssigner assigner(program, ticks);
  assigner.Run(scheduled.next_of_state);
  program.storage_lifetime = assigner.TakeLifetimes();
  FindNodeClasses(program);
  bool fits = true;
  for (NodeClass& c : program.classes) {
    std::vector<PackedItem> items;
    for (size_t s = 0; s < c.storage_bytes.size(); ++s) {
      items.push_back({.bytes = c.storage_bytes[s],
                       .first = program.storage_lifetime[s].first,
                       .last = program.storage_lifetime[s].second});
    }
    const int64_t base =
        (program.code_bytes + kSramAlignment - 1) / kSramAlignment * kSramAlignment;
    // Once a class does not fit, the others need no search.
    c.peak_bytes = PackBelow(program.sram_bytes, fits ? kPackingNodes : 0, base,
                             kSramAlignment, items);
    for (const PackedItem& item : items) c.address.push_back(item.offset);
    fits &= c.peak_bytes <= program.sram_bytes;
  }
  return fits;
}

std::vector<int64_t> BytesByTick(const Program& program, int ticks, int stage) {
  std::vector<int64_t> most(ticks, 0);
  std::vector<int64_t> alive(ticks + 1);
  for (const NodeClass& c : program.classes) {
    if (program.stage_grid().StageOf(c.example) != stage) continue;
    std::fill(alive.begin(), alive.end(), 0);
    for (size_t s = 0; s < c.storage_bytes.size(); ++s) {
      const auto& [first, last] = program.storage_lifetime[s];
      alive[first] += c.storage_bytes[s];
      alive[last + 1] -= c.storage_bytes[s];
    }
    int64_t now = 0;
    for (int t = 0; t < ticks; ++t) {
      now += alive[t];
      most[t] = std::max(most[t], now);
    }
  }
  return most;
}

}  // namespace tatami
