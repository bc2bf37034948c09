// What every simulated time must be: never below what a resource allows, the sum of its
// parts, and never longer on a better machine.
#include <gtest/gtest.h>

#include <numeric>

#include "compiler/test_graphs.h"
#include "core/test_draw.h"
#include "runtime/simulator/simulate.h"

namespace tatami {
namespace {

constexpr uint64_t kSeeds = 40;
// Sums of some hundred doubles, each rounded once.
constexpr double kRounding = 1e-12;

Program DrawnProgram(uint64_t seed) {
  const Mesh meshes[] = {{3, 5}, {6, 4}, {1, 8}, {9, 4}};
  return LoweredTrainingStep(meshes[seed % 4], seed);
}

MachineSpec Tile(const MachineOverrides& overrides = {}) {
  return *LoadMachine("dojo_tile", overrides);
}

double StepNs(const Program& program, const MachineSpec& machine) {
  return TimeOfStep(program, LoadsOfStep(program, machine), machine).step_ns;
}

TEST(StepTime, IsTheSumOfItsPartsAndAboveEveryBound) {
  const MachineSpec machine = Tile();
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    const Program program = DrawnProgram(seed);
    const StepLoads loads = LoadsOfStep(program, machine);
    const StepTime time = TimeOfStep(program, loads, machine);
    double phases = 0, attributed = 0;
    for (const PhaseTime& phase : time.phases) {
      double parts = 0;
      for (const ResourceTime& part : phase.parts) parts += part.ns;
      EXPECT_NEAR(parts, phase.ns, kRounding * phase.ns) << seed;
      EXPECT_GE(phase.ns, phase.bound_ns) << seed;
      phases += phase.ns;
    }
    for (const ResourceTime& part : time.attribution) attributed += part.ns;
    EXPECT_NEAR(phases, time.step_ns, kRounding * time.step_ns) << seed;
    EXPECT_NEAR(attributed, time.step_ns, kRounding * time.step_ns) << seed;
    EXPECT_NEAR(time.exchange_ns + time.compute_ns, time.step_ns,
                kRounding * time.step_ns);
    // Whatever is timed: arithmetic at the peak, and bytes over the busiest link.
    const double flops_ns =
        static_cast<double>(loads.vector_flops + loads.matrix_flops) /
        static_cast<double>(program.mesh.nodes()) / machine.matrix_flops_per_s * 1e9;
    const double link_ns = static_cast<double>(CountLinkBytes(program).max()) /
                           machine.link_bytes_per_s * 1e9;
    EXPECT_GE(time.bound_ns, flops_ns) << seed;
    EXPECT_GE(time.bound_ns, link_ns * (1 - kRounding)) << seed;
    EXPECT_GE(time.step_ns, time.bound_ns) << seed;
  }
}

struct Better {
  std::string field;
  double factor;
};
class NeverSlower : public ::testing::TestWithParam<Better> {};

TEST_P(NeverSlower, OnABetterMachine) {
  const MachineSpec base = Tile();
  const std::map<std::string, double> values = {{"link_packets_per_cycle", 1},
                                                {"die_edge_bytes_per_s", 2e12},
                                                {"tile_edge_bytes_per_s", 4.5e12},
                                                {"sram_load_ports", 2},
                                                {"sram_store_ports", 1},
                                                {"sram_port_bytes", 64},
                                                {"matrix_flops_per_cycle", 512},
                                                {"vector_flops_per_cycle", 32},
                                                {"clock_hz", 2e9},
                                                {"hop_cycles", 1},
                                                {"die_crossing_ns", 100},
                                                {"tile_crossing_ns", 250},
                                                {"superstep_start_ns", 50},
                                                {"call_start_ns", 50},
                                                {"pacing", 0.85},
                                                {"dram.card_bytes_per_s", 800e9},
                                                {"dram.link_bytes_per_s", 900e9},
                                                {"dram.cards", 5}};
  const auto& [field, factor] = GetParam();
  const MachineSpec better = Tile({{field, values.at(field) * factor}});
  bool faster = false;
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    const Program program = DrawnProgram(seed);
    const double before = StepNs(program, base), after = StepNs(program, better);
    EXPECT_LE(after, before * (1 + kRounding)) << field << " seed " << seed;
    faster |= after < before * (1 - kRounding);
  }
  // What is never noticed is not modelled. These programs are small: f32, inside one
  // die, and fed little.
  const bool noticed = field != "tile_edge_bytes_per_s" &&
                       field != "tile_crossing_ns" && field != "die_edge_bytes_per_s" &&
                       field != "die_crossing_ns" &&
                       field != "matrix_flops_per_cycle" && field.rfind("dram", 0) != 0;
  EXPECT_TRUE(faster || !noticed) << field;
}

INSTANTIATE_TEST_SUITE_P(
    Fields, NeverSlower,
    ::testing::Values(Better{"link_packets_per_cycle", 4},
                      Better{"die_edge_bytes_per_s", 2},
                      Better{"tile_edge_bytes_per_s", 2}, Better{"sram_load_ports", 2},
                      Better{"sram_store_ports", 2}, Better{"sram_port_bytes", 2},
                      Better{"matrix_flops_per_cycle", 2},
                      Better{"vector_flops_per_cycle", 2}, Better{"clock_hz", 1.1},
                      Better{"hop_cycles", 0.5}, Better{"die_crossing_ns", 0.5},
                      Better{"tile_crossing_ns", 0.5}, Better{"superstep_start_ns", 0},
                      Better{"call_start_ns", 0}, Better{"pacing", 1.1},
                      Better{"dram.card_bytes_per_s", 2},
                      Better{"dram.link_bytes_per_s", 2}, Better{"dram.cards", 2}));

// Half the elements of every tensor that moves are never slower.
TEST(PhaseLoads, FewerBytesAreNeverSlower) {
  const MachineSpec machine = Tile();
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    const Program program = DrawnProgram(seed);
    StepLoads loads = LoadsOfStep(program, machine);
    const double before = TimeOfStep(program, loads, machine).step_ns;
    Draw draw{.bits = std::mt19937_64(seed)};
    for (SuperstepLoads& s : loads.supersteps) {
      for (int64_t& bytes : s.exchange.busiest) bytes /= draw(1, 3);
      s.exchange.port_bytes /= draw(1, 3);
      s.exchange.added /= draw(1, 3);
      s.exchange.copied_bytes /= draw(1, 3);
      s.fed_bytes /= draw(1, 3);
    }
    EXPECT_LE(TimeOfStep(program, loads, machine).step_ns, before) << seed;
  }
}

}  // namespace
}  // namespace tatami
