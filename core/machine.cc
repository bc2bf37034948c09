#include "core/machine.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/error.h"
#include "core/proto/machine_text.h"

namespace tatami {
namespace {

constexpr absl::string_view kFileEnding = ".textproto";

std::string GridText(const Grid& grid) {
  return absl::StrCat(grid.rows, "x", grid.cols);
}

// The widest mesh of `rows` rows that `machine` hosts, or 0.
int64_t ColsFor(const MachineSpec& machine, int64_t rows) {
  const Grid max = MaxMesh(machine);
  if (machine.any_rectangle) return NumNodes(machine) / rows;
  return rows <= max.rows ? max.cols : 0;
}

bool Hosts(const MachineSpec& machine, int64_t rows, int64_t cols) {
  return cols <= ColsFor(machine, rows);
}

// The machines that would host the mesh, smallest first, as "a, b"; or "".
std::string LargerMachines(int64_t rows, int64_t cols) {
  std::vector<MachineSpec> fits;
  for (const std::string& name : MachineNames()) {
    const absl::StatusOr<MachineSpec> machine = LoadMachine(name);
    // A host is what the user has, not what he may choose.
    if (!machine.ok() || machine->any_rectangle || machine->baseline) continue;
    if (Hosts(*machine, rows, cols)) fits.push_back(*machine);
  }
  std::sort(fits.begin(), fits.end(), [](const MachineSpec& a, const MachineSpec& b) {
    return NumNodes(a) < NumNodes(b);
  });
  return absl::StrJoin(fits, ", ", [](std::string* out, const MachineSpec& m) {
    absl::StrAppend(out, m.name);
  });
}

}  // namespace

HostFacts ThisHost() {
  // hardware_concurrency honours the affinity mask; the memory limit of a container is
  // not seen here, so a container should use a machine file of its own.
  return {.cores = static_cast<int64_t>(std::thread::hardware_concurrency()),
          .memory_bytes = static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) *
                          static_cast<int64_t>(sysconf(_SC_PAGESIZE))};
}

std::vector<std::string> MachineNames() {
  std::vector<std::string> names;
  for (const auto& machine : internal_machine::EmbeddedMachines()) {
    names.emplace_back(machine.name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

absl::StatusOr<MachineSpec> ParseMachine(absl::string_view text,
                                         absl::string_view source,
                                         const HostFacts& host,
                                         const MachineOverrides& overrides) {
  return internal_machine::MachineFromText(text, source, host, overrides);
}

absl::StatusOr<MachineSpec> LoadMachine(absl::string_view name_or_path,
                                        const MachineOverrides& overrides) {
  if (absl::EndsWith(name_or_path, kFileEnding)) {
    std::ifstream file{std::string(name_or_path)};
    std::ostringstream text;
    if (!file || !(text << file.rdbuf())) {
      return MakeError(ErrorCode::kUnknownMachine,
                       absl::StrCat("cannot read machine file '", name_or_path,
                                    "', or it is empty. Check the path, or name a "
                                    "machine compiled in: ",
                                    absl::StrJoin(MachineNames(), ", "), "."));
    }
    return ParseMachine(text.str(), name_or_path, ThisHost(), overrides);
  }
  for (const auto& machine : internal_machine::EmbeddedMachines()) {
    if (machine.name != name_or_path) continue;
    return ParseMachine(machine.text, absl::StrCat(machine.name, kFileEnding),
                        ThisHost(), overrides);
  }
  const std::string nearest = NearestName(name_or_path, MachineNames());
  return MakeError(ErrorCode::kUnknownMachine,
                   absl::StrCat("no machine is named '", name_or_path, "'; ", nearest,
                                nearest.empty() ? "" : " ",
                                "Known: ", absl::StrJoin(MachineNames(), ", "),
                                ", or the path of a ", kFileEnding, " file."));
}

int64_t NumDies(const MachineSpec& machine) {
  return machine.tile_dies.count() * machine.tiles.count();
}

int64_t NumNodes(const MachineSpec& machine) {
  return machine.die_nodes_usable * NumDies(machine);
}

double PeakMatrixFlops(const MachineSpec& machine) {
  return machine.matrix_flops_per_s * static_cast<double>(NumNodes(machine));
}

double PeakVectorFlops(const MachineSpec& machine) {
  return machine.vector_flops_per_s * static_cast<double>(NumNodes(machine));
}

int64_t SramBytesTotal(const MachineSpec& machine) {
  return machine.sram_bytes * NumNodes(machine);
}

int64_t DramBytesTotal(const MachineSpec& machine) {
  return machine.dram.cards * machine.dram.card_bytes;
}

double SramLoadBytesPerS(const MachineSpec& machine) {
  return static_cast<double>(machine.sram_load_ports * machine.sram_port_bytes) *
         machine.clock_hz;
}

double SramStoreBytesPerS(const MachineSpec& machine) {
  return static_cast<double>(machine.sram_store_ports * machine.sram_port_bytes) *
         machine.clock_hz;
}

double BisectionBytesPerS(const MachineSpec& machine) {
  const Grid &tiles = machine.tiles, &dies = machine.tile_dies,
             &nodes = machine.die_nodes;
  // The cut that halves an axis is as long as the other axis, `across`.
  const auto cut = [&](int64_t tiles_along, int64_t dies_along, int64_t tiles_across,
                       int64_t dies_across, int64_t nodes_across) {
    if (tiles_along > 1) {
      return static_cast<double>(tiles_across) * machine.tile_edge_bytes_per_s;
    }
    const double dies_in_cut = static_cast<double>(tiles_across * dies_across);
    if (dies_along > 1) return dies_in_cut * machine.die_edge_bytes_per_s;
    return dies_in_cut * static_cast<double>(nodes_across) * machine.link_bytes_per_s;
  };
  const auto parts = [](int64_t tiles_along, int64_t dies_along, int64_t nodes_along) {
    return tiles_along > 1 ? tiles_along : dies_along > 1 ? dies_along : nodes_along;
  };
  const int64_t row_parts = parts(tiles.rows, dies.rows, nodes.rows);
  const int64_t col_parts = parts(tiles.cols, dies.cols, nodes.cols);
  const double halve_rows =
      cut(tiles.rows, dies.rows, tiles.cols, dies.cols, nodes.cols);
  const double halve_cols =
      cut(tiles.cols, dies.cols, tiles.rows, dies.rows, nodes.rows);
  const bool rows_even = row_parts % 2 == 0, cols_even = col_parts % 2 == 0;
  if (col_parts == 1 || (rows_even && !cols_even)) return halve_rows;
  if (row_parts == 1 || (cols_even && !rows_even)) return halve_cols;
  return std::min(halve_rows, halve_cols);
}

Grid PhysicalGrid(const MachineSpec& machine) {
  return {.rows = machine.die_nodes.rows * machine.tile_dies.rows * machine.tiles.rows,
          .cols = machine.die_nodes.cols * machine.tile_dies.cols * machine.tiles.cols};
}

Grid MaxMesh(const MachineSpec& machine) {
  return {.rows = machine.die_logical_nodes.rows * machine.tile_dies.rows *
                  machine.tiles.rows,
          .cols = machine.die_logical_nodes.cols * machine.tile_dies.cols *
                  machine.tiles.cols};
}

absl::Status CheckMesh(const MachineSpec& machine, int64_t rows, int64_t cols) {
  const std::string mesh = absl::StrCat(rows, "x", cols);
  if (rows < 1 || cols < 1) {
    return MakeError(ErrorCode::kBadFlag,
                     absl::StrCat("mesh ", mesh,
                                  " has no nodes; give rows and columns "
                                  "of at least 1, as in --mesh 4x4."));
  }
  if (Hosts(machine, rows, cols)) return absl::OkStatus();
  const Grid max = MaxMesh(machine);
  std::string message = absl::StrCat("mesh ", mesh, " is larger than machine '",
                                     machine.name, "', which ");
  if (machine.any_rectangle) {
    absl::StrAppend(&message, "hosts any rectangle of at most ", NumNodes(machine),
                    " nodes. Make rows times columns at most that");
  } else {
    absl::StrAppend(&message, "hosts rectangles inside ", GridText(max), " (",
                    NumNodes(machine), " usable nodes, ", max.count(),
                    " of them in that rectangle). Make rows at most ", max.rows,
                    " and columns at most ", max.cols);
    if (Hosts(machine, cols, rows)) {
      absl::StrAppend(&message, "; the transposed mesh ", cols, "x", rows, " fits");
    }
  }
  const std::string larger = LargerMachines(rows, cols);
  if (!larger.empty()) {
    absl::StrAppend(&message, ", or pass --machine ", larger);
  }
  return MakeError(ErrorCode::kMeshTooLarge, absl::StrCat(message, "."));
}

}  // namespace tatami
