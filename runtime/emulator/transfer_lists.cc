#include "runtime/emulator/transfer_lists.h"

#include <tuple>

#include "absl/container/flat_hash_map.h"
#include "core/line_sum.h"
#include "core/status_macros.h"

namespace tatami {
namespace {

// What becomes of a box that arrives.
enum class Arrival {
  kCopied,     // it is what the node needs, or the first term of it
  kCombined,   // a later term
  kFar,        // the first term from the far end of a line: held apart,
  kFarOnward,  // to be combined with those on its way
  kJoined,     // and at last combined with what came from the near end
};

// Walks every copy of an exchange in the one global order that all ranks share. What is
// kJoined moves within its node.
template <typename Visit>
void ForEachCopy(const Program& program, const ExchangeOp& e, Visit visit) {
  const Placement& from = program.buffers[e.from].placement;
  const Placement& to = program.buffers[e.to].placement;
  const bool line = SumsAlongLine(from, to, e.resolve);
  const int64_t terms = Parts(e.resolve);
  for (int64_t n = 0; n < program.mesh.nodes(); ++n) {
    const NodeCoord target = NodeAt(n, program.mesh);
    const std::optional<Box> need = program.BoxAt(e.to, target);
    if (!need || IsEmpty(*need)) continue;
    if (!line) {
      int64_t visited = 0;
      ForEachSource(program, e, target, [&](NodeCoord source, const Box& part) {
        visit(source, target, part,
              visited++ % terms == 0 ? Arrival::kCopied : Arrival::kCombined);
      });
      continue;
    }
    const LineSum sum = LineSumAt(program, e, target);
    for (int64_t t = 0; t <= sum.root; ++t) {
      visit(sum.terms[t], target, *need,
            t == 0 ? Arrival::kCopied : Arrival::kCombined);
    }
    for (int64_t t = terms - 1; t > sum.root; --t) {
      visit(sum.terms[t], target, *need,
            t == terms - 1 ? Arrival::kFar : Arrival::kFarOnward);
    }
    if (sum.root + 1 < terms) visit(target, target, *need, Arrival::kJoined);
  }
}

// Where parts lie in the messages to or from each peer. A part of one node's tensor
// that several nodes of a rank need is sent once.
class MessageLayout {
 public:
  explicit MessageLayout(int ranks) : bytes_(ranks, 0) {}

  struct Place {
    int64_t offset = 0;
    bool is_new = false;
  };
  Place PlaceOf(int peer, NodeCoord source, int to_rank, const Box& part,
                int64_t bytes) {
    auto& known = places_[{source.row, source.col, to_rank}];
    for (const auto& [box, offset] : known) {
      if (box == part) return {offset, false};
    }
    const int64_t offset = bytes_[peer];
    known.emplace_back(part, offset);
    bytes_[peer] += bytes;
    return {offset, true};
  }
  void BeginExchange() { places_.clear(); }  // another tensor
  int64_t bytes(int peer) const { return bytes_[peer]; }

 private:
  std::vector<int64_t> bytes_;  // by peer
  absl::flat_hash_map<std::tuple<int64_t, int64_t, int>,
                      std::vector<std::pair<Box, int64_t>>>
      places_;
};

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
    MakeRoomInFlight();
  }

  absl::Status Build(const Superstep& superstep, SuperstepTransfers& out) {
    const int me = transport_.rank(), ranks = transport_.size();
    out.copies.resize(hosted_.end - hosted_.begin);
    // Sizes first: message memory must not move once copies point into it.
    MessageLayout send(ranks), receive(ranks);
    for (const ExchangeOp& e : superstep.exchanges) {
      send.BeginExchange();
      receive.BeginExchange();
      const int64_t element = ByteSize(program_.buffers[e.from].type.dtype);
      ForEachCopy(program_, e, [&](NodeCoord s, NodeCoord t, const Box& part, Arrival) {
        const int from = RankOf(s), to = RankOf(t);
        if (from == to) return;
        const int64_t bytes = NumElements(part) * element;
        if (from == me) send.PlaceOf(to, s, to, part, bytes);
        if (to == me) receive.PlaceOf(from, s, to, part, bytes);
      });
    }
    out.send.resize(ranks);
    out.receive.resize(ranks);
    std::vector<Transport::Part> sends, receives;
    for (int r = 0; r < ranks; ++r) {
      out.send[r].resize(send.bytes(r));
      out.receive[r].resize(receive.bytes(r));
      if (send.bytes(r) > 0) sends.push_back({r, absl::MakeSpan(out.send[r])});
      if (receive.bytes(r) > 0) receives.push_back({r, absl::MakeSpan(out.receive[r])});
    }
    if (ranks > 1) {  // every rank registers, so that pattern numbers agree
      TATAMI_ASSIGN_OR_RETURN(const int pattern,
                              transport_.AddPattern(sends, receives));
      if (!sends.empty() || !receives.empty()) out.pattern = pattern;
    }
    MessageLayout sent(ranks), received(ranks);
    for (const ExchangeOp& e : superstep.exchanges) {
      sent.BeginExchange();
      received.BeginExchange();
      ForEachCopy(program_, e,
                  [&](NodeCoord s, NodeCoord t, const Box& part, Arrival arrival) {
                    Add(e, s, t, part, arrival, sent, received, out);
                  });
    }
    for (std::vector<Copy>& copies : out.copies) copies.shrink_to_fit();
    return absl::OkStatus();
  }

  // Counts the exchange's copies of all ranks.
  void Count(const ExchangeOp& e, LinkCounter& counter) const {
    const Placement& from = program_.buffers[e.from].placement;
    const Placement& to = program_.buffers[e.to].placement;
    const bool line = SumsAlongLine(from, to, e.resolve);
    const int64_t element = ByteSize(program_.buffers[e.from].type.dtype);
    counter.BeginExchange();
    ForEachCopy(program_, e,
                [&](NodeCoord s, NodeCoord t, const Box& part, Arrival arrival) {
                  if (e.resolve.empty()) {
                    counter.Copy(s, t, part, element);
                  } else if (!line) {
                    counter.Term(s, t, NumElements(part) * element);
                  } else if (s == t && arrival != Arrival::kJoined) {
                    // Once a node, and one node of each part is its root.
                    const LineSum sum = LineSumAt(program_, e, t);
                    if (sum.terms[sum.root] == t)
                      counter.Sum(sum, NumElements(part) * element);
                  }
                });
  }

  // What the copies point to.
  void MoveInto(Transfers& out) {
    out.boxes = std::move(boxes_);
    out.in_flight = std::move(in_flight_);
  }

 private:
  // Before copies point into it.
  void MakeRoomInFlight() {
    in_flight_.resize(hosted_.end - hosted_.begin);
    for (const Superstep& superstep : program_.supersteps) {
      for (const ExchangeOp& e : superstep.exchanges) {
        const ProgramBuffer &from = program_.buffers[e.from],
                            &to = program_.buffers[e.to];
        if (!SumsAlongLine(from.placement, to.placement, e.resolve)) continue;
        for (int64_t n = hosted_.begin; n < hosted_.end; ++n) {
          const size_t bytes = program_.BytesAt(e.to, NodeAt(n, program_.mesh));
          auto& room = in_flight_[n - hosted_.begin];
          if (room.size() < bytes) room.resize(bytes);
        }
      }
    }
  }

  int RankOf(NodeCoord node) const {
    return rank_of_node_[NodeIndex(node, program_.mesh)];
  }

  std::byte* Data(int buffer, NodeCoord node) const {
    return sram_[NodeIndex(node, program_.mesh) - hosted_.begin] +
           program_.Address(buffer, node);
  }

  void Add(const ExchangeOp& e, NodeCoord s, NodeCoord t, const Box& part,
           Arrival arrival, MessageLayout& sent, MessageLayout& received,
           SuperstepTransfers& out) {
    const int from = RankOf(s), to = RankOf(t), me = transport_.rank();
    if (from != me && to != me) return;
    const ProgramBuffer& source = program_.buffers[e.from];
    const DType dtype = source.type.dtype;
    const int64_t bytes = NumElements(part) * ByteSize(dtype);
    const int64_t element = ByteSize(dtype);
    const Box source_box = *program_.BoxAt(e.from, s);
    if (from == me && to != me) {
      const MessageLayout::Place place = sent.PlaceOf(to, s, to, part, bytes);
      if (!place.is_new) return;
      out.packs.push_back(
          {.box = Form(part, source_box, part),
           .from = Data(e.from, s) + OffsetIn(source_box, part) * element,
           .to = out.send[to].data() + place.offset,
           .dtype = dtype});
      return;
    }
    const int64_t hosted = NodeIndex(t, program_.mesh) - hosted_.begin;
    const Box target_box = *program_.BoxAt(e.to, t);
    std::byte* const target = Data(e.to, t) + OffsetIn(target_box, part) * element;
    std::byte* const in_flight = in_flight_[hosted].data();
    Copy copy = {.dtype = dtype,
                 .combines = arrival != Arrival::kCopied && arrival != Arrival::kFar,
                 .combine = e.combine};
    const bool far = arrival == Arrival::kFar || arrival == Arrival::kFarOnward;
    copy.to = far ? in_flight : target;
    if (arrival == Arrival::kJoined) {
      copy.from = in_flight;
    } else if (from == me) {
      copy.from = Data(e.from, s) + OffsetIn(source_box, part) * element;
    } else {
      copy.from =
          out.receive[from].data() + received.PlaceOf(from, s, to, part, bytes).offset;
    }
    // Messages and what is in flight hold the part alone.
    const bool from_node = from == me && arrival != Arrival::kJoined;
    copy.box = Form(part, from_node ? source_box : part, far ? part : target_box);
    out.copies[hosted].push_back(copy);
  }

  const BoxCopy* Form(const Box& part, const Box& from, const Box& to) {
    return &*boxes_.emplace(part, from, to).first;
  }

  const Program& program_;
  Transport& transport_;
  const std::vector<std::byte*>& sram_;
  std::vector<int> rank_of_node_;
  HostedNodes hosted_;
  absl::node_hash_set<BoxCopy> boxes_;
  std::vector<std::vector<std::byte>> in_flight_;  // by hosted node
};

}  // namespace

absl::StatusOr<Transfers> BuildTransfers(const Program& program, Transport& transport,
                                         const std::vector<std::byte*>& sram_of_hosted,
                                         LinkCounter* counter) {
  Builder builder(program, transport, sram_of_hosted);
  Transfers out;
  out.supersteps.resize(program.supersteps.size());
  for (size_t s = 0; s < out.supersteps.size(); ++s) {
    TATAMI_RETURN_IF_ERROR(builder.Build(program.supersteps[s], out.supersteps[s]));
    if (counter == nullptr) continue;
    for (const ExchangeOp& e : program.supersteps[s].exchanges) {
      builder.Count(e, *counter);
    }
  }
  builder.MoveInto(out);
  return out;
}

}  // namespace tatami
