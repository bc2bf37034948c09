#include "runtime/simulator/flit_network.h"

#include <bit>

#include "core/check.h"
#include "core/live_mesh.h"

namespace tatami {
namespace {

// The first bit of `mask` at or after `from`, else its first. REQUIRES: mask != 0.
int NextBit(uint64_t mask, int from) {
  const uint64_t after = from < 64 ? mask >> from << from : 0;
  return std::countr_zero(after != 0 ? after : mask);
}

template <typename Visit>
void ForEachBit(uint64_t mask, const Visit& visit) {
  for (; mask != 0; mask &= mask - 1) visit(std::countr_zero(mask));
}

// More than a flit's way to the next buffer and a credit's way back.
constexpr int64_t kStuckCycles = 64;

uint64_t Bit(int i) { return uint64_t{1} << i; }

}  // namespace

int64_t ZeroLoadCycles(const RouterSpec& spec, int64_t routers) {
  const int64_t move = spec.traversal_cycles + spec.link_cycles;
  return move + routers * (2 + move);
}

FlitNetwork::FlitNetwork(const Mesh& mesh, const RouterSpec& spec)
    : mesh_(mesh),
      spec_(spec),
      hop_cycles_(1 + spec.traversal_cycles + spec.link_cycles),
      link_flits_(mesh) {
  TATAMI_CHECK(mesh.nodes() >= 1 && mesh.nodes() <= kFlitNodesMax);
  TATAMI_CHECK(spec.virtual_channels >= 1 && spec.virtual_channels <= kChannelsMax);
  TATAMI_CHECK(spec.buffer_flits >= 1 && spec.buffer_flits <= 255);
  for (const int cycles :
       {spec.traversal_cycles, spec.link_cycles, spec.credit_cycles}) {
    TATAMI_CHECK(cycles >= 1 && cycles <= 16);
  }
  const size_t nodes = static_cast<size_t>(mesh.nodes());
  const uint32_t all = (uint32_t{1} << spec.virtual_channels) - 1;
  routers_.resize(nodes);
  sources_.resize(nodes);
  for (size_t n = 0; n < nodes; ++n) {
    routers_[n].free.fill(all);
    routers_[n].credits.fill(static_cast<uint8_t>(spec.buffer_flits));
    sources_[n].free = all;
    sources_[n].credits.fill(static_cast<uint8_t>(spec.buffer_flits));
  }
  buffers_.resize(nodes * kPorts * static_cast<size_t>(spec.virtual_channels) *
                  static_cast<size_t>(spec.buffer_flits));
  arrivals_.resize(static_cast<size_t>(hop_cycles_) + 1);
  credits_.resize(static_cast<size_t>(spec.credit_cycles) + 1);
}

void FlitNetwork::Step() {
  deliveries_.clear();
  Arrive();
  const int32_t nodes = static_cast<int32_t>(mesh_.nodes());
  for (int32_t n = 0; n < nodes; ++n) {
    Send(n);
    // Both allocations are at work at once: neither sees what the other does now.
    Router& router = routers_[static_cast<size_t>(n)];
    const uint64_t granted = AllocateChannels(router);
    AllocateCrossbar(n);
    router.sending |= granted;
  }
  TATAMI_CHECK(waiting_flits_ == 0 || cycle_ - moved_cycle_ <= kStuckCycles)
      << waiting_flits_ << " flits are stuck since cycle " << moved_cycle_;
  ++cycle_;
}

void FlitNetwork::Arrive() {
  std::vector<Credit>& credits = CreditsIn(0);
  for (const Credit& c : credits) {
    const size_t node = static_cast<size_t>(c.node);
    if (c.port == kSink) {
      ++sources_[node].credits[static_cast<size_t>(c.channel)];
    } else {
      ++routers_[node].credits[static_cast<size_t>(Channel(c.port, c.channel))];
    }
  }
  credits.clear();
  std::vector<Arrival>& arrivals = ArrivalsIn(0);
  for (const Arrival& a : arrivals) Receive(a);
  arrivals.clear();
}

void FlitNetwork::Receive(const Arrival& a) {
  if (a.port == kSink) {
    deliveries_.push_back({a.node, a.flit.created, a.flit.last});
    --waiting_flits_;
    CreditsIn(spec_.credit_cycles).push_back({a.node, kNode, a.channel});
    return;
  }
  Router& router = routers_[static_cast<size_t>(a.node)];
  const int i = Channel(a.port, a.channel);
  Input& input = router.inputs[static_cast<size_t>(i)];
  TATAMI_CHECK(input.flits < spec_.buffer_flits) << "a credit was counted twice";
  BufferAt(a.node, i, input.first + input.flits) = a.flit;
  if (++input.flits > 1) return;
  if (a.flit.head) {
    Route(a.node, i);
  } else if (input.channel >= 0) {
    router.sending |= Bit(i);
  }
}

void FlitNetwork::Route(int32_t node, int i) {
  Router& router = routers_[static_cast<size_t>(node)];
  Input& input = router.inputs[static_cast<size_t>(i)];
  const NodeCoord at = NodeAt(node, mesh_);
  const NodeCoord to = NodeAt(BufferAt(node, i, input.first).destination, mesh_);
  if (at.col != to.col) {
    input.port = to.col > at.col ? LinkBytes::kEast : LinkBytes::kWest;
  } else if (at.row != to.row) {
    input.port = to.row > at.row ? LinkBytes::kSouth : LinkBytes::kNorth;
  } else {
    input.port = kNode;
  }
  router.asking[static_cast<size_t>(input.port)] |= Bit(i);
}

void FlitNetwork::Send(int32_t node) {
  Source& source = sources_[static_cast<size_t>(node)];
  if (source.queue.empty()) return;
  const Packet& packet = source.queue.front();
  if (source.channel < 0) {
    uint64_t open = 0;
    ForEachBit(source.free, [&](int c) {
      if (source.credits[static_cast<size_t>(c)] > 0) open |= Bit(c);
    });
    if (open == 0) return;
    source.channel = NextBit(open, source.next_channel);
    source.next_channel = (source.channel + 1) % spec_.virtual_channels;
    source.free &= ~static_cast<uint32_t>(Bit(source.channel));
  }
  uint8_t& credits = source.credits[static_cast<size_t>(source.channel)];
  if (credits == 0) return;
  --credits;
  moved_cycle_ = cycle_;
  const bool head = source.sent_flits == 0;
  const bool last = ++source.sent_flits == packet.flits;
  ArrivalsIn(spec_.traversal_cycles + spec_.link_cycles)
      .push_back({node, kNode, static_cast<int8_t>(source.channel),
                  Flit{packet.created, packet.destination, head, last}});
  if (!last) return;
  source.free |= static_cast<uint32_t>(Bit(source.channel));
  source.channel = -1;
  source.sent_flits = 0;
  source.queue.pop_front();
}

uint64_t FlitNetwork::AllocateChannels(Router& router) {
  const int inputs = kPorts * spec_.virtual_channels;
  uint64_t granted = 0;
  for (int port = 0; port < kPorts; ++port) {
    uint64_t& asking = router.asking[static_cast<size_t>(port)];
    uint32_t& free = router.free[static_cast<size_t>(port)];
    if (asking == 0 || free == 0) continue;
    // Each free channel grants to one input.
    std::array<uint32_t, kPorts * kChannelsMax> grants;
    uint64_t chosen = 0;
    ForEachBit(free, [&](int channel) {
      const int i = NextBit(
          asking, router.next_input[static_cast<size_t>(Channel(port, channel))]);
      uint32_t& grants_of_input = grants[static_cast<size_t>(i)];
      if ((chosen & Bit(i)) == 0) grants_of_input = 0;
      grants_of_input |= static_cast<uint32_t>(Bit(channel));
      chosen |= Bit(i);
    });
    // Each input accepts one.
    ForEachBit(chosen, [&](int i) {
      uint8_t& next = router.next_channel[static_cast<size_t>(i)];
      const int channel = NextBit(grants[static_cast<size_t>(i)], next);
      next = static_cast<uint8_t>((channel + 1) % spec_.virtual_channels);
      router.next_input[static_cast<size_t>(Channel(port, channel))] =
          static_cast<uint8_t>((i + 1) % inputs);
      router.inputs[static_cast<size_t>(i)].channel = static_cast<int8_t>(channel);
      free &= ~static_cast<uint32_t>(Bit(channel));
    });
    asking &= ~chosen;
    granted |= chosen;
  }
  return granted;
}

void FlitNetwork::AllocateCrossbar(int32_t node) {
  Router& router = routers_[static_cast<size_t>(node)];
  if (router.sending == 0) return;
  std::array<uint64_t, kPorts> asking{};                    // input ports, by output
  std::array<std::array<uint64_t, kPorts>, kPorts> able{};  // channels, by both ports
  ForEachBit(router.sending, [&](int i) {
    const Input& input = router.inputs[static_cast<size_t>(i)];
    if (router.credits[static_cast<size_t>(Channel(input.port, input.channel))] == 0) {
      return;
    }
    const int from = i / spec_.virtual_channels;
    asking[static_cast<size_t>(input.port)] |= Bit(from);
    able[static_cast<size_t>(from)][static_cast<size_t>(input.port)] |=
        Bit(i % spec_.virtual_channels);
  });
  std::array<uint64_t, kPorts> grants{};  // output ports, by input
  for (size_t to = 0; to < kPorts; ++to) {
    if (asking[to] == 0) continue;
    grants[static_cast<size_t>(NextBit(asking[to], router.next_port_in[to]))] |=
        Bit(static_cast<int>(to));
  }
  for (size_t from = 0; from < kPorts; ++from) {
    if (grants[from] == 0) continue;
    const int to = NextBit(grants[from], router.next_port_out[from]);
    router.next_port_out[from] = static_cast<uint8_t>((to + 1) % kPorts);
    router.next_port_in[static_cast<size_t>(to)] =
        static_cast<uint8_t>((from + 1) % kPorts);
    const int channel =
        NextBit(able[from][static_cast<size_t>(to)], router.next_of_port[from]);
    router.next_of_port[from] =
        static_cast<uint8_t>((channel + 1) % spec_.virtual_channels);
    Forward(node, Channel(static_cast<int>(from), channel));
  }
}

void FlitNetwork::Forward(int32_t node, int i) {
  Router& router = routers_[static_cast<size_t>(node)];
  Input& input = router.inputs[static_cast<size_t>(i)];
  const Flit flit = BufferAt(node, i, input.first);
  const int8_t port = input.port, channel = input.channel;
  input.first = static_cast<uint8_t>((input.first + 1) % spec_.buffer_flits);
  --input.flits;
  moved_cycle_ = cycle_;
  --router.credits[static_cast<size_t>(Channel(port, channel))];

  const int from = i / spec_.virtual_channels;
  const int8_t own_channel = static_cast<int8_t>(i % spec_.virtual_channels);
  CreditsIn(spec_.credit_cycles)
      .push_back(from == kNode
                     ? Credit{node, kSink, own_channel}
                     : Credit{Neighbour(node, from), Facing(from), own_channel});
  if (port == kNode) {
    ArrivalsIn(hop_cycles_).push_back({node, kSink, channel, flit});
  } else {
    ++link_flits_.raw()[static_cast<size_t>(node * 4 + port)];
    ArrivalsIn(hop_cycles_)
        .push_back({Neighbour(node, port), Facing(port), channel, flit});
  }
  if (!flit.last) {
    if (input.flits == 0) router.sending &= ~Bit(i);
    return;
  }
  router.free[static_cast<size_t>(port)] |= static_cast<uint32_t>(Bit(channel));
  router.sending &= ~Bit(i);
  input.channel = -1;
  if (input.flits > 0) Route(node, i);
}

int32_t FlitNetwork::Neighbour(int32_t node, int port) const {
  const NodeCoord next =
      tatami::Step(NodeAt(node, mesh_), static_cast<LinkDirection>(port));
  return static_cast<int32_t>(NodeIndex(next, mesh_));
}

int8_t FlitNetwork::Facing(int port) {
  return static_cast<int8_t>(Opposite(static_cast<LinkDirection>(port)));
}

FlitNetwork::Flit& FlitNetwork::BufferAt(int32_t node, int input, int position) {
  const size_t buffer =
      static_cast<size_t>(node) * static_cast<size_t>(kPorts * spec_.virtual_channels) +
      static_cast<size_t>(input);
  return buffers_[buffer * static_cast<size_t>(spec_.buffer_flits) +
                  static_cast<size_t>(position % spec_.buffer_flits)];
}

}  // namespace tatami
