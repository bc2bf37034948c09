// The differential test finds what it is there to find: a halo too narrow by one, a
// missing corner, stale or missing bytes. Each fault is put in on purpose and must show
// as a difference from one node; where the verifier can see it, it must refuse first.
#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "compiler/verify.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "ops/conv.h"
#include "ops/slice.h"
#include "runtime/emulator/emulator.h"
#include "tests/support/run_graph.h"

namespace tatami {
namespace {

using testing::Bytes;

constexpr Mesh kMesh = {3, 3};

const WindowOptions kSame{
    .stride = {1, 1}, .dilation = {1, 1}, .pad_lo = {1, 1}, .pad_hi = {1, 1}};

// x, copied where the plan puts it, then a 3x3 convolution as `op` defines it.
absl::StatusOr<Graph> ConvGraph(const OpDef& op) {
  GraphBuilder g("conv");
  const Value x = g.Input("x", {DType::kF32, {1, 9, 9, 2}});
  const Value w = g.State("w", {DType::kF32, {4, 2, 3, 3}}, {}, true);
  const Value spread = Slice(g, x, {0, 0, 0, 0}, {1, 9, 9, 2});
  g.Output("y", Conv(g, spread, w, {.window = kSame}));
  absl::StatusOr<Graph> graph = g.Finish();
  if (graph.ok()) graph->calls.back().op = &op;
  return graph;
}

// Height over rows and width over columns, for every call: each node then needs a halo
// of one from its four neighbours and a corner from each diagonal one.
Plan TilePlan(const Graph& graph) {
  Plan plan{.mesh = kMesh};
  for (size_t c = 0; c < graph.calls.size(); ++c) {
    const OpCall call = graph.CallOf(static_cast<int>(c));
    const OperandRule out = (*call.op->rule)(call).output;
    const IndexRule rule = (*call.op->rule)(call);
    plan.calls[graph.calls[c].name].cuts = {
        {rule.factors[out[1].factor].name, {WholeAxis(kMesh, MeshAxis::kY)}},
        {rule.factors[out[2].factor].name, {WholeAxis(kMesh, MeshAxis::kX)}}};
  }
  return plan;
}

class Damage : public ::testing::Test {
 protected:
  void SetUp() override {
    auto graph = ConvGraph(ConvOp());
    ASSERT_TRUE(graph.ok()) << graph.status();
    graph_ = *std::move(graph);
    values_ = testing::DrawValues(graph_, 7, 3, 1, 2);
    auto want = testing::RunOnMesh(graph_, {.mesh = {1, 1}}, values_, {});
    ASSERT_TRUE(want.ok()) << want.status();
    want_ = *std::move(want);
    auto program = testing::LowerOnMesh(graph_, TilePlan(graph_));
    ASSERT_TRUE(program.ok()) << program.status();
    program_ = *std::move(program);
  }

  // "" when the run agrees with one node. A run that does not get to its end says
  // nothing about its numbers: it fails the test instead of counting as a difference.
  std::string DifferenceOf(const Program& program, testing::RunOptions options = {}) {
    const auto got = testing::RunProgram(program, values_, options);
    if (!got.ok()) {
      ADD_FAILURE() << got.status();
      return "";
    }
    return testing::FindDifference(*got, want_);
  }

  // Buffers that hold a halo: staged by an exchange, wider than their own part.
  std::vector<int> HaloBuffers() const {
    std::vector<int> out;
    for (size_t b = 0; b < program_.buffers.size(); ++b) {
      for (const DimPlacement& d : program_.buffers[b].placement.dims) {
        if (d.axes.empty() || d.map.IsIdentity()) continue;
        out.push_back(static_cast<int>(b));
        break;
      }
    }
    return out;
  }

  Graph graph_;
  std::map<std::string, Bytes> values_;
  testing::RunResult want_;
  Program program_;
};

TEST_F(Damage, QuickNothingDamagedAgrees) {
  EXPECT_EQ(DifferenceOf(program_), "");
  EXPECT_FALSE(HaloBuffers().empty());
}

TEST_F(Damage, QuickAHaloTooNarrowByOneIsRefusedAndIfRunIsWrong) {
  int damaged = 0;
  for (const int buffer : HaloBuffers()) {
    for (const int dim : {1, 2}) {
      for (const bool low : {true, false}) {
        Program program = program_;
        IndexMap& map = program.buffers[buffer].placement.dims[dim].map;
        if (low) ++map.lo;
        if (!low) --map.hi;
        const std::string what =
            absl::StrCat("dim ", dim, low ? " low" : " high", " side");
        EXPECT_THAT(VerifyProgram(program).message(),
                    ::testing::HasSubstr("not placed as"))
            << what;
        EXPECT_NE(DifferenceOf(program), "") << what;
        ++damaged;
      }
    }
  }
  EXPECT_EQ(damaged, 4);
}

// A rule that promises a window narrower by one than the kernel's: lowering and
// verifier believe it, only the numbers can tell.
template <int kSide>
IndexRule NarrowRule(const OpCall& call) {
  IndexRule rule = (*ConvOp().rule)(call);
  for (const int dim : {1, 2}) {
    IndexMap& map = rule.inputs[0][dim].map;
    if (kSide < 0) ++map.lo;
    if (kSide > 0) --map.hi;
  }
  return rule;
}

TEST_F(Damage, QuickARuleThatLiesByOneIsFound) {
  for (const RuleFn rule : {RuleFn{NarrowRule<-1>}, RuleFn{NarrowRule<1>}}) {
    OpDef lying = ConvOp();
    lying.rule = rule;
    const auto graph = ConvGraph(lying);
    ASSERT_TRUE(graph.ok()) << graph.status();
    const auto program = testing::LowerOnMesh(*graph, TilePlan(*graph));
    ASSERT_TRUE(program.ok()) << program.status();
    EXPECT_NE(DifferenceOf(*program), "");
  }
}

// Spoils what a rank hears from the rank of a diagonal neighbour. With one node a rank,
// that is exactly the corners.
class CornerEater : public Transport {
 public:
  explicit CornerEater(std::unique_ptr<Transport> inner, std::byte with)
      : inner_(std::move(inner)), with_(with) {}
  int rank() const override { return inner_->rank(); }
  int size() const override { return inner_->size(); }
  absl::StatusOr<int> AddPattern(std::vector<Part> sends,
                                 std::vector<Part> receives) override {
    const NodeCoord me = NodeAt(rank(), kMesh);
    std::vector<absl::Span<std::byte>> corners;
    for (const Part& part : receives) {
      const NodeCoord peer = NodeAt(part.peer, kMesh);
      if (peer.row != me.row && peer.col != me.col) corners.push_back(part.buffer);
    }
    corners_.push_back(std::move(corners));
    return inner_->AddPattern(std::move(sends), std::move(receives));
  }
  absl::Status Start(int pattern) override { return inner_->Start(pattern); }
  absl::Status Wait(int pattern, absl::Duration deadline) override {
    const absl::Status status = inner_->Wait(pattern, deadline);
    for (const absl::Span<std::byte> corner : corners_[pattern]) {
      std::memset(corner.data(), static_cast<int>(with_), corner.size());
    }
    return status;
  }
  absl::StatusOr<std::vector<std::vector<std::byte>>> GatherToRoot(
      absl::Span<const std::byte> mine) override {
    return inner_->GatherToRoot(mine);
  }
  absl::Status BroadcastFromRoot(std::vector<std::byte>& bytes) override {
    return inner_->BroadcastFromRoot(bytes);
  }

 private:
  std::unique_ptr<Transport> inner_;
  std::byte with_;
  std::vector<std::vector<absl::Span<std::byte>>> corners_;
};

TEST_F(Damage, QuickAMissingCornerIsFound) {
  const int ranks = static_cast<int>(kMesh.nodes());
  EXPECT_EQ(DifferenceOf(program_, {.ranks = ranks}), "");
  // As zeros, which the padding of a convolution would hide best, and as NaNs.
  for (const std::byte with : {std::byte{0}, std::byte{0xff}}) {
    const auto eat = [with](std::unique_ptr<Transport> inner) {
      return std::make_unique<CornerEater>(std::move(inner), with);
    };
    EXPECT_NE(DifferenceOf(program_, {.ranks = ranks, .wrap_transport = eat}), "");
  }
}

TEST_F(Damage, QuickAnExchangeLeftOutIsRefusedAndIfRunReadsPoison) {
  Program program = program_;
  // Bytes of its own, so that no older tensor's remains hide what is missing.
  const int storage = program.buffers[HaloBuffers().front()].storage;
  const int64_t end =
      (program.sram_bytes + kSramAlignment - 1) / kSramAlignment * kSramAlignment;
  for (NodeClass& c : program.classes) {
    c.address[storage] = end;
    c.peak_bytes = end + c.storage_bytes[storage];
    program.sram_bytes = std::max(program.sram_bytes, c.peak_bytes);
  }
  EXPECT_EQ(VerifyProgram(program), absl::OkStatus());
  EXPECT_EQ(DifferenceOf(program), "");
  for (Superstep& s : program.supersteps) s.exchanges.clear();
  EXPECT_THAT(VerifyProgram(program).message(),
              ::testing::HasSubstr("read before it is written"));
  EXPECT_THAT(DifferenceOf(program), ::testing::HasSubstr("is nan"));
}

TEST_F(Damage, QuickBuffersThatShareBytesWhileAliveAreRefusedAndIfRunAreWrong) {
  Program program = program_;
  const int halo = HaloBuffers().front();
  const int storage = program.buffers[halo].storage;
  const int weights = program.buffers[program.states[0].buffer].storage;
  for (NodeClass& c : program.classes) c.address[storage] = c.address[weights];
  EXPECT_THAT(VerifyProgram(program).message(), ::testing::HasSubstr("overlap"));
  EXPECT_NE(DifferenceOf(program), "");
}

TEST_F(Damage, QuickAStepWithoutItsInputIsRefused) {
  const auto transport = MakeSingleTransport();
  const auto emulator =
      Emulator::Create(std::make_shared<Program>(program_), *transport, {});
  ASSERT_TRUE(emulator.ok()) << emulator.status();
  const auto step = [&] { return std::string((*emulator)->Step().message()); };
  EXPECT_EQ(step(), "input 'x' was not fed");
  ASSERT_TRUE((*emulator)->Feed("x", values_["x"]).ok());
  EXPECT_EQ(step(), "");
  EXPECT_EQ(step(), "input 'x' was not fed");  // a step uses its inputs up
}

}  // namespace
}  // namespace tatami
