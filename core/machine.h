// The machine as data: what a mesh of nodes is made of and how fast its parts are.
//
// Three levels: nodes form a die, dies form a tile, tiles form the machine. Values
// only; the numbers of the known machines, with their sources, are in
// core/machines/*.textproto and are compiled into the binary.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace tatami {

// Extents of a rectangle of nodes, dies or tiles.
struct Grid {
  int64_t rows = 1, cols = 1;

  int64_t count() const { return rows * cols; }
  friend bool operator==(const Grid&, const Grid&) = default;
};

// Memory cards at the edge of the machine, outside the mesh. cards = 0: there are none.
struct DramSpec {
  int64_t cards = 0;  // of the whole machine
  int64_t card_bytes = 0;
  double card_bytes_per_s = 0;      // DRAM rate of one card
  double link_bytes_per_s = 0;      // one card to the mesh, each direction
  double access_ns = 0;             // first byte, seen from the mesh edge
  double ethernet_bytes_per_s = 0;  // one card to the network
  double pcie_bytes_per_s = 0;      // one card to its host
};

// A number of the machine that is not public: what it may be, beside what the file
// says.
struct UnknownField {
  std::string field;  // its name in the text-proto, as "dram.access_ns"
  double value = 0;   // as the machine has it
  double low = 0, high = 0;
  std::string source;
};

// Bandwidths are in one direction. A level that the machine has only one of (a single
// die has no crossing) may leave its edge numbers 0.
struct MachineSpec {
  std::string name;
  std::string summary;  // one line for `tatami machines`

  Grid die_nodes;                // physical node grid of one die
  int64_t die_nodes_usable = 1;  // the rest are spares or dead
  Grid die_logical_nodes;        // what a die hosts once its spares are bypassed
  Grid tile_dies;                // dies of one tile
  Grid tiles;                    // tiles of the machine
  // Nodes reach each other at one cost (cores of a host): a mesh need not follow the
  // grid, only its node count is limited.
  bool any_rectangle = false;
  // Only compared with: never proposed to who trains on another machine.
  bool baseline = false;

  double clock_hz = 0;
  int64_t sram_bytes = 0;           // of one node, code included
  int64_t code_bytes_reserved = 0;  // part of sram_bytes that tensors may not use
  double matrix_flops_per_s = 0;    // of one node, bf16 inputs; a multiply-add is 2
  double vector_flops_per_s = 0;    // of one node, f32
  int64_t vector_bytes = 0;         // SIMD width: the channel block of stored tensors
  int64_t sram_load_ports = 0;      // each moves sram_port_bytes a cycle
  int64_t sram_store_ports = 0;
  int64_t sram_port_bytes = 0;
  int64_t mesh_port_bytes =
      0;  // a cycle from the mesh into SRAM, and as many out of it

  int64_t packet_bytes = 0;         // smallest unit on a link
  double link_bytes_per_s = 0;      // between neighbouring nodes of one die
  double hop_ns = 0;                // one node to the next
  double die_edge_bytes_per_s = 0;  // the whole edge between two neighbouring dies
  double die_crossing_ns = 0;
  double tile_edge_bytes_per_s = 0;  // the whole edge between two neighbouring tiles
  double tile_crossing_ns = 0;

  DramSpec dram;

  // The share of a link's rate that an exchange reaches, in (0, 1]: routers merge
  // streams unevenly, so 1 is a bound.
  double pacing = 1;
  double superstep_start_ns = 0;  // to start an exchange, before the first byte leaves
  double call_start_ns = 0;       // to start a call on a node, filling pipelines too
  // What the matrix unit multiplies at once, rows x depth by depth x columns: smaller
  // matrices leave a part of it idle.
  int64_t matrix_unit_rows = 1, matrix_unit_cols = 1, matrix_unit_depth = 1;

  std::vector<UnknownField> unknowns;
};

// Values of fields by their names in the text-proto, as {"link_packets_per_cycle", 4}.
using MachineOverrides = std::vector<std::pair<std::string, double>>;

// The machine compiled in under this name, or the one in a file when the argument ends
// in ".textproto". Fails with kUnknownMachine for an unknown name or unreadable file
// (naming the known ones) and with kUnknownField for text that is not a machine (with
// line, column and the nearest field). `host` is sized by the computer that runs this.
// Overrides are applied to what the file and its bases say; kUnknownField for one that
// is no number of a machine.
absl::StatusOr<MachineSpec> LoadMachine(absl::string_view name_or_path,
                                        const MachineOverrides& overrides = {});

// Sorted names that LoadMachine knows.
std::vector<std::string> MachineNames();

// What `host` is sized by; tests give their own.
struct HostFacts {
  int64_t cores = 0;  // that this process may use
  int64_t memory_bytes = 0;
};
HostFacts ThisHost();

// As LoadMachine for text that is already in memory. `source` names it in messages.
absl::StatusOr<MachineSpec> ParseMachine(absl::string_view text,
                                         absl::string_view source,
                                         const HostFacts& host,
                                         const MachineOverrides& overrides = {});

// Derived figures of the whole machine.
int64_t NumDies(const MachineSpec& machine);
int64_t NumNodes(const MachineSpec& machine);        // usable ones
double PeakMatrixFlops(const MachineSpec& machine);  // per second, usable nodes
double PeakVectorFlops(const MachineSpec& machine);  // per second, usable nodes
int64_t SramBytesTotal(const MachineSpec& machine);  // usable nodes
int64_t DramBytesTotal(const MachineSpec& machine);
double SramLoadBytesPerS(const MachineSpec& machine);   // of one node
double SramStoreBytesPerS(const MachineSpec& machine);  // of one node

// Bytes per second, one way, through the narrower of the two straight cuts that halve
// the machine. A cut runs along the edges of the largest parts that the axis has
// several of: tiles, else dies, else nodes. An axis with an odd number of parts is cut
// only when the other one is odd too; its middle edge then counts as the half, as in
// published figures.
double BisectionBytesPerS(const MachineSpec& machine);

// All nodes of all dies, edge to edge, spares and dead ones included: the grid that a
// map of dead parts (core/live_mesh.h) is about. Such a map says which nodes are dead,
// so beside one die_nodes_usable and die_logical_nodes count for nothing.
Grid PhysicalGrid(const MachineSpec& machine);

// The largest mesh: the logical nodes of all dies, edge to edge.
Grid MaxMesh(const MachineSpec& machine);

// OK when the machine can host a mesh of rows x cols nodes; else kMeshTooLarge with
// what it can host. Any rectangle inside MaxMesh fits. rows or cols below 1 is
// kBadFlag.
absl::Status CheckMesh(const MachineSpec& machine, int64_t rows, int64_t cols);

}  // namespace tatami
