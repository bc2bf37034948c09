// Damage between two runs of the real command: a checkpoint holds tensors, not places,
// so training goes on with the same bits on what is left.
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "tests/support/run_tatami.h"

namespace tatami::testing {
namespace {

constexpr char kDead[] = "(0,1),(3,7),(1,1)-(2,1)";

class Damage : public ::testing::Test {
 protected:
  Damage() { scratch_.WriteSmallVideo("drives"); }

  Outcome Train(std::vector<std::string> more) {
    std::vector<std::string> words = {
        "train",  "--model", "drivenet-tiny", "--data",   "drives",
        "--mesh", "3x4",     "--schedule",    "constant", "--json"};
    words.insert(words.end(), more.begin(), more.end());
    Outcome outcome = RunTatami(words, {.folder = scratch_.path()});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return outcome;
  }

  const Scratch scratch_;
};

TEST_F(Damage, ARunResumesOnADamagedMeshWithTheSameBits) {
  // One plan for both: another order of summing would give other last bits.
  const Outcome planned = RunTatami({"compile", "--model", "drivenet-tiny", "--mesh",
                                     "3x4", "--save_plan", "whole.plan"},
                                    {.folder = scratch_.path()});
  ASSERT_EQ(planned.exit_code, 0) << planned.err;
  const std::string plan = FileText(scratch_.path() + "/whole.plan");
  ASSERT_TRUE(absl::StartsWith(plan, "mesh 3x4\n")) << plan.substr(0, 80);
  scratch_.Write("damaged.plan", absl::StrReplaceAll(plan, {{"mesh 3x4\n",
                                                             "mesh 3x4 on 18x20 minus "
                                                             "(3,7),(0,1),(1,1)-(2,1)"
                                                             "\n"}}));
  const nlohmann::json want =
      Train({"--steps", "6", "--out", "never", "--plan", "whole.plan"}).LastJson();
  Train({"--steps", "3", "--out", "run", "--plan", "whole.plan"});
  const Outcome resumed = Train({"--steps", "6", "--out", "run", "--resume", "--plan",
                                 "damaged.plan", "--dead", kDead});
  EXPECT_TRUE(absl::StrContains(resumed.err, "after step 3\n")) << resumed.err;
  EXPECT_TRUE(
      absl::StrContains(resumed.err, "laid on 18x20 minus (0,1),(3,7),(1,1)-(2,1)\n"))
      << resumed.err;
  EXPECT_EQ(resumed.LastJson()["weights_hash"], want["weights_hash"]);
  EXPECT_EQ(resumed.LastJson()["loss"], want["loss"]);
}

// Ranks share out nodes of the mesh, wherever these lie.
TEST_F(Damage, TwoRanksGiveTheBitsOfOne) {
  const auto one = Train({"--steps", "4", "--out", "one", "--dead", kDead}).LastJson();
  const auto two =
      Train({"--steps", "4", "--out", "two", "--dead", kDead, "--np", "2"}).LastJson();
  EXPECT_EQ(two["weights_hash"], one["weights_hash"]);
}

}  // namespace
}  // namespace tatami::testing
