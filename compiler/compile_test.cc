#include "compiler/compile.h"

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "compiler/test_graphs.h"
#include "compiler/training_step.h"
#include "core/error.h"
#include "core/proto/wire.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "ops/arithmetic.h"
#include "ops/loss.h"

namespace tatami {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

MachineSpec Die() { return *LoadMachine("d1_die"); }

TEST(Compile, TwiceGivesTheSameBytes) {
  for (const Mesh mesh : {Mesh{1, 1}, Mesh{2, 3}, Mesh{4, 4}}) {
    const auto a = Compile(ConvNetTrainingStep(), Die(), {.mesh = mesh});
    const auto b = Compile(ConvNetTrainingStep(), Die(), {.mesh = mesh});
    ASSERT_TRUE(a.ok() && b.ok()) << a.status() << b.status();
    EXPECT_EQ(a->plan.ToString(a->graph), b->plan.ToString(b->graph));
    EXPECT_EQ(a->program.ToString(), b->program.ToString());
    EXPECT_EQ(SerializeProgram(a->program, WireForm::kBinary),
              SerializeProgram(b->program, WireForm::kBinary));
    EXPECT_EQ(a->step_ns, b->step_ns);
  }
}

TEST(Compile, ItsOwnPlanPinnedGivesTheSameProgram) {
  const auto a = Compile(ConvNetTrainingStep(), Die(), {.mesh = {2, 3}});
  ASSERT_TRUE(a.ok()) << a.status();
  const auto b = Compile(ConvNetTrainingStep(), Die(),
                         {.mesh = {2, 3}, .pinned_plan = a->plan.ToString(a->graph)});
  ASSERT_TRUE(b.ok()) << b.status();
  EXPECT_EQ(a->program.ToString(), b->program.ToString());
}

TEST(Compile, APinnedCutIsKept) {
  const auto c = Compile(ConvNetTrainingStep(), Die(),
                         {.mesh = {2, 2}, .pinned_plan = "mesh 2x2\nmatmul: m=x\n"});
  ASSERT_TRUE(c.ok()) << c.status();
  EXPECT_THAT(c->plan.ToString(c->graph), HasSubstr("\nmatmul: m=x\n"));
}

// The first superstep that reads a feed is the one before which the host writes it: not
// later, and not earlier, when its memory may serve others.
TEST(Compile, FeedsComeWhenTheyAreFirstRead) {
  GraphBuilder g("parts");
  const Value x = g.BatchInput("x", {DType::kF32, {4, 3}});
  const Value w = g.State("w", {DType::kF32, {4, 3}}, {}, true);
  AddTrainingStep(g, MeanAll(g, Mul(g, x, w)), {w}, {.name = "sgd"}, 3);
  const auto c = Compile(*g.Finish(), Die(), {.mesh = {2, 2}});
  ASSERT_TRUE(c.ok()) << c.status();
  const Program& p = c->program;
  std::vector<int64_t> parts;
  for (const ProgramFeed& feed : p.feeds) {
    int first = -1;
    for (size_t s = 0; s < p.supersteps.size() && first < 0; ++s) {
      for (const ComputeOp& compute : p.supersteps[s].computes) {
        if (absl::c_linear_search(compute.in, feed.buffer)) first = static_cast<int>(s);
      }
    }
    EXPECT_EQ(feed.superstep, first) << p.buffers[feed.buffer].name;
    if (feed.input == "x") parts.push_back(feed.part.index);
  }
  EXPECT_THAT(parts, ElementsAre(0, 1, 2));
  EXPECT_GT(p.feeds.back().superstep, 0) << "nothing comes late";
}

// On the whole die the site would be the mesh itself, so there is none.
TEST(Compile, LaysTheMeshOnWhatIsLeftOfTheMachine) {
  const auto on = [](absl::string_view dead, const Mesh& mesh) {
    return Compile(ConvNetTrainingStep(), Die(),
                   {.mesh = mesh, .live = *ParseDeadList({18, 20}, dead)});
  };
  const auto whole = Compile(ConvNetTrainingStep(), Die(), {.mesh = {2, 3}});
  const auto none = on("", {2, 3});
  ASSERT_TRUE(whole.ok() && none.ok()) << whole.status() << none.status();
  EXPECT_EQ(none->program.ToString(), whole->program.ToString());
  EXPECT_EQ(none->plan.MeshText(), "2x3");
  const auto one = on("(3,7)", {2, 3});
  ASSERT_TRUE(one.ok()) << one.status();
  ASSERT_TRUE(one->program.site.has_value());
  EXPECT_EQ(one->program.site->live.ToString(), "18x20 minus (3,7)");
  EXPECT_EQ(one->plan.MeshText(), "2x3 on 18x20 minus (3,7)");
  // A machine's usable nodes are what the map leaves.
  EXPECT_TRUE(on("(1,1)-(1,2)", {18, 20}).ok());
  EXPECT_EQ(GetErrorCode(on("(3,7)", {18, 20}).status()), ErrorCode::kMeshTooLarge);
  const auto other = Compile(ConvNetTrainingStep(), Die(),
                             {.mesh = {2, 2}, .live = *ParseDeadList({5, 6}, "(0,0)")});
  EXPECT_EQ(other.status().message(),
            "E0108: the map is of a grid of 5x6 nodes and machine 'd1_die' has 18x20. "
            "Give the map of this machine.");
}

// A corner of the grid: three columns of which the middle one is dead but for a node.
TEST(Compile, DetoursMakeAStepDearer) {
  MachineSpec machine = Die();
  machine.die_nodes = {3, 3};
  const auto step = [&](absl::string_view dead) {
    const auto c =
        Compile(ConvNetTrainingStep(), machine,
                {.mesh = {3, 2},
                 .live = *ParseDeadList({3, 3}, dead),
                 .pinned_plan = dead.empty() ? "mesh 3x2\nmatmul: k=y\n"
                                             : absl::StrCat("mesh 3x2 on 3x3 minus ",
                                                            dead, "\nmatmul: k=y\n")});
    EXPECT_TRUE(c.ok()) << c.status();
    return c.ok() ? c->step_ns : 0;
  };
  EXPECT_EQ(step("(0,2)"), step(""));
  EXPECT_GT(step("(0,1),(1,1)"), step(""));
}

TEST(Compile, RefusesWithTheCode) {
  const auto code = [](const Mesh& mesh, const std::string& pinned, int64_t sram) {
    MachineSpec machine = Die();
    if (sram > 0) machine.sram_bytes = sram;
    const auto c =
        Compile(ConvNetTrainingStep(), machine, {.mesh = mesh, .pinned_plan = pinned});
    return GetErrorCode(c.status());
  };
  EXPECT_EQ(code({2, 2}, "", 0), std::nullopt);
  EXPECT_EQ(code({99, 2}, "", 0), ErrorCode::kMeshTooLarge);
  EXPECT_EQ(code({2, 2}, "mesh 4x4\n", 0), ErrorCode::kBadPlan);
  EXPECT_EQ(code({2, 2}, "mesh 2x2\nnone: m=x\n", 0), ErrorCode::kBadPlan);
  EXPECT_EQ(code({1, 1}, "", Die().code_bytes_reserved + 512), ErrorCode::kDoesNotFit);
}

}  // namespace
}  // namespace tatami
