// Published figures of the machine, reached by traffic that saturates what they are
// about.
#include <gtest/gtest.h>

#include "runtime/simulator/simulate.h"

namespace tatami {
namespace {

constexpr int64_t kElement = 4096;  // bytes

// A step of exchanges alone.
class Exchanges {
 public:
  explicit Exchanges(const Mesh& mesh) { program_.mesh = mesh; }

  int AddBuffer(const Dims& dims, Placement placement) {
    program_.buffers.push_back(
        {.type = {DType::kF32, dims}, .placement = std::move(placement)});
    return static_cast<int>(program_.buffers.size()) - 1;
  }
  void AddSuperstep(int from, int to, AxisList resolve = {}) {
    program_.supersteps.push_back(
        {.exchanges = {{.from = from, .to = to, .resolve = std::move(resolve)}}});
  }
  const Program& program() const { return program_; }

 private:
  Program program_;
};

// Nodes of one end of an axis get what their partners `shift` nodes away have, so that
// all bytes cross the cut beside those nodes. Returns bytes per second over the cut.
double RateOverTheCut(const MachineSpec& machine, MeshAxis axis, int64_t shift) {
  const Grid grid = MaxMesh(machine);
  const Mesh mesh{grid.rows, grid.cols};
  const int64_t side = AxisSize(mesh, axis);
  Exchanges step(mesh);
  Placement from = ReplicatedPlacement({side, kElement / 4});
  from.dims[0].axes = {WholeAxis(mesh, axis)};
  Placement to = from;
  to.dims[0].map = IndexMap::Shift(shift);
  step.AddSuperstep(step.AddBuffer({side, kElement / 4}, from),
                    step.AddBuffer({side, kElement / 4}, to));
  MachineSpec perfect = machine;
  perfect.pacing = 1;
  const StepLoads loads = LoadsOfStep(step.program(), perfect);
  const StepTime time = TimeOfStep(step.program(), loads, perfect);
  const double across =
      static_cast<double>((side - shift) * kElement) *
      static_cast<double>(axis == MeshAxis::kX ? mesh.rows : mesh.cols);
  return across / (time.bound_ns * 1e-9);
}

TEST(Derived, PeaksOfTheMachines) {
  EXPECT_NEAR(PeakMatrixFlops(*LoadMachine("d1_die")), 354 * 512 * 2e9, 1);
  EXPECT_NEAR(PeakMatrixFlops(*LoadMachine("d1_die")) / 1e12, 362, 0.5);
  EXPECT_NEAR(PeakMatrixFlops(*LoadMachine("dojo_tile")) / 1e15, 9.06, 0.005);
  EXPECT_NEAR(PeakMatrixFlops(*LoadMachine("dojo_exapod")) / 1e18, 1.087, 0.0005);
}

TEST(Derived, SaturatingTrafficReachesTheBisection) {
  const MachineSpec tile = *LoadMachine("dojo_tile");
  // Two dies hear from three: 5 edges of 2 TB/s.
  EXPECT_NEAR(RateOverTheCut(tile, MeshAxis::kX, 3 * 19) / 1e12, 10, 1e-9);
  EXPECT_NEAR(RateOverTheCut(tile, MeshAxis::kY, 3 * 18) / 1e12, 10, 1e-9);
  EXPECT_NEAR(BisectionBytesPerS(tile) / 1e12, 10, 1e-9);
  // Two rows of three tiles: 3 x 4.5 TB/s.
  const MachineSpec tray = *LoadMachine("dojo_tray");
  EXPECT_NEAR(RateOverTheCut(tray, MeshAxis::kY, 5 * 18) / 1e12, 13.5, 1e-9);
  EXPECT_NEAR(BisectionBytesPerS(tray) / 1e12, 13.5, 1e-9);
  // A lone die has no edge to cross: 18 links of 128 GB/s.
  EXPECT_NEAR(RateOverTheCut(*LoadMachine("d1_die"), MeshAxis::kX, 10) / 1e9, 18 * 128,
              1e-6);
}

TEST(Derived, RidgesOfTheRoofline) {
  const MachineSpec tile = *LoadMachine("dojo_tile");
  // UA's 400 GB/s of loads, which its ports give at a little more than 2 GHz.
  EXPECT_NEAR(tile.matrix_flops_per_s / 400e9, 2.56, 1e-9);
  const double dram = 5 * tile.dram.card_bytes_per_s;  // a tile edge has five cards
  EXPECT_NEAR(PeakMatrixFlops(tile) / dram, 2265, 1);
}

// Mean and variance of 64 channels over all nodes of 25 dies, f32: terms come together
// along rows, then along columns, and everyone gets the result. Tesla says 5 us [M]; a
// corner-to-centre round trip alone is 0.9 us [D].
TEST(Derived, BatchNormOverATile) {
  const MachineSpec tile = *LoadMachine("dojo_tile");
  const Grid grid = MaxMesh(tile);
  const Mesh mesh{grid.rows, grid.cols};
  Exchanges step(mesh);
  const AxisRef x = WholeAxis(mesh, MeshAxis::kX), y = WholeAxis(mesh, MeshAxis::kY);
  Placement terms = ReplicatedPlacement({2, 64});
  terms.partial = {y, x};
  Placement rows = ReplicatedPlacement({2, 64});
  rows.partial = {y};
  const int made = step.AddBuffer({2, 64}, terms), row = step.AddBuffer({2, 64}, rows),
            all = step.AddBuffer({2, 64}, ReplicatedPlacement({2, 64}));
  step.AddSuperstep(made, row, {x});
  step.AddSuperstep(row, all, {y});
  const StepTime time =
      TimeOfStep(step.program(), LoadsOfStep(step.program(), tile), tile);
  std::cout << "batch norm statistics over 25 dies: " << time.step_ns / 1e3
            << " us modelled; Tesla: 5 us\n";
  for (const ResourceTime& part : time.attribution) {
    std::cout << "  " << part.resource << ": " << part.ns / 1e3 << " us\n";
  }
  EXPECT_GE(time.step_ns, 900);
  EXPECT_LE(time.step_ns, 10000);
}

}  // namespace
}  // namespace tatami
