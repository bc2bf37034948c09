#include "core/program.h"

#include <algorithm>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "core/random.h"

namespace tatami {

int64_t Program::peak_bytes() const {
  int64_t peak = 0;
  for (const NodeClass& c : classes) peak = std::max(peak, c.peak_bytes);
  return peak;
}

std::string Program::ToString() const {
  std::string out =
      absl::StrCat("program ", model, " on ", machine, " ", mesh.ToString(), " sram ",
                   sram_bytes, " code ", code_bytes, "\n");
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
                    " ", buffer.placement.ToString(mesh), " storage ", buffer.storage,
                    " ticks ", first, "..", last,
                    buffer.persistent ? " persistent" : "", "\n");
  }
  for (size_t s = 0; s < supersteps.size(); ++s) {
    absl::StrAppend(&out, "superstep ", s, "\n");
    for (const ExchangeOp& e : supersteps[s].exchanges) {
      absl::StrAppend(&out, "  exchange ", e.from, " -> ", e.to);
      if (!e.resolve.empty()) {
        absl::StrAppend(&out, e.combine == Combine::kSum ? " sum " : " max ",
                        tatami::ToString(e.resolve, mesh));
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
                                                      tatami::ToString(f.axes, mesh));
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

Exchange ExchangeOf(const Program& program, const ExchangeOp& exchange) {
  const ProgramBuffer& from = program.buffers[exchange.from];
  const ProgramBuffer& to = program.buffers[exchange.to];
  return {.from = from.placement,
          .to = to.placement,
          .resolve = exchange.resolve,
          .element_bytes = ByteSize(from.type.dtype)};
}

void AddLinkBytes(const Program& program, const ExchangeOp& exchange,
                  LinkBytes& links) {
  AddExchangeLinks(ExchangeOf(program, exchange), 1, program.mesh, links);
}

LinkBytes CountLinkBytes(const Program& program) {
  // Equal exchanges, as of a network's equal blocks, are counted once.
  absl::flat_hash_map<Exchange, int64_t> times;
  for (const Superstep& superstep : program.supersteps) {
    for (const ExchangeOp& e : superstep.exchanges) ++times[ExchangeOf(program, e)];
  }
  LinkBytes links(program.mesh);
  for (const auto& [exchange, count] : times) {
    AddExchangeLinks(exchange, count, program.mesh, links);
  }
  return program.site ? LinksOfGrid(*program.site, links) : links;
}

}  // namespace tatami
