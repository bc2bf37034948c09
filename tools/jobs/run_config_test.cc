#include "tools/jobs/run_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tools/jobs/job_states.h"

namespace tatami::jobs {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(RunConfigTest, LaterValuesWinAndSayWhereTheyAreFrom) {
  ConfigSources sources;
  ASSERT_TRUE(
      MergeConfigText("name: 'a' run { model: 'm' steps: 7 }", "a.txtpb", sources)
          .ok());
  ASSERT_TRUE(MergeConfigText(R"({"run": {"mesh": "2x3"}})", "b.json", sources).ok());
  ASSERT_TRUE(MergeSetting("run.steps=9", "--set", sources).ok());
  EXPECT_EQ(sources.config.run().steps(), 9);
  const std::string text = ExplainConfig(sources);
  EXPECT_THAT(text, HasSubstr("run.steps: 9  (--set)\n"));
  EXPECT_THAT(text, HasSubstr("run.model: m  (a.txtpb)\n"));
  EXPECT_THAT(text, HasSubstr("run.mesh: 2x3  (b.json)\n"));
}

TEST(RunConfigTest, WhatIsNoFieldIsAnErrorWithTheNearestName) {
  ConfigSources sources;
  EXPECT_THAT(
      std::string(
          MergeConfigText("run {\n  stepz: 7\n}", "a.txtpb", sources).message()),
      HasSubstr("E0104: a.txtpb:2:8: no field 'stepz'; did you mean 'steps'?"));
  EXPECT_THAT(
      std::string(
          MergeConfigText(R"({"run": {"stepz": 7}})", "b.json", sources).message()),
      HasSubstr("b.json"));
  EXPECT_THAT(std::string(MergeSetting("run=1", "--set", sources).message()),
              HasSubstr("'run' has fields of its own"));
  EXPECT_THAT(std::string(MergeSetting("run.steps=many", "--set", sources).message()),
              HasSubstr("E0101: 'many' is no value of run.steps"));
  EXPECT_THAT(std::string(MergeSetting("run.steps", "--set", sources).message()),
              HasSubstr("NAME=VALUE"));
}

// R16: what a config holds arrives as itself, in one word.
TEST(RunConfigTest, NoValueIsMoreThanOneWord) {
  ConfigSources sources;
  const std::string evil = "x'; touch /tmp/x \"$(id)\" --steps=3\n-- `id`";
  ASSERT_TRUE(MergeSetting("run.data=" + evil, "--set", sources).ok());
  ASSERT_TRUE(MergeSetting("run.learning_rate=0.001", "--set", sources).ok());
  EXPECT_THAT(TrainFlags(sources.config.run()),
              ElementsAre("--data=" + evil, "--learning_rate=0.001"));
}

TEST(JobStatesTest, EveryStateIsReachedAndOnlyEndsAreFinal) {
  for (int s = QUEUED; s <= CANCELLED; ++s) {
    if (!JobState_IsValid(s)) continue;  // reserved
    const auto state = static_cast<JobState>(s);
    bool entered = false, left = false;
    for (const Transition& t : Transitions()) {
      entered = entered || t.to == state;
      left = left || t.from == state;
    }
    EXPECT_TRUE(entered) << StateName(state);
    EXPECT_EQ(left, state != SUCCEEDED) << StateName(state);
    EXPECT_FALSE(IsAllowed(state, state)) << StateName(state);
    EXPECT_FALSE(HasEnded(state) && HoldsNodes(state)) << StateName(state);
  }
}

}  // namespace
}  // namespace tatami::jobs
