#include "runtime/emulator/transfer_lists.h"

#include "core/status_macros.h"

namespace tatami {
namespace {

// Walks every copy of an exchange in the one global order that all ranks share.
template <typename Visit>
void ForEachCopy(const Program& program, const ExchangeOp& e, Visit visit) {
  const ProgramBuffer& from = program.buffers[e.from];
  const ProgramBuffer& to = program.buffers[e.to];
  const int64_t terms = Parts(e.resolve);
  for (int64_t n = 0; n < program.mesh.nodes(); ++n) {
    const NodeCoord target = NodeAt(n, program.mesh);
    int64_t visited = 0;
    ForEachSource(from.placement, e.resolve, to.placement.BoxAt(target, program.mesh),
                  target, program.mesh, [&](NodeCoord source, const Box& part) {
                    const bool first = visited++ % terms == 0;
                    visit(source, target, part, first);
                  });
  }
}

class Builder {
 public:
  Builder(const Program& program, Transport& transport,
          const std::vector<std::byte*>& sram_of_hosted)
      : program_(program), transport_(transport), sram_(sram_of_hosted) {
    const int ranks = transport.size();
    rank_of_node_.resize(program.mesh.nodes());
    for (int r = 0; r < ranks; ++r) {
      const HostedNodes hosted = HostedNodes::Of(r, ranks, program.mesh.nodes());
      for (int64_t n = hosted.begin; n < hosted.end; ++n) rank_of_node_[n] = r;
    }
    hosted_ = HostedNodes::Of(transport.rank(), ranks, program.mesh.nodes());
  }

  absl::Status Build(const Superstep& superstep, SuperstepTransfers& out) {
    const int me = transport_.rank(), ranks = transport_.size();
    out.copies.resize(hosted_.end - hosted_.begin);
    // Sizes first: message memory must not move once copies point into it.
    std::vector<int64_t> send(ranks, 0), receive(ranks, 0);
    for (const ExchangeOp& e : superstep.exchanges) {
      const int64_t element = ByteSize(program_.buffers[e.from].type.dtype);
      ForEachCopy(program_, e, [&](NodeCoord s, NodeCoord t, const Box& part, bool) {
        const int from = RankOf(s), to = RankOf(t);
        if (from == to) return;
        if (from == me) send[to] += NumElements(part) * element;
        if (to == me) receive[from] += NumElements(part) * element;
      });
    }
    out.send.resize(ranks);
    out.receive.resize(ranks);
    std::vector<Transport::Part> sends, receives;
    for (int r = 0; r < ranks; ++r) {
      out.send[r].resize(send[r]);
      out.receive[r].resize(receive[r]);
      if (send[r] > 0) sends.push_back({r, absl::MakeSpan(out.send[r])});
      if (receive[r] > 0) receives.push_back({r, absl::MakeSpan(out.receive[r])});
    }
    if (ranks > 1) {  // every rank registers, so that pattern numbers agree
      TATAMI_ASSIGN_OR_RETURN(const int pattern,
                              transport_.AddPattern(sends, receives));
      if (!sends.empty() || !receives.empty()) out.pattern = pattern;
    }
    std::vector<int64_t> sent(ranks, 0), received(ranks, 0);
    for (const ExchangeOp& e : superstep.exchanges) {
      ForEachCopy(program_, e,
                  [&](NodeCoord s, NodeCoord t, const Box& part, bool first) {
                    Add(e, s, t, part, first, sent, received, out);
                  });
    }
    return absl::OkStatus();
  }

 private:
  int RankOf(NodeCoord node) const {
    return rank_of_node_[NodeIndex(node, program_.mesh)];
  }

  std::byte* Data(int buffer, NodeCoord node) const {
    return sram_[NodeIndex(node, program_.mesh) - hosted_.begin] +
           program_.Address(buffer, node);
  }

  void Add(const ExchangeOp& e, NodeCoord s, NodeCoord t, const Box& part, bool first,
           std::vector<int64_t>& sent, std::vector<int64_t>& received,
           SuperstepTransfers& out) const {
    const int from = RankOf(s), to = RankOf(t), me = transport_.rank();
    if (from != me && to != me) return;
    const ProgramBuffer& source = program_.buffers[e.from];
    const int64_t bytes = NumElements(part) * ByteSize(source.type.dtype);
    const Box source_box = source.placement.BoxAt(s, program_.mesh);
    if (from == me && to != me) {
      out.packs.push_back({.box = BoxCopy(part, source_box, part),
                           .from = Data(e.from, s),
                           .to = out.send[to].data() + sent[to],
                           .dtype = source.type.dtype});
      sent[to] += bytes;
      return;
    }
    const bool local = from == me;
    out.copies[NodeIndex(t, program_.mesh) - hosted_.begin].push_back(
        {.box = BoxCopy(part, local ? source_box : part,
                        program_.buffers[e.to].placement.BoxAt(t, program_.mesh)),
         .from = local ? Data(e.from, s) : out.receive[from].data() + received[from],
         .to = Data(e.to, t),
         .dtype = source.type.dtype,
         .combines = !first,
         .combine = e.combine,
         .bytes = bytes,
         .source = s,
         .target = t});
    if (!local) received[from] += bytes;
  }

  const Program& program_;
  Transport& transport_;
  const std::vector<std::byte*>& sram_;
  std::vector<int> rank_of_node_;
  HostedNodes hosted_;
};

}  // namespace

absl::StatusOr<std::vector<SuperstepTransfers>> BuildTransfers(
    const Program& program, Transport& transport,
    const std::vector<std::byte*>& sram_of_hosted) {
  Builder builder(program, transport, sram_of_hosted);
  std::vector<SuperstepTransfers> out(program.supersteps.size());
  for (size_t s = 0; s < out.size(); ++s) {
    TATAMI_RETURN_IF_ERROR(builder.Build(program.supersteps[s], out[s]));
  }
  return out;
}

}  // namespace tatami
