// A mesh of wormhole routers, simulated flit by flit and cycle by cycle: a few hundred
// nodes at most, to calibrate what the other network models assume.
//
// What is assumed of a router. It queues at its inputs: a buffer for each virtual
// channel of each of five ports (four neighbours and the node). Routes are X-Y. A flit
// that comes to the head of its buffer at cycle t spends
//
//   t      allocation of a virtual channel of the output (head of a packet only)
//   t + 1  allocation of the crossbar
//   then   traversal_cycles in the crossbar and link_cycles on the wire,
//
// so by default 4 cycles a router, and 2 more at the source, which is as far from its
// router as routers are from each other: 4 * routers + 2 without contention. Nothing is
// speculated. Both allocations are separable with round-robin arbiters, one iteration:
// each output grants to one input, each input accepts one grant, and an arbiter moves
// past whom it served only when the grant was accepted (McKeown, "The iSLIP scheduling
// algorithm for input-queued switches", 1999). The crossbar takes one flit from an
// input and one to an output in a cycle. A virtual channel belongs to one packet until
// its last flit has left for the buffer behind it; then the next packet may queue up
// there. Buffers never overflow: a flit leaves when the buffer it goes to has room,
// which its credits tell, credit_cycles late. A node takes one flit a cycle out of the
// mesh and never stops; what it sends waits in a queue without end.
//
// Invariants: a flit is in one place; the flits of a packet arrive in order and
// together in one virtual channel; cycles are the same for the same calls on any host.
// X-Y routes cannot wait for each other in a circle, so some flit moves as long as
// there is one (checked), each move brings it nearer, and any offered packets arrive in
// time.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <vector>

#include "core/sharding.h"

namespace tatami {

struct RouterSpec {
  int virtual_channels = 8;  // of a port, 1 to 12
  int buffer_flits = 8;      // of a virtual channel
  int traversal_cycles = 1;
  int link_cycles = 1;
  int credit_cycles = 1;  // from a flit's leaving to the sender's knowing
};

// Cycles from the creation of a flit to its arrival when nothing is in its way.
// `routers` counts both ends.
int64_t ZeroLoadCycles(const RouterSpec& spec, int64_t routers);

struct Packet {
  int32_t destination = 0;  // by NodeIndex
  int32_t flits = 1;
  int64_t created = 0;  // cycle
};

// A flit that a node took out of the mesh.
struct Delivery {
  int32_t node = 0;
  int64_t created = 0;  // of its packet
  bool last_of_packet = true;
};

class FlitNetwork {
 public:
  // REQUIRES: a mesh of 1 to kFlitNodesMax nodes; a spec in its ranges, cycles of 1 to
  // 16 and buffers of 1 to 255 flits.
  FlitNetwork(const Mesh& mesh, const RouterSpec& spec);

  // Puts a packet at the end of a node's queue. REQUIRES: created <= cycle().
  void Offer(int64_t node, const Packet& packet) {
    sources_[static_cast<size_t>(node)].queue.push_back(packet);
    waiting_flits_ += packet.flits;
    moved_cycle_ = cycle_;
  }
  // One cycle.
  void Step();

  int64_t cycle() const { return cycle_; }                  // not yet simulated
  int64_t waiting_flits() const { return waiting_flits_; }  // offered, not delivered
  // Of the last Step.
  const std::vector<Delivery>& deliveries() const { return deliveries_; }
  // Flits that left over each link since the start.
  const LinkBytes& link_flits() const { return link_flits_; }

 private:
  static constexpr int kPorts = 5;  // LinkBytes::Direction, then the node
  static constexpr int kNode = 4;
  static constexpr int kSink = -1;  // where a node takes flits in, beyond its router
  static constexpr int kChannelsMax = 12;  // 5 ports of them fit into a mask of 64

  struct Flit {
    int64_t created = 0;
    int32_t destination = 0;
    bool head = true, last = true;
  };
  // A buffer and where its packet goes. Channels of a router are numbered port *
  // virtual_channels + virtual channel.
  struct Input {
    uint8_t first = 0, flits = 0;  // in the ring of its buffer
    int8_t port = -1;              // output of the packet at its head; -1: not known
    int8_t channel = -1;           // of the output port; -1: none yet
  };
  struct Router {
    std::array<uint64_t, kPorts> asking{};  // inputs that need a channel, by output
    uint64_t sending = 0;                   // inputs with a channel and flits
    std::array<uint32_t, kPorts> free{};    // channels of an output without a packet
    std::array<Input, kPorts * kChannelsMax> inputs;
    std::array<uint8_t, kPorts * kChannelsMax> credits{};  // by output channel
    // Where the arbiters look first.
    std::array<uint8_t, kPorts * kChannelsMax> next_input{};    // of an output channel
    std::array<uint8_t, kPorts * kChannelsMax> next_channel{};  // of an input
    std::array<uint8_t, kPorts> next_port_in{};                 // of an output port
    std::array<uint8_t, kPorts> next_port_out{};                // of an input port
    std::array<uint8_t, kPorts> next_of_port{};  // channel, of an input port
  };
  struct Source {
    std::deque<Packet> queue;
    int32_t sent_flits = 0;  // of the first packet
    int channel = -1;        // it travels in; -1: none yet
    int next_channel = 0;
    uint32_t free = 0;  // channels of the router's port without a packet
    std::array<uint8_t, kChannelsMax> credits{};
  };
  struct Arrival {
    int32_t node;
    int8_t port, channel;  // port of the router's input, or kSink
    Flit flit;
  };
  struct Credit {
    int32_t node;
    int8_t port, channel;  // of the router's output, or kSink for the node's queue
  };

  // Takes in what arrives in this cycle.
  void Arrive();
  void Receive(const Arrival& arrival);
  void Send(int32_t node);
  // Gives channels to packets at the heads of inputs; the mask of those that got one,
  // which may send from the next cycle on.
  uint64_t AllocateChannels(Router& router);
  void AllocateCrossbar(int32_t node);
  // Moves the first flit of an input through the crossbar.
  void Forward(int32_t node, int input);
  // The packet whose first flit is at the head of an input asks for its output.
  void Route(int32_t node, int input);

  // The number of a channel among its router's, of inputs or outputs.
  int Channel(int port, int channel) const {
    return port * spec_.virtual_channels + channel;
  }
  int32_t Neighbour(int32_t node, int port) const;
  static int8_t Facing(int port);  // the neighbour's port at the other end of the link
  Flit& BufferAt(int32_t node, int input, int position);
  std::vector<Arrival>& ArrivalsIn(int cycles) {
    return arrivals_[static_cast<size_t>(cycle_ + cycles) % arrivals_.size()];
  }
  std::vector<Credit>& CreditsIn(int cycles) {
    return credits_[static_cast<size_t>(cycle_ + cycles) % credits_.size()];
  }

  Mesh mesh_;
  RouterSpec spec_;
  int hop_cycles_;  // from the crossbar's allocation to the next buffer
  int64_t cycle_ = 0;
  int64_t waiting_flits_ = 0;
  int64_t moved_cycle_ = 0;  // of the last flit that left a queue or buffer
  std::vector<Router> routers_;
  std::vector<Source> sources_;
  std::vector<Flit> buffers_;                   // by node, input and position
  std::vector<std::vector<Arrival>> arrivals_;  // by cycle, modulo its size
  std::vector<std::vector<Credit>> credits_;
  std::vector<Delivery> deliveries_;
  LinkBytes link_flits_;
};

constexpr int64_t kFlitNodesMax = 4096;

}  // namespace tatami
