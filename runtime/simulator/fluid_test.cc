#include "runtime/simulator/fluid.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <string>

#include "core/error.h"
#include "core/random.h"

namespace tatami {
namespace {

constexpr Mesh kDie = {18, 20};
constexpr double kRate = 128e9;  // 64 bytes a cycle of 2 GHz

// A line of nodes with links of 1 byte per second and ports that never bind.
FabricRates Line(int64_t nodes) { return UniformFabric({1, nodes}, 1, 1000); }
Flow Along(int64_t from, int64_t to, int64_t bytes, double start_s = 0) {
  return {{0, from}, {0, to}, bytes, start_s};
}

TEST(Fluid, TwoFlowsShareALinkAndTheLongerHasItAlone) {
  // 1 byte/s: both at 1/2 until the shorter has its 10 bytes, at 20 s.
  const FluidResult both = *SimulateFlows(Line(2), {Along(0, 1, 10), Along(0, 1, 30)});
  EXPECT_DOUBLE_EQ(both.end_s[0], 20);
  EXPECT_DOUBLE_EQ(both.end_s[1], 40);
  // The second comes at 4 s: 6 bytes of the first are left, which take 12 s more.
  const FluidResult late =
      *SimulateFlows(Line(2), {Along(0, 1, 10), Along(0, 1, 30, 4)});
  EXPECT_DOUBLE_EQ(late.end_s[0], 16);
  EXPECT_DOUBLE_EQ(late.end_s[1], 40);
  // The second comes when the first is over.
  const FluidResult apart =
      *SimulateFlows(Line(2), {Along(0, 1, 10), Along(0, 1, 30, 15)});
  EXPECT_DOUBLE_EQ(apart.end_s[0], 10);
  EXPECT_DOUBLE_EQ(apart.end_s[1], 45);
}

// A flow that one link holds back leaves the rest of the next link to others.
TEST(Fluid, WhatAFlowCannotUseOthersGet) {
  FabricRates line = Line(3);
  line.links[1 * 4 + LinkBytes::kEast] = 3;
  const std::vector<double> rates =
      *MaxMinRates(line, {Along(0, 2, 1), Along(0, 1, 1), Along(1, 2, 1)});
  EXPECT_DOUBLE_EQ(rates[0], 0.5);
  EXPECT_DOUBLE_EQ(rates[1], 0.5);
  EXPECT_DOUBLE_EQ(rates[2], 2.5);
}

TEST(Fluid, PortsBindWhereTheyAreSlower) {
  FabricRates fabric = UniformFabric({2, 2}, 8, 8);
  fabric.ejection[3] = 2;
  fabric.injection[0] = 1;
  const std::vector<double> rates = *MaxMinRates(
      fabric,
      std::vector<Flow>{{{0, 0}, {1, 1}, 1}, {{0, 0}, {0, 1}, 1}, {{1, 0}, {1, 1}, 1}});
  EXPECT_DOUBLE_EQ(rates[0], 0.5);
  EXPECT_DOUBLE_EQ(rates[1], 0.5);
  EXPECT_DOUBLE_EQ(rates[2], 1.5);
}

TEST(Fluid, WhatStaysOrIsEmptyTakesNoTime) {
  const FluidResult r =
      *SimulateFlows(Line(2), {Along(1, 1, 10, 3), Along(0, 1, 0, 5), Along(0, 1, 7)});
  EXPECT_EQ(r.end_s[0], 3);
  EXPECT_EQ(r.end_s[1], 5);
  EXPECT_DOUBLE_EQ(r.end_s[2], 7);
  EXPECT_EQ(r.links.total(), 7);
  EXPECT_EQ(*PhaseLoadSeconds(Line(2), {Along(1, 1, 10)}), 0);
}

// Each node sends to a node drawn at random, sizes of [low, high] drawn evenly in their
// logarithm.
std::vector<Flow> RandomPhase(int64_t low, int64_t high, uint64_t seed) {
  std::vector<Flow> flows;
  for (int64_t n = 0; n < kDie.nodes(); ++n) {
    const uint64_t index = static_cast<uint64_t>(n);
    const int64_t to =
        static_cast<int64_t>(RandomBits(seed, StreamOf("destination"), index) %
                             static_cast<uint64_t>(kDie.nodes()));
    const double u = RandomUniform(seed, StreamOf("bytes"), index);
    const double ratio = static_cast<double>(high) / static_cast<double>(low);
    flows.push_back(
        {NodeAt(n, kDie), NodeAt(to, kDie),
         static_cast<int64_t>(static_cast<double>(low) * std::pow(ratio, u))});
  }
  return flows;
}

double EndOf(const FluidResult& result) {
  return *std::max_element(result.end_s.begin(), result.end_s.end());
}

// The fluid ends where the busiest resource says, to 3 %, and never before it. Bytes of
// each link are those of the routes.
TEST(Fluid, BarrierPhasesEndWithTheirBusiestResource) {
  struct Sizes {
    int64_t low, high;
  };
  const FabricRates fabric = UniformFabric(kDie, kRate, kRate);
  for (const Sizes& sizes :
       {Sizes{65'536, 65'536}, Sizes{32'768, 98'304}, Sizes{1024, 262'144}}) {
    double sum = 0, worst = 0;
    for (uint64_t seed = 0; seed < 10; ++seed) {
      const std::vector<Flow> flows = RandomPhase(sizes.low, sizes.high, seed);
      const FluidResult fluid = *SimulateFlows(fabric, flows);
      LinkBytes routed(kDie);
      for (const Flow& f : flows) routed.AddRoute(f.from, f.to, f.bytes);
      EXPECT_EQ(fluid.links, routed);
      const double ratio = EndOf(fluid) / *PhaseLoadSeconds(fabric, flows);
      EXPECT_GE(ratio, 1 - 2 * kFlowRemainder);
      EXPECT_LE(ratio, 1.03);
      sum += ratio / 10;
      worst = std::max(worst, ratio);
    }
    std::cout << sizes.low << ".." << sizes.high << " bytes: fluid / phase load " << sum
              << " on average, " << worst << " at most" << std::endl;
  }
}

// What makes rates max-min fair (Bertsekas and Gallager, Data Networks, 6.5.2): no
// resource carries more than it can, and each flow crosses a full one on which no other
// flow is faster. The second also says that nothing lies idle that a flow could use.
TEST(Fluid, EachFlowHasABottleneck) {
  FabricRates fabric = UniformFabric(kDie, kRate, kRate);
  for (size_t i = 0; i < fabric.links.size(); ++i) {
    fabric.links[i] *= 0.25 + RandomUniform(7, StreamOf("rates"), i);
  }
  std::vector<Flow> flows = RandomPhase(1, 1, 8);
  const std::vector<Flow> more = RandomPhase(1, 1, 9);
  flows.insert(flows.end(), more.begin(), more.end());
  std::erase_if(flows, [](const Flow& f) { return f.from == f.to; });
  const std::vector<double> rates = *MaxMinRates(fabric, flows);

  // By resource: links, injection, ejection, as a route lists them.
  const auto crossed_by = [&](const Flow& f) {
    LinkBytes one(kDie);
    one.AddRoute(f.from, f.to, 1);
    std::vector<size_t> resources;
    for (size_t i = 0; i < one.raw().size(); ++i) {
      if (one.raw()[i] != 0) resources.push_back(i);
    }
    const size_t nodes = static_cast<size_t>(kDie.nodes());
    resources.push_back(4 * nodes + static_cast<size_t>(NodeIndex(f.from, kDie)));
    resources.push_back(5 * nodes + static_cast<size_t>(NodeIndex(f.to, kDie)));
    return resources;
  };
  const auto capacity = [&](size_t r) {
    return r < fabric.links.size() ? fabric.links[r] : kRate;
  };
  std::vector<double> load(6 * static_cast<size_t>(kDie.nodes()), 0);
  std::vector<double> fastest(load.size(), 0);
  for (size_t f = 0; f < flows.size(); ++f) {
    for (const size_t r : crossed_by(flows[f])) {
      load[r] += rates[f];
      fastest[r] = std::max(fastest[r], rates[f]);
    }
  }
  // A resource's rates are subtracted one by one: each of at most 720 flows costs two
  // roundings, here and there.
  constexpr double kRounding = 4 * 720 * 0x1p-53;
  for (size_t r = 0; r < load.size(); ++r) {
    EXPECT_LE(load[r], capacity(r) * (1 + kRounding));
  }
  for (size_t f = 0; f < flows.size(); ++f) {
    const std::vector<size_t> resources = crossed_by(flows[f]);
    EXPECT_TRUE(std::any_of(resources.begin(), resources.end(),
                            [&](size_t r) {
                              return load[r] >= capacity(r) * (1 - kRounding) &&
                                     rates[f] >= fastest[r] * (1 - kRounding);
                            }))
        << "flow " << f;
  }
}

// Two nodes send 6 and 4 bytes to a third: 6 on one link, 6 of one port, 10 of another.
TEST(PhaseLoad, IsThatOfTheBusiestResource) {
  const std::vector<Flow> flows = {{{0, 0}, {0, 1}, 6}, {{0, 2}, {0, 1}, 4}};
  const auto seconds = [&](double link, double injection, double ejection) {
    FabricRates fabric = UniformFabric({1, 3}, link, 1);
    fabric.injection.assign(3, injection);
    fabric.ejection.assign(3, ejection);
    return *PhaseLoadSeconds(fabric, flows);
  };
  EXPECT_DOUBLE_EQ(seconds(2, 100, 100), 3);
  EXPECT_DOUBLE_EQ(seconds(100, 3, 100), 2);
  EXPECT_DOUBLE_EQ(seconds(100, 100, 5), 2);
}

// Published bounds of an all-to-all of 64 MiB a node, X-Y, links of 50 * 2^30 B/s.
TEST(PhaseLoad, AllToAllOnAMesh) {
  for (const int64_t side : {5, 16, 32}) {
    const Mesh mesh = {side, side};
    std::vector<Flow> flows;
    for (int64_t from = 0; from < mesh.nodes(); ++from) {
      for (int64_t to = 0; to < mesh.nodes(); ++to) {
        flows.push_back(
            {NodeAt(from, mesh), NodeAt(to, mesh), (int64_t{64} << 20) / mesh.nodes()});
      }
    }
    const double link = 50.0 * (1 << 30);
    const double us =
        1e6 * *PhaseLoadSeconds(UniformFabric(mesh, link, 4 * link), flows);
    // Whole bytes: a flow may be a byte short of its share.
    const double want = side == 5 ? 1500 : side == 16 ? 5000 : 10'000;
    EXPECT_LE(us, want);
    EXPECT_GE(us, want * (1 - static_cast<double>(mesh.nodes()) / (64 << 20)));
  }
}

TEST(Fluid, RefusesWhatIsNotOnTheMesh) {
  const auto message = [](const FabricRates& fabric, const Flow& flow) {
    const absl::Status status = SimulateFlows(fabric, {flow}).status();
    EXPECT_EQ(GetErrorCode(status), ErrorCode::kBadFlag);
    EXPECT_EQ(PhaseLoadSeconds(fabric, {flow}).status(), status);
    EXPECT_EQ(MaxMinRates(fabric, {flow}).status(), status);
    return std::string(status.message());
  };
  EXPECT_EQ(
      message(Line(2), Along(0, 2, 5, 1)),
      "E0101: flow 0 sends 5 bytes from (0,0) to (0,2) at 1 s; both ends must lie "
      "on the 1x2 mesh and neither bytes nor start be negative.");
  message(Line(2), Along(0, 1, -1));
  message(Line(2), Along(0, 1, 1, -1));
  message(Line(2), Along(0, 1, 1, std::nan("")));
  FabricRates slow = Line(2);
  slow.ejection[1] = 0;
  EXPECT_EQ(
      message(slow, Along(0, 1, 1)),
      "E0101: a link or port of 0 bytes per second; rates must be finite and above "
      "0.");
  FabricRates few = Line(2);
  few.injection.pop_back();
  EXPECT_EQ(
      message(few, Along(0, 1, 1)),
      "E0101: a fabric of 1x2 nodes needs 8 link rates and 2 rates of either port; "
      "got 8, 1 and 2.");
}

}  // namespace
}  // namespace tatami
