#include "runtime/simulator/flit_network.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "core/random.h"

namespace tatami {
namespace {

int64_t RoutersBetween(NodeCoord a, NodeCoord b) {
  return 1 + std::abs(a.row - b.row) + std::abs(a.col - b.col);
}

// Steps until all is delivered; fails when that takes `cycles_max` cycles.
void Drain(FlitNetwork& network, int64_t cycles_max) {
  const int64_t end = network.cycle() + cycles_max;
  while (network.waiting_flits() > 0 && network.cycle() < end) network.Step();
  ASSERT_EQ(network.waiting_flits(), 0) << "flits are stuck";
}

// Of the default routers: 4 cycles each and 2 at the source, as BookSim2's.
TEST(FlitNetwork, AFlitAloneTakesTheZeroLoadCycles) {
  EXPECT_EQ(ZeroLoadCycles(RouterSpec{}, 1), 6);
  EXPECT_EQ(ZeroLoadCycles(RouterSpec{}, 15), 62);
  const Mesh mesh = {4, 5};
  for (const RouterSpec& spec :
       {RouterSpec{}, RouterSpec{.virtual_channels = 1, .buffer_flits = 1},
        RouterSpec{.traversal_cycles = 3, .link_cycles = 5, .credit_cycles = 2}}) {
    FlitNetwork network(mesh, spec);
    for (int64_t from = 0; from < mesh.nodes(); ++from) {
      for (int64_t to = 0; to < mesh.nodes(); ++to) {
        const int64_t start = network.cycle();
        network.Offer(from,
                      {.destination = static_cast<int32_t>(to), .created = start});
        ASSERT_NO_FATAL_FAILURE(Drain(network, 1000));
        ASSERT_EQ(network.deliveries().size(), 1u);
        EXPECT_EQ(network.deliveries()[0].node, to);
        // The last cycle is the one in which the flit arrived.
        EXPECT_EQ(
            network.cycle() - 1 - start,
            ZeroLoadCycles(spec, RoutersBetween(NodeAt(from, mesh), NodeAt(to, mesh))));
        // Credits must be back before the next is alone.
        for (int i = 0; i < 20; ++i) network.Step();
      }
    }
  }
}

// One flow has a link for itself: a flit a cycle, as long as credits are back in time.
// Between two flits that a channel of b flits takes in a row lies a round trip.
TEST(FlitNetwork, OneFlowFillsItsLinksOrWaitsForCredits) {
  constexpr int64_t kFlits = 1000;
  const auto cycles = [](const RouterSpec& spec) {
    FlitNetwork network({1, 4}, spec);
    for (int64_t i = 0; i < kFlits; ++i) network.Offer(0, {.destination = 3});
    while (network.waiting_flits() > 0) network.Step();
    return network.cycle() - ZeroLoadCycles(spec, 4);
  };
  EXPECT_EQ(cycles(RouterSpec{}), kFlits);
  // A flit waits 1 cycle for its channel, leaves, and its credit comes 1 later. It came
  // 3 cycles after it was sent: a buffer of one flit is empty again after 5.
  EXPECT_EQ(cycles({.virtual_channels = 1, .buffer_flits = 1}), 1 + 5 * (kFlits - 1));
  EXPECT_EQ(cycles({.virtual_channels = 1, .buffer_flits = 1, .credit_cycles = 3}),
            1 + 7 * (kFlits - 1));
}

// Two flows that merge get every other cycle each, whatever the distance of their
// sources.
TEST(FlitNetwork, MergingFlowsTakeTurns) {
  FlitNetwork network({1, 3}, RouterSpec{});
  for (int i = 0; i < 500; ++i) {
    network.Offer(0, {.destination = 2, .created = 0});
    network.Offer(1, {.destination = 2, .created = 1});
  }
  std::map<int64_t, int> arrived;
  for (int cycle = 0; cycle < 500; ++cycle) {
    network.Step();
    for (const Delivery& d : network.deliveries()) ++arrived[d.created];
  }
  // The nearer one has a start of one router.
  EXPECT_NEAR(arrived[0], arrived[1], 4);
  EXPECT_GT(arrived[0], 230);
}

// Any router delivers all that is offered, over the links of the X-Y route, flit by
// flit; packets between two nodes through one channel stay in order.
TEST(FlitNetwork, DeliversEveryFlitOverItsRoute) {
  const Mesh mesh = {5, 3};
  for (const int channels : {1, 2, 12}) {
    for (const int buffer : {1, 3, 8}) {
      for (const int32_t flits : {1, 2, 7}) {
        FlitNetwork network(
            mesh,
            {.virtual_channels = channels, .buffer_flits = buffer, .link_cycles = 2});
        LinkBytes routes(mesh);
        std::vector<int64_t> received(static_cast<size_t>(mesh.nodes()), 0);
        for (uint64_t i = 0; i < 600; ++i) {
          const int64_t from = static_cast<int64_t>(RandomBits(1, 0, i) % 15);
          const int32_t to = static_cast<int32_t>(RandomBits(1, 1, i) % 15);
          network.Offer(from, {.destination = to, .flits = flits});
          routes.AddRoute(NodeAt(from, mesh), NodeAt(to, mesh), flits);
          received[static_cast<size_t>(to)] += flits;
        }
        std::vector<int64_t> whole_packets(received.size(), 0);
        while (network.waiting_flits() > 0 && network.cycle() < 100'000) {
          network.Step();
          for (const Delivery& d : network.deliveries()) {
            --received[static_cast<size_t>(d.node)];
            if (d.last_of_packet) ++whole_packets[static_cast<size_t>(d.node)];
          }
        }
        EXPECT_EQ(network.waiting_flits(), 0);
        EXPECT_EQ(network.link_flits(), routes);
        EXPECT_EQ(received, std::vector<int64_t>(received.size(), 0));
        int64_t packets = 0;
        for (const int64_t p : whole_packets) packets += p;
        EXPECT_EQ(packets, 600);
      }
    }
  }
}

// Flits of a packet arrive with nothing of another in their channel: seen at a node
// that takes packets of two sources through one channel.
TEST(FlitNetwork, PacketsDoNotMixInAChannel) {
  FlitNetwork network({1, 3}, {.virtual_channels = 1});
  for (int i = 0; i < 50; ++i) {
    network.Offer(0, {.destination = 1, .flits = 5, .created = 0});
    network.Offer(2, {.destination = 1, .flits = 5, .created = 2});
  }
  std::vector<Delivery> all;
  while (network.waiting_flits() > 0) {
    network.Step();
    all.insert(all.end(), network.deliveries().begin(), network.deliveries().end());
  }
  ASSERT_EQ(all.size(), 500u);
  for (size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(all[i].created, all[i / 5 * 5].created) << "flit " << i;
    EXPECT_EQ(all[i].last_of_packet, i % 5 == 4) << "flit " << i;
  }
}

}  // namespace
}  // namespace tatami
