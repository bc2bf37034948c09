#include "runtime/simulator/flit.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "core/error.h"
#include "runtime/simulator/booksim_figures.h"

namespace tatami {
namespace {

constexpr RouterSpec kSpec;

double RelativeError(double ours, double theirs) { return std::abs(ours / theirs - 1); }
std::string NameOf(const BookSimFigures& f) {
  return f.mesh.ToString() + " " + std::string(PatternName(f.pattern));
}

// By hand: half of a row's traffic crosses its middle; the corners' rows of a transpose
// turn at one node.
TEST(TrafficPattern, BoundsOfTheWires) {
  using enum TrafficPattern;
  constexpr Mesh k8 = {8, 8}, k16 = {16, 16};
  EXPECT_DOUBLE_EQ(LinkLoadBound(k8, kUniform), 0.5);
  EXPECT_DOUBLE_EQ(LinkLoadBound(k8, kNeighbour), 1);
  EXPECT_DOUBLE_EQ(LinkLoadBound(k8, kBitComplement), 0.25);
  EXPECT_DOUBLE_EQ(LinkLoadBound(k8, kTornado), 1.0 / 3);
  EXPECT_DOUBLE_EQ(LinkLoadBound(k8, kTranspose), 1.0 / 7);
  EXPECT_DOUBLE_EQ(LinkLoadBound(k16, kUniform), 0.25);
  EXPECT_DOUBLE_EQ(LinkLoadBound(k16, kNeighbour), 1);
  EXPECT_DOUBLE_EQ(LinkLoadBound({2, 2}, kUniform), 1);  // of a node's port
  // The mean distance of two of n positions on a line is (n^2 - 1) / 3n.
  EXPECT_DOUBLE_EQ(MeanRouters({6, 4}, kUniform), 1 + 35.0 / 18 + 15.0 / 12);
  EXPECT_DOUBLE_EQ(MeanRouters(k8, kNeighbour), 1 + 2 * 14.0 / 8);
  EXPECT_DOUBLE_EQ(MeanRouters(k8, kTornado), 1 + 2 * (5 * 3 + 3 * 5) / 8.0);
  EXPECT_DOUBLE_EQ(MeanRouters({5, 5}, kTornado), 1 + 2 * (3 * 2 + 2 * 3) / 5.0);
}

// 4 * routers + 2 for the routers that each simulator's packets crossed: ours cross
// those of the pattern up to the draw, BookSim2 prints how many its own did.
TEST(FlitTraffic, ZeroLoadLatencyIsBookSims) {
  for (const BookSimFigures& f : AllBookSimFigures()) {
    if (f.zero_load_cycles == 0) continue;
    const double routers = MeanRouters(f.mesh, f.pattern);
    const LoadResult ours = *MeasureLoad(f.mesh, kSpec, f.pattern,
                                         {.offered = 0.01, .measured_cycles = 20'000});
    EXPECT_EQ(ours.packets_lost_sight_of, 0);
    EXPECT_LE(RelativeError(ours.latency_cycles_mean, 4 * routers + 2), 0.02)
        << NameOf(f);
    const double their_routers =
        f.zero_load_routers > 0 ? f.zero_load_routers : routers;
    EXPECT_LE(RelativeError(ours.latency_cycles_mean + 4 * (their_routers - routers),
                            f.zero_load_cycles),
              0.02)
        << NameOf(f);
  }
}

TEST(FlitTraffic, SaturatesWhereBookSimDoes) {
  for (const BookSimFigures& f : AllBookSimFigures()) {
    if (f.saturation == 0) continue;
    const double ours = *MeasureSaturation(f.mesh, kSpec, f.pattern);
    EXPECT_LE(RelativeError(ours, f.saturation), 0.05) << NameOf(f) << ": " << ours;
  }
}

// The latency of light loads follows the load: nothing waits without a reason, and
// accepted is offered.
TEST(FlitTraffic, BelowSaturationAllIsAccepted) {
  double latency = 0;
  for (const double offered : {0.05, 0.2, 0.35}) {
    const LoadResult r =
        *MeasureLoad({8, 8}, kSpec, TrafficPattern::kUniform, {.offered = offered});
    // Four standard deviations of 64 * 4000 Bernoulli trials.
    const double deviation = std::sqrt(offered * (1 - offered) / (64 * 4000));
    EXPECT_NEAR(r.accepted, offered, 4 * deviation);
    EXPECT_GT(r.latency_cycles_mean, latency);
    latency = r.latency_cycles_mean;
  }
}

// Each figure to 2 %: they are printed with three digits, and uniform traffic is drawn.
TEST(FlitPhase, TakesAsLongAsBookSims) {
  for (const BookSimFigures& f : AllBookSimFigures()) {
    for (const int32_t packet_flits : {1, 8}) {
      const PhaseResult r =
          *MeasurePhase(f.mesh, kSpec, f.pattern, {.packet_flits = packet_flits});
      const double expected_bound = 1000 / LinkLoadBound(f.mesh, f.pattern);
      EXPECT_LE(
          RelativeError(static_cast<double>(r.cycles) / expected_bound,
                        packet_flits == 1 ? f.phase_ratio : f.phase_ratio_8_flits),
          0.02)
          << NameOf(f) << ", packets of " << packet_flits;
      EXPECT_GE(r.ratio(), 1);
      EXPECT_LE(r.ratio(), 2.4);
    }
  }
}

// What crosses the links is what the bound counted, and no more is possible in a cycle.
TEST(FlitPhase, BusiestLinkCarriesTheBound) {
  for (const Pacing pacing : {Pacing::kNone, Pacing::kSteady}) {
    const PhaseResult r = *MeasurePhase({6, 7}, kSpec, TrafficPattern::kTornado,
                                        {.flits_per_node = 300, .pacing = pacing});
    EXPECT_EQ(r.link_flits.max(), r.bound_cycles);
    EXPECT_EQ(r.bound_cycles, 300 / LinkLoadBound({6, 7}, TrafficPattern::kTornado));
    EXPECT_GT(r.cycles, r.bound_cycles);
  }
}

// Two nodes send 100 flits each to either, drawn: neither link carries 100, but one
// node gets more than that.
TEST(FlitPhase, BusiestPortBindsToo) {
  const PhaseResult r =
      *MeasurePhase({1, 2}, kSpec, TrafficPattern::kUniform, {.flits_per_node = 100});
  EXPECT_LT(r.link_flits.max(), 100);
  EXPECT_GT(r.bound_cycles, 100);
  EXPECT_LE(r.bound_cycles, r.cycles);
}

// A fixed answer: any host, any build draws and arbitrates alike.
TEST(FlitPhase, IsTheSameEverywhere) {
  const PhaseOptions options{.flits_per_node = 200};
  const PhaseResult a = *MeasurePhase({8, 8}, kSpec, TrafficPattern::kUniform, options);
  const PhaseResult b = *MeasurePhase({8, 8}, kSpec, TrafficPattern::kUniform, options);
  EXPECT_EQ(a.cycles, b.cycles);
  EXPECT_EQ(a.link_flits, b.link_flits);
  const PhaseResult c = *MeasurePhase({8, 8}, kSpec, TrafficPattern::kUniform,
                                      {.flits_per_node = 200, .seed = 2});
  EXPECT_FALSE(a.link_flits == c.link_flits);
}

TEST(FlitTraffic, RefusesWhatCannotBeSimulated) {
  EXPECT_EQ(CheckFlitTraffic({65, 64}, TrafficPattern::kUniform).message(),
            "E0101: flits are simulated on meshes of 2 to 4096 nodes; 65x64 is none. "
            "Larger ones are timed by their busiest link.");
  EXPECT_EQ(CheckFlitTraffic({4, 8}, TrafficPattern::kTranspose).message(),
            "E0101: only a square mesh can be transposed; got 4x8.");
  EXPECT_EQ(GetErrorCode(CheckFlitTraffic({1, 1}, TrafficPattern::kUniform)),
            ErrorCode::kBadFlag);
  EXPECT_EQ(
      MeasureLoad({4, 4}, kSpec, TrafficPattern::kUniform, {.offered = 1.5})
          .status()
          .message(),
      "E0101: offered load is 0 to 1 flits a node and cycle in packets of 1 flit "
      "or more, measured for 1 cycle or more; got 1.5 flits in packets of 1, 2000 "
      "cycles of warm-up, 4000 measured, 10000 of draining.");
  EXPECT_EQ(MeasurePhase({4, 4}, kSpec, TrafficPattern::kUniform,
                         {.flits_per_node = 10, .packet_flits = 4})
                .status()
                .message(),
            "E0101: a phase of 10 flits a node cannot be sent in packets of 4.");
}

}  // namespace
}  // namespace tatami
