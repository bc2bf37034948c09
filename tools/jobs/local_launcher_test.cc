#include "tools/jobs/local_launcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>

#include "absl/time/clock.h"
#include "tools/jobs/attempt_runner.h"

namespace tatami::jobs {
namespace {

namespace fs = std::filesystem;

class LocalLauncherTest : public ::testing::Test {
 protected:
  void SetUp() override {
    attempt_.folder = ::testing::TempDir() + "/launcher_" +
                      ::testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(attempt_.folder);
    fs::create_directories(attempt_.folder);
    attempt_.mpi_folder = attempt_.folder + "/mpi";
    attempt_.job = 7;
    attempt_.number = 1;
  }
  void TearDown() override {
    EXPECT_TRUE(launcher_.Kill(attempt_).ok());
    fs::remove_all(attempt_.folder);
  }
  void Launch(const std::string& script) {
    attempt_.command = {"/bin/sh", "-c", script};
    const absl::Status status = launcher_.Launch(attempt_);
    ASSERT_TRUE(status.ok()) << status;
  }
  AttemptState WaitForEnd() {
    for (int i = 0; i < 200; ++i) {
      const AttemptState state = *launcher_.Poll(attempt_);
      if (state.status != AttemptStatus::kRunning) return state;
      absl::SleepFor(absl::Milliseconds(50));
    }
    return {};
  }
  bool SaysSoon(const std::string& text) {
    for (int i = 0; i < 200; ++i) {
      std::ifstream file(LogPath(attempt_.folder));
      const std::string log{std::istreambuf_iterator<char>(file), {}};
      if (log.find(text) != std::string::npos) return true;
      absl::SleepFor(absl::Milliseconds(50));
    }
    return false;
  }

  LocalLauncher launcher_{{TATAMI_COMMAND, "run_attempt"}};
  Attempt attempt_;
};

TEST_F(LocalLauncherTest, TellsHowItEnded) {
  Launch("echo to the log; exit 4");
  const AttemptState state = WaitForEnd();
  EXPECT_EQ(state.status, AttemptStatus::kEnded);
  EXPECT_EQ(state.exit_code, 4);
  EXPECT_TRUE(SaysSoon("to the log\n"));
}

TEST_F(LocalLauncherTest, WordsPassThroughNoShell) {
  attempt_.command = {"/bin/echo", "$(id) `id` 'a' \"b\" ;|&\n>x"};
  ASSERT_TRUE(launcher_.Launch(attempt_).ok());
  EXPECT_EQ(WaitForEnd().exit_code, 0);
  EXPECT_TRUE(SaysSoon("$(id) `id` 'a' \"b\" ;|&\n>x\n"));
}

TEST_F(LocalLauncherTest, ASignalIsPassedOn) {
  Launch("trap 'echo saving; exit 0' TERM; echo ready; while :; do sleep 0.05; done");
  ASSERT_TRUE(SaysSoon("ready"));
  ASSERT_TRUE(launcher_.AskToEnd(attempt_).ok());
  const AttemptState state = WaitForEnd();
  EXPECT_EQ(state.status, AttemptStatus::kEnded);
  EXPECT_EQ(state.exit_code, 0);
  EXPECT_TRUE(SaysSoon("saving"));
}

TEST_F(LocalLauncherTest, NeverTwoAtOnce) {
  Launch("sleep 100");
  Attempt second = attempt_;
  second.number = 2;
  const absl::Status status = launcher_.Launch(second);
  EXPECT_THAT(std::string(status.message()),
              ::testing::HasSubstr("another attempt of job 7 is alive"));
  ASSERT_TRUE(launcher_.Kill(attempt_).ok());
  EXPECT_EQ(WaitForEnd().status, AttemptStatus::kLost);
  EXPECT_TRUE(launcher_.Launch(second).ok());
  EXPECT_TRUE(launcher_.Kill(second).ok());
}

// Orphans of orphans too, and when nobody is left who knows them.
TEST_F(LocalLauncherTest, LeavesNoProcessBehind) {
  Launch("(setsid sleep 1000 &) ; (sleep 1000 &) ; echo ready; sleep 1000");
  ASSERT_TRUE(SaysSoon("ready"));
  const pid_t runner = RunnerProcess(attempt_);
  ASSERT_GT(runner, 0);
  kill(runner, SIGKILL);
  EXPECT_EQ(WaitForEnd().status, AttemptStatus::kLost);
  const absl::StatusOr<int> found = KillTagged(AttemptTag(AttemptFolder(attempt_)));
  ASSERT_TRUE(found.ok());
  EXPECT_GE(*found, 2);
  EXPECT_EQ(*KillTagged(AttemptTag(AttemptFolder(attempt_))), 0);
  EXPECT_TRUE(fs::exists(attempt_.mpi_folder));
  EXPECT_TRUE(launcher_.Kill(attempt_).ok());
  EXPECT_FALSE(fs::exists(attempt_.mpi_folder));
}

TEST_F(LocalLauncherTest, OneThatEndsTakesItsChildrenAlong) {
  Launch("(setsid sleep 1000 &) ; exit 3");
  EXPECT_EQ(WaitForEnd().exit_code, 3);
  EXPECT_EQ(*KillTagged(AttemptTag(AttemptFolder(attempt_))), 0);
}

TEST_F(LocalLauncherTest, MpiKeepsItsFilesInTheFolderOfTheAttempt) {
  Launch(
      "touch $OMPI_MCA_btl_vader_backing_directory/segment; "
      "test -e " +
      attempt_.mpi_folder + "/segment");
  EXPECT_EQ(WaitForEnd().exit_code, 0);
  EXPECT_FALSE(fs::exists(attempt_.mpi_folder));
}

// As when /dev/shm is full: the job's user reads why.
TEST_F(LocalLauncherTest, WhatKeepsItFromStartingIsInTheLog) {
  std::ofstream(attempt_.folder + "/file") << "no folder";
  attempt_.mpi_folder = attempt_.folder + "/file/mpi";
  attempt_.command = {"/bin/true"};
  ASSERT_TRUE(launcher_.Launch(attempt_).ok());
  EXPECT_EQ(WaitForEnd().status, AttemptStatus::kLost);
  EXPECT_TRUE(SaysSoon("tatami: E0602: cannot"));
  attempt_.mpi_folder = attempt_.folder + "/mpi";
}

TEST_F(LocalLauncherTest, NeverStartedIsLost) {
  EXPECT_EQ(launcher_.Poll(attempt_)->status, AttemptStatus::kLost);
  attempt_.folder += "/never_made";  // by a service killed before it did
  EXPECT_EQ(launcher_.Poll(attempt_)->status, AttemptStatus::kLost);
}

}  // namespace
}  // namespace tatami::jobs
