#include "core/program.h"

#include <algorithm>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "core/exchange_links.h"
#include "core/random.h"

namespace tatami {

int64_t Program::peak_bytes() const {
  int64_t peak = 0;
  for (const NodeClass& c : classes) peak = std::max(peak, c.peak_bytes);
  return peak;
}

std::optional<Box> Program::BoxAt(int buffer, NodeCoord node) const {
  const ProgramBuffer& b = buffers[buffer];
  const StageGrid grid = stage_grid();
  if (grid.StageOf(node) != b.stage) return std::nullopt;
  return b.placement.BoxAt(grid.ToStage(node), grid.stage_mesh());
}

int64_t Program::BytesAt(int buffer, NodeCoord node) const {
  const std::optional<Box> box = BoxAt(buffer, node);
  return box ? NumElements(*box) * ByteSize(buffers[buffer].type.dtype) : 0;
}

std::string Program::ToString() const {
  const Mesh one = stage_mesh();
  std::string out =
      absl::StrCat("program ", model, " on ", machine, " ", mesh.ToString(),
                   HasStages() ? absl::StrCat(" stages ", stages.ToString()) : "",
                   " sram ", sram_bytes, " code ", code_bytes, "\n");
  if (site) {
    absl::StrAppend(&out, "site ", site->live.ToString(), " at ",
                    absl::StrJoin(site->embedding.physical, " ",
                                  [](std::string* s, NodeCoord n) {
                                    absl::StrAppend(s, "(", n.row, ",", n.col, ")");
                                  }),
                    "\n");
  }
  for (size_t b = 0; b < buffers.size(); ++b) {
    const ProgramBuffer& buffer = buffers[b];
    const auto& [first, last] = storage_lifetime[buffer.storage];
    absl::StrAppend(&out, "buffer ", b, " ", buffer.name, " ", buffer.type.ToString(),
                    " ", buffer.placement.ToString(one),
                    HasStages() ? absl::StrCat(" stage ", buffer.stage) : "",
                    " storage ", buffer.storage, " ticks ", first, "..", last,
                    buffer.persistent ? " persistent" : "", "\n");
  }
  for (size_t s = 0; s < supersteps.size(); ++s) {
    absl::StrAppend(&out, "superstep ", s, "\n");
    for (const ExchangeOp& e : supersteps[s].exchanges) {
      absl::StrAppend(&out, "  exchange ", e.from, " -> ", e.to);
      if (!e.resolve.empty()) {
        absl::StrAppend(&out, e.combine == Combine::kSum ? " sum " : " max ",
                        tatami::ToString(e.resolve, one));
      }
      absl::StrAppend(&out, "\n");
    }
    for (const ComputeOp& c : supersteps[s].computes) {
      const ProgramCall& call = calls[c.call];
      absl::StrAppend(&out, "  compute ", call.name, " ", *call.call->op->name, " {",
                      call.call->attrs.ToString(), "} (", absl::StrJoin(c.in, " "),
                      ") -> ", c.out, " cut ",
                      absl::StrJoin(c.factors, " ",
                                    [&](std::string* s2, const DimPlacement& f) {
                                      absl::StrAppend(s2, f.factor_size, "/",
                                                      tatami::ToString(f.axes, one));
                                    }),
                      "\n");
    }
  }
  for (const ProgramFeed& f : feeds) {
    absl::StrAppend(&out, "feed ", f.input, " ", f.buffer, " part ", f.part.index, "/",
                    f.part.count, " before superstep ", f.superstep, "\n");
  }
  for (const ProgramState& s : states) {
    absl::StrAppend(&out, "state ", s.name, " ", s.buffer, " init ", s.init.kind, " ",
                    absl::StrFormat("%.17g", s.init.scale),
                    s.trainable ? " trainable" : "", "\n");
  }
  for (const ProgramFetch& f : fetches) {
    absl::StrAppend(&out, "fetch ", f.output, " ", f.buffer, "\n");
  }
  for (const NodeClass& c : classes) {
    absl::StrAppend(&out, "class of (", c.example.row, ",", c.example.col, ") nodes ",
                    c.nodes, " peak ", c.peak_bytes, " at ",
                    absl::StrJoin(c.address, " "), " bytes ",
                    absl::StrJoin(c.storage_bytes, " "), "\n");
  }
  absl::StrAppend(&out, "classes ", absl::StrJoin(class_of_node, " "), "\n");
  return out;
}

std::string Program::Hash() const {
  return absl::StrFormat("%016x", StreamOf(ToString()));
}

void ForEachSource(const Program& program, const ExchangeOp& exchange, NodeCoord to,
                   const std::function<void(NodeCoord, const Box&)>& visit) {
  const std::optional<Box> need = program.BoxAt(exchange.to, to);
  if (!need) return;
  const ProgramBuffer& from = program.buffers[exchange.from];
  const StageGrid grid = program.stage_grid();
  ForEachSource(from.placement, exchange.resolve, *need, grid.ToStage(to),
                grid.stage_mesh(), [&](NodeCoord source, const Box& box) {
                  visit(grid.FromStage(from.stage, source), box);
                });
}

LineSum LineSumAt(const Program& program, const ExchangeOp& exchange, NodeCoord node) {
  const ProgramBuffer& to = program.buffers[exchange.to];
  const StageGrid grid = program.stage_grid();
  LineSum sum =
      LineSumAt(to.placement, exchange.resolve, grid.ToStage(node), grid.stage_mesh());
  for (NodeCoord& term : sum.terms) term = grid.FromStage(to.stage, term);
  return sum;
}

Exchange ExchangeOf(const Program& program, const ExchangeOp& exchange) {
  const ProgramBuffer& from = program.buffers[exchange.from];
  const ProgramBuffer& to = program.buffers[exchange.to];
  return {.from = from.placement,
          .to = to.placement,
          .resolve = exchange.resolve,
          .element_bytes = ByteSize(from.type.dtype)};
}

namespace {

// What tells apart exchanges that put other bytes on other links.
struct Moved {
  Exchange exchange;
  int from_stage = 0, to_stage = 0;

  friend bool operator==(const Moved&, const Moved&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const Moved& m) {
    return H::combine(std::move(h), m.exchange, m.from_stage, m.to_stage);
  }
};

Moved MovedBy(const Program& program, const ExchangeOp& exchange) {
  return {ExchangeOf(program, exchange), program.buffers[exchange.from].stage,
          program.buffers[exchange.to].stage};
}

void AddMovedBytes(const StageGrid& grid, const Moved& m, int64_t times,
                   LinkBytes& links) {
  const Mesh one = grid.stage_mesh();
  if (m.from_stage != m.to_stage) {
    LinkLoads loads(MeshBlock::Whole(grid.mesh));
    AddCopyLinksBetween(m.exchange.from, m.exchange.to,
                        m.exchange.element_bytes * times,
                        {.mesh = one,
                         .receivers = MeshBlock::Whole(one),
                         .from_shift = grid.Origin(m.from_stage),
                         .to_shift = grid.Origin(m.to_stage)},
                        loads);
    links.Add(loads.Sum());
    return;
  }
  if (one == grid.mesh) {
    AddExchangeLinks(m.exchange, times, one, links);
    return;
  }
  LinkBytes within(one);
  AddExchangeLinks(m.exchange, times, one, within);
  links.AddAt(grid.Origin(m.to_stage), within);
}

}  // namespace

void AddLinkBytes(const Program& program, const ExchangeOp& exchange,
                  LinkBytes& links) {
  AddMovedBytes(program.stage_grid(), MovedBy(program, exchange), 1, links);
}

LinkBytes CountLinkBytes(const Program& program) {
  // Equal exchanges, as of a network's equal blocks, are counted once.
  absl::flat_hash_map<Moved, int64_t> times;
  for (const Superstep& superstep : program.supersteps) {
    for (const ExchangeOp& e : superstep.exchanges) ++times[MovedBy(program, e)];
  }
  LinkBytes links(program.mesh);
  for (const auto& [moved, count] : times) {
    AddMovedBytes(program.stage_grid(), moved, count, links);
  }
  return program.site ? LinksOfGrid(*program.site, links) : links;
}

}  // namespace tatami
