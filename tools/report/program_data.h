// What the page of a Program draws, counted from the Program alone.
#pragma once

#include <nlohmann/json.hpp>

#include "core/program.h"

namespace tatami {

// Cells of the drawn mesh, per side. Beyond it a cell is a square of nodes.
constexpr int64_t kCellsPerSideMax = 128;

// Of one step, in bytes and arithmetic operations:
//   mesh        rows, cols (of nodes of Program::grid()); side (nodes along an edge of
//               a cell), cell_rows, cell_cols; per cell, row by row: class (of the node
//               with the highest peak; -1: it hosts none), peak_bytes, flops, and bytes
//               that leave on links east, west, south, north. A cell of several nodes
//               has the largest of theirs. On a damaged grid also
//               site: map (its text); per cell: dead and spare (how many nodes are
//               dead, and live without one of the mesh); dead_links [row, col, row,
//               col]; hosts (per cell the NodeIndex in the mesh, or -1; empty when
//               side > 1).
//               flops_of_examples: whether flops were counted on the example of each
//               node's class only, as they are when cells have several nodes. Windows
//               at borders make them differ within a class: by 4e-7 for resnet18 on
//               18x19 nodes, not at all for drivenet-small on 8x8
//   ticks       names, and superstep of each (TicksOf, compiler/lower/memory.h)
//   kinds       what buffers can be: states, inputs of the step, results of calls, of
//               them gradients, copies that an exchange brought, terms it combined
//   buffers     name, type, placement, storage, kind (index into kinds), first and last
//               tick of the buffer itself
//   storages    first[], last[] tick
//   layouts     class, address[], bytes[] per storage; the fullest classes first, as
//               many as keep the whole below kPlacedStoragesMax
//   supersteps  exchanges: from, to (buffers), combine, link_bytes, link_bytes_max;
//               computes: tick, call, op, cut, out (buffer), matrix_flops, vector_flops
//               (of all nodes), flops_max (of one node)
// REQUIRES: VerifyProgram(program).ok().
// Cost: that of CountLinkBytes, and one OpDef::cost per call and node.
nlohmann::json ProgramData(const Program& program);

// 12 bytes of text each: 2.4 MB.
constexpr int64_t kPlacedStoragesMax = 200'000;

}  // namespace tatami
