#include "compiler/compile.h"

#include "compiler/test_graphs.h"
#include "core/error.h"
#include "core/proto/wire.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace tatami {
namespace {

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
