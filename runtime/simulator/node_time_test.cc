#include "runtime/simulator/node_time.h"

#include "gtest/gtest.h"
#include "ops/matmul.h"
#include "runtime/simulator/ingest_rate.h"

namespace tatami {
namespace {

MachineSpec Die(const MachineOverrides& overrides = {}) {
  return *LoadMachine("d1_die", overrides);
}

NodeTime MatmulTime(DType dtype, int64_t m, int64_t k, int64_t n,
                    const MachineSpec& machine) {
  const OpCall call{.op = &MatmulOp(),
                    .attrs = {{"transpose_a", 0}, {"transpose_b", 0}},
                    .in = {{dtype, {m, k}}, {dtype, {k, n}}},
                    .out = {dtype, {m, n}}};
  const IndexRule rule = (*call.op->rule)(call);
  return TimeOfCall(call, rule, rule.WholeFactors(), machine);
}

// 8 x 8 x 4 a cycle of half a nanosecond, after 50 ns of start.
TEST(NodeTime, WholeBlocksKeepTheMatrixUnitBusy) {
  const NodeTime time = MatmulTime(DType::kBF16, 64, 256, 64, Die());
  EXPECT_EQ(time.unit, kMatrixUnit);
  EXPECT_NEAR(time.ns, 50 + 8 * 8 * 64 * 0.5, 1e-9);
}

TEST(NodeTime, EdgesOfBlocksArePaidInFull) {
  EXPECT_NEAR(MatmulTime(DType::kBF16, 65, 256, 64, Die()).ns, 50 + 9 * 8 * 64 * 0.5,
              1e-9);
  EXPECT_NEAR(MatmulTime(DType::kBF16, 64, 257, 64, Die()).ns, 50 + 8 * 8 * 65 * 0.5,
              1e-9);
  EXPECT_NEAR(MatmulTime(DType::kBF16, 64, 256, 57, Die()).ns, 50 + 8 * 8 * 64 * 0.5,
              1e-9);
}

// 32 operations a cycle; rows of 20 elements take two vectors of 16.
TEST(NodeTime, F32IsTheVectorUnits) {
  const NodeTime time = MatmulTime(DType::kF32, 64, 256, 64, Die());
  EXPECT_EQ(time.unit, kVectorUnit);
  EXPECT_NEAR(time.ns, 50 + 2.0 * 64 * 256 * 64 / 32 * 0.5, 1e-9);
  EXPECT_NEAR(MatmulTime(DType::kF32, 64, 256, 20, Die()).ns,
              50 + 2.0 * 64 * 256 * 32 / 32 * 0.5, 1e-9);
}

// A column of weights: each of 1024 x 1024 elements is loaded for one multiply-add, 128
// bytes a cycle.
TEST(NodeTime, ThinMatricesWaitForTheSram) {
  const MachineSpec wide = Die({{"matrix_unit_cols", 1}, {"matrix_unit_rows", 8}});
  const NodeTime time = MatmulTime(DType::kBF16, 1024, 1024, 1, wide);
  EXPECT_EQ(time.unit, kSramLoad);
  EXPECT_NEAR(time.ns, 50 + (1024.0 * 1024 + 1024) * 2 / 128 * 0.5, 1e-9);
}

TEST(IngestRate, WaitsWhereCardsAreSlowerThanTheStep) {
  Program program;
  program.buffers.push_back({.type = {DType::kF32, {1000, 1000}}});
  program.feeds.push_back({.input = "frames", .buffer = 0});
  // Five cards of 50 GB/s: 4 MB take 16 us.
  EXPECT_NEAR(IngestOf(program, Die(), 10e3).wait_ns, 6e3, 1e-6);
  EXPECT_EQ(IngestOf(program, Die(), 20e3).wait_ns, 0);
  EXPECT_NEAR(IngestOf(program, Die(), 20e3).share(), 0.8, 1e-12);
}

// 160e9 frames a day, 1 % of them: 18,518.5 a second.
TEST(IngestRate, AStatedVideoLoadWantsMachinesAndHosts) {
  const VideoNeeds needs =
      NeedsOf({.frames_per_day = 160e9, .selected = 0.01, .decoded_per_host_s = 500},
              /*frames_per_step=*/100, /*step_ns=*/10e6);
  EXPECT_NEAR(needs.frames_per_s, 160e9 / 100 / 86400, 1e-6);
  EXPECT_NEAR(needs.machines, 160e9 / 100 / 86400 / 10000, 1e-9);
  EXPECT_NEAR(needs.hosts, 160e9 / 100 / 86400 / 500, 1e-9);
}

}  // namespace
}  // namespace tatami
