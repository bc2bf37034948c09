// Program: the waist of the house. What every node does in one step, superstep by
// superstep, with addresses. The compiler makes it, the emulator computes it, the
// simulator times it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/embedding.h"
#include "core/exchange_blocks.h"
#include "core/graph.h"
#include "core/line_sum.h"
#include "core/sharding.h"
#include "core/stages.h"

namespace tatami {

// A tensor on the nodes of one stage: each has its box of it at the address of the
// node's class.
struct ProgramBuffer {
  std::string name;
  TensorType type;          // of the whole tensor
  Placement placement;      // in the coordinates of the stage
  bool persistent = false;  // lives across steps
  int storage = -1;  // buffers that take over one another's bytes share a storage
  int stage = 0;
};

// Brings every node the box of `to` from the nodes that hold `from`, combining the
// terms along `resolve`: in the order of core/line_sum.h where they come together along
// a line, else in ascending order of part. core/exchange_links.h says how bytes travel.
// From one stage to another nothing is combined: each node gets what it would get if
// both stages were one.
struct ExchangeOp {
  int from = -1, to = -1;
  AxisList resolve;
  Combine combine = Combine::kSum;
};

// Runs on the nodes of the stage of its buffers, which is one.
struct ComputeOp {
  int call = -1;  // index into Program::calls
  std::vector<DimPlacement> factors;
  std::vector<int> in;  // buffers, placed as the rule needs
  int out = -1;
};

// One exchange, then one compute: no node reads another's memory while computing. The
// stages compute at once; a stage depends on others only by what it gets from them.
struct Superstep {
  std::vector<ExchangeOp> exchanges;
  std::vector<ComputeOp> computes;
};

struct ProgramCall {
  std::string name;
  std::shared_ptr<const OpCall> call;
};

// An input, or a part of one, that the host writes. Until then it lies with the host:
// in the DRAM of the machine's interface cards.
struct ProgramFeed {
  std::string input;
  int buffer = -1;
  InputPart part;  // that the buffer takes of the input
  // The host writes before the exchange of this superstep; where it is one past the
  // last, before it reads what the step made.
  int superstep = 0;
};
struct ProgramState {
  std::string name;
  int buffer = -1;
  Init init;
  bool trainable = false;
};
struct ProgramFetch {  // an output the host reads after a step
  std::string output;
  int buffer = -1;
};

// Nodes whose buffers have equal sizes share one memory layout.
struct NodeClass {
  NodeCoord example;
  int64_t nodes = 0;
  std::vector<int64_t> storage_bytes;  // per storage
  std::vector<int64_t> address;        // per storage
  int64_t peak_bytes = 0;              // code included
};

struct Program {
  std::string model;
  std::string machine;
  Mesh mesh;          // all coordinates here are on it, but those of placements
  Mesh stages{1, 1};  // rows and columns of equal rectangles that it is cut into
  // Where the mesh lies on a grid with dead parts; none: it is its own grid. Of all
  // that a step does, only the links that bytes cross depend on it.
  std::optional<MeshSite> site;
  int64_t sram_bytes = 0;
  int64_t code_bytes = 0;  // reserved at address 0 of every node
  std::vector<ProgramCall> calls;
  std::vector<ProgramBuffer> buffers;
  std::vector<Superstep> supersteps;
  std::vector<ProgramFeed> feeds;
  std::vector<ProgramState> states;
  std::vector<ProgramFetch> fetches;
  std::vector<NodeClass> classes;
  std::vector<int> class_of_node;  // by NodeIndex
  // The ticks [first, last] in which each storage is alive; TicksOf
  // (compiler/lower/memory.h) explains ticks.
  std::vector<std::pair<int, int>> storage_lifetime;

  StageGrid stage_grid() const { return {mesh, stages}; }
  // The mesh that placements, factors and terms are written for.
  Mesh stage_mesh() const { return stage_grid().stage_mesh(); }
  bool HasStages() const { return stages.nodes() > 1; }
  // The node's box of the buffer; nullopt for a node of another stage.
  std::optional<Box> BoxAt(int buffer, NodeCoord node) const;
  // Bytes of that; 0 for a node of another stage.
  int64_t BytesAt(int buffer, NodeCoord node) const;
  int64_t Address(int buffer, NodeCoord node) const {
    return classes[class_of_node[NodeIndex(node, mesh)]]
        .address[buffers[buffer].storage];
  }
  // The grid whose links carry bytes.
  const Mesh& grid() const { return site ? site->live.grid() : mesh; }
  int64_t peak_bytes() const;
  // The type of all that the host feeds under the feed's name.
  TensorType FedType(const ProgramFeed& feed) const {
    return feed.part.WholeOf(buffers[feed.buffer].type);
  }
  // Canonical text; equal Programs have equal text.
  std::string ToString() const;
  // 64-bit hash of the text, as 16 hex digits.
  std::string Hash() const;
};

// What moves, without the buffers' names and addresses, and whichever stages it moves
// within or between.
Exchange ExchangeOf(const Program& program, const ExchangeOp& exchange);
// Calls visit(source node, box) for every copy or term that the exchange brings to the
// node, as ForEachSource of core/sharding.h does within one stage; for none where the
// node is of another stage than what it fills.
void ForEachSource(const Program& program, const ExchangeOp& exchange, NodeCoord to,
                   const std::function<void(NodeCoord, const Box&)>& visit);
// The sum that `node` takes. REQUIRES: SumsAlongLine, and a node of the stage.
LineSum LineSumAt(const Program& program, const ExchangeOp& exchange, NodeCoord node);

// Adds the bytes that one exchange sends over each link of the mesh, from the
// placements alone.
void AddLinkBytes(const Program& program, const ExchangeOp& exchange, LinkBytes& links);
// Bytes over each link of the grid in one step.
LinkBytes CountLinkBytes(const Program& program);

// Alignment of every buffer in a node's SRAM.
constexpr int64_t kSramAlignment = 64;

}  // namespace tatami
