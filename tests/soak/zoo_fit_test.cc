// The whole zoo on every machine whose nodes this host can hold: predicted peak and
// link bytes are those of a run. Prints a line for each pair of network and machine.
#include <gtest/gtest.h>

#include <iostream>

#include "compiler/training_step.h"
#include "core/error.h"
#include "models/model.h"
#include "tests/support/expect_fit.h"

namespace tatami {
namespace {

// What a run may take of this host; and about what the emulator keeps of each copy
// between nodes and each call of a node.
constexpr int64_t kHostBytesMax = int64_t{20} << 30;
constexpr int64_t kBytesPerCopy = 40, kBytesPerCall = 800;

int64_t HostBytes(const Program& p) {
  int64_t copies = 0;
  for (const Superstep& superstep : p.supersteps) {
    for (const ExchangeOp& e : superstep.exchanges) {
      // A node in the middle stands for all.
      const NodeCoord node{p.mesh.rows / 2, p.mesh.cols / 2};
      int64_t sources = 0;
      ForEachSource(p.buffers[e.from].placement, e.resolve,
                    p.buffers[e.to].placement.BoxAt(node, p.mesh), node, p.mesh,
                    [&](NodeCoord, const Box&) { ++sources; });
      copies += sources * p.mesh.nodes();
    }
  }
  const auto calls = static_cast<int64_t>(p.calls.size()) * p.mesh.nodes();
  return p.mesh.nodes() * p.sram_bytes + copies * kBytesPerCopy + calls * kBytesPerCall;
}

absl::StatusOr<Compiled> CompilePreset(const ModelPreset& preset, int64_t batch,
                                       const MachineSpec& machine) {
  GraphBuilder g(preset.name);
  const BuiltModel model = BuildModel(g, preset, batch, Mode::kTrain);
  AddTrainingStep(g, model.loss, model.parameters, {.name = "adamw"});
  auto graph = g.Finish();
  if (!graph.ok()) return graph.status();
  const Grid mesh = MaxMesh(machine);
  return Compile(*std::move(graph), machine, {.mesh = {mesh.rows, mesh.cols}});
}

class ZooOnMachine : public ::testing::TestWithParam<std::string> {};

TEST_P(ZooOnMachine, TakesWhatThePlanSays) {
  const auto machine = LoadMachine(GetParam());
  ASSERT_TRUE(machine.ok()) << machine.status();
  int64_t ran = 0;
  for (const ModelPreset& preset : AllModels()) {
    const std::string what = preset.name + " on " + GetParam();
    // The preset's batch, or the largest power of two below that fits.
    int64_t batch = preset.batch;
    auto compiled = CompilePreset(preset, batch, *machine);
    while (!compiled.ok() && batch > 1) {
      batch /= 2;
      compiled = CompilePreset(preset, batch, *machine);
    }
    if (!compiled.ok()) {
      EXPECT_EQ(GetErrorCode(compiled.status()), ErrorCode::kDoesNotFit) << what;
      std::cout << what << ": does not fit, even with batch 1" << std::endl;
      continue;
    }
    Program& p = compiled->program;
    // No more than is used, so that a host holds many nodes; what lies beyond the peak
    // must stay untouched.
    p.sram_bytes = p.peak_bytes() + 4096;
    const int64_t host_bytes = HostBytes(p);
    std::cout << what << ", " << p.mesh.ToString() << ", batch " << batch << ": peak "
              << p.peak_bytes() << " bytes, links " << CountLinkBytes(p).total()
              << " bytes" << std::flush;
    if (host_bytes > kHostBytesMax) {
      std::cout << ": NOT RUN, needs " << (host_bytes >> 30) << " GiB" << std::endl;
      continue;
    }
    testing::ExpectRunTakesWhatThePlanSays(p, compiled->graph, what);
    std::cout << ": as run" << std::endl;
    ++ran;
  }
  EXPECT_GT(ran, 0);
}

INSTANTIATE_TEST_SUITE_P(Machines, ZooOnMachine,
                         ::testing::Values("host", "d1_die", "dojo_tile"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace tatami
