// What is said to Slurm, and what its answers do: commands of Slurm that are scripts of
// the test. tests/jobs/slurm_test.cc meets the real ones.
#include "tools/jobs/slurm_launcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tools/jobs/attempt_runner.h"
#include "tools/jobs/folder_lock.h"
#include "tools/jobs/program.h"

namespace tatami::jobs {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

std::string Text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void Write(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

class SlurmLauncherTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = ::testing::TempDir() + "/slurm_" +
              ::testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(folder_);
    fs::create_directories(folder_ + "/bin");
    attempt_.job = 7;
    attempt_.number = 2;
    attempt_.ranks = 3;
    attempt_.folder = folder_ + "/job 100%";
    attempt_.mpi_folder = folder_ + "/mpi";
    attempt_.command = {"/bin/sh", "-c", "echo $TATAMI_ATTEMPT; exit 4"};
    fs::create_directories(attempt_.folder);
    // Each writes down its words, its name first, and answers with a file of the test.
    for (const std::string name : {"sbatch", "squeue", "scancel"}) {
      const std::string path = folder_ + "/bin/" + name;
      Write(path, absl::StrCat("#!/bin/sh\ncd '", folder_, "'\nprintf '[%s]' ", name,
                               " \"$@\" >>said\necho >>said\n",
                               name == "sbatch" ? "cat >script\n" : "", "test ! -e ",
                               name, ".fails || { echo no >&2; exit 3; }\n", "cat ",
                               name, ".out\n"));
      chmod(path.c_str(), 0755);
      Write(folder_ + "/" + name + ".out", "");
    }
    path_ = std::getenv("PATH");
    setenv("PATH", (folder_ + "/bin:" + path_).c_str(), 1);
  }
  void TearDown() override {
    setenv("PATH", path_.c_str(), 1);
    fs::remove_all(folder_);
  }

  std::string Line(int id, const std::string& state) const {
    return absl::StrCat(id, " ", state, " tatami-7-2 ", attempt_.folder, "\n");
  }
  void Queue(const std::string& lines) const {
    Write(folder_ + "/squeue.out", "1 RUNNING of another\n" + lines);
  }
  // The calls of this program, a line each.
  std::string SaidTo(const std::string& program) const {
    std::string lines, line;
    for (std::ifstream file(folder_ + "/said"); std::getline(file, line);) {
      if (line.find("[" + program + "]") == 0) lines += line + "\n";
    }
    return lines;
  }
  AttemptStatus Status() {
    const absl::StatusOr<AttemptState> state = launcher_.Poll(attempt_);
    EXPECT_TRUE(state.ok()) << state.status();
    return state.ok() ? state->status : AttemptStatus::kLost;
  }
  // Runs the script that sbatch was given, as Slurm would.
  ProgramEnd RunScript() const {
    return *RunProgram(
        {"/bin/sh", "-s"},
        EnvironmentWith({AttemptTag(AttemptFolder(attempt_)),
                         absl::StrCat("TATAMI_RUNNER=", TATAMI_COMMAND)}),
        Text(folder_ + "/script"), absl::Seconds(30));
  }

  std::string folder_, path_;
  Attempt attempt_;
  SlurmLauncher launcher_{{.tatami = TATAMI_COMMAND,
                           .listing_age_max = absl::ZeroDuration(),
                           .command_deadline = absl::Seconds(10),
                           .kill_patience = absl::Milliseconds(300),
                           .kill_pause = absl::Milliseconds(20)}};
};

TEST_F(SlurmLauncherTest, SaysTheWholeAttemptInWordsAndOneFixedScript) {
  Write(folder_ + "/sbatch.out", "812;cluster\n");
  const absl::Status status = launcher_.Launch(attempt_);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(SaidTo("sbatch"),
            absl::StrCat("[sbatch][--parsable][--export=ALL][--no-requeue]"
                         "[--signal=B:TERM@120][--ntasks=3][--job-name=tatami-7-2]"
                         "[--comment=",
                         attempt_.folder, "][--output=", folder_,
                         "/job 100%%/attempts/2/slurm.txt]\n"));
  EXPECT_EQ(Text(folder_ + "/script"),
            "#!/bin/sh\nexec \"$TATAMI_RUNNER\" run_attempt \"$TATAMI_ATTEMPT\"\n");
}

TEST_F(SlurmLauncherTest, TheScriptTakesTheLockAndTellsHowItEnded) {
  Write(folder_ + "/sbatch.out", "812\n");
  ASSERT_TRUE(launcher_.Launch(attempt_).ok());
  EXPECT_EQ(RunScript().exit_code, 0);
  EXPECT_EQ(Text(LogPath(attempt_.folder)), AttemptFolder(attempt_) + "\n");
  EXPECT_FALSE(fs::exists(attempt_.mpi_folder));
  Queue(Line(812, "RUNNING"));  // what squeue said may be a moment old
  EXPECT_EQ(Status(), AttemptStatus::kRunning);
  for (const std::string& lines :
       {Line(812, "COMPLETING"), Line(812, "COMPLETED"), std::string()}) {
    Queue(lines);
    const AttemptState state = *launcher_.Poll(attempt_);
    EXPECT_EQ(state.status, AttemptStatus::kEnded);
    EXPECT_EQ(state.exit_code, 4);
    EXPECT_TRUE(launcher_.Kill(attempt_).ok());
  }
  EXPECT_EQ(SaidTo("scancel"), "");
}

TEST_F(SlurmLauncherTest, NoAttemptRunsTwiceOrAfterALaterOne) {
  Write(folder_ + "/sbatch.out", "812\n");
  ASSERT_TRUE(launcher_.Launch(attempt_).ok());
  fs::create_directories(attempt_.folder + "/attempts/3");
  ProgramEnd end = RunScript();
  EXPECT_EQ(end.exit_code, 1);
  EXPECT_THAT(end.said, HasSubstr("given up for a later attempt"));
  fs::remove_all(attempt_.folder + "/attempts/3");
  EXPECT_EQ(RunScript().exit_code, 0);
  fs::remove(AttemptFolder(attempt_) + "/exit.json");
  end = RunScript();
  EXPECT_EQ(end.exit_code, 1);
  EXPECT_THAT(end.said, HasSubstr("was started before"));
  EXPECT_EQ(Text(LogPath(attempt_.folder)), AttemptFolder(attempt_) + "\n");  // once
}

TEST_F(SlurmLauncherTest, TheScriptWaitsForTheLock) {
  Write(folder_ + "/sbatch.out", "812\n");
  ASSERT_TRUE(launcher_.Launch(attempt_).ok());
  auto lock = std::make_unique<FolderLock>(attempt_.folder);
  ASSERT_TRUE(lock->held());
  std::thread freeing([&] {
    absl::SleepFor(absl::Milliseconds(700));
    EXPECT_FALSE(fs::exists(AttemptFolder(attempt_) + "/runner"));
    lock.reset();
  });
  EXPECT_EQ(RunScript().exit_code, 0);
  freeing.join();
}

TEST_F(SlurmLauncherTest, StatesOfSlurmAreStatesOfTheAttempt) {
  for (const char* state :
       {"PENDING", "CONFIGURING", "RUNNING", "COMPLETING", "SUSPENDED", "COMPLETED"}) {
    Queue(Line(812, state));
    EXPECT_EQ(Status(), AttemptStatus::kRunning) << state;
  }
  for (const char* state :
       {"FAILED", "NODE_FAIL", "CANCELLED", "TIMEOUT", "PREEMPTED", "OUT_OF_MEMORY"}) {
    Queue(Line(812, state));
    EXPECT_EQ(Status(), AttemptStatus::kLost) << state;
  }
  Queue("");
  EXPECT_EQ(Status(), AttemptStatus::kLost);
  // Of the same name, by another service.
  Queue("812 RUNNING tatami-7-2 /elsewhere/jobs/7\n");
  EXPECT_EQ(Status(), AttemptStatus::kLost);
  // Two of one attempt, when sbatch was heard of too late: the newest counts.
  Queue(Line(812, "CANCELLED") + Line(813, "RUNNING") + Line(811, "FAILED"));
  EXPECT_EQ(Status(), AttemptStatus::kRunning);
}

TEST_F(SlurmLauncherTest, WhatSlurmQueuesAgainIsLost) {
  fs::create_directories(AttemptFolder(attempt_));
  Queue(Line(812, "PENDING"));
  EXPECT_EQ(Status(), AttemptStatus::kRunning);
  Write(AttemptFolder(attempt_) + "/runner", "1 1");
  EXPECT_EQ(Status(), AttemptStatus::kLost);
}

// What squeue said last is older than the start.
TEST_F(SlurmLauncherTest, WhatHasJustStartedIsNotQueuedAgain) {
  fs::create_directories(AttemptFolder(attempt_));
  SlurmLauncher launcher({.tatami = TATAMI_COMMAND, .listing_age_max = absl::Hours(1)});
  Queue(Line(812, "PENDING"));
  EXPECT_EQ(launcher.Poll(attempt_)->status, AttemptStatus::kRunning);
  Write(AttemptFolder(attempt_) + "/runner", "1 1");
  Queue(Line(812, "RUNNING"));
  EXPECT_EQ(launcher.Poll(attempt_)->status, AttemptStatus::kRunning);
}

// An answer that is not understood is no news of an attempt.
TEST_F(SlurmLauncherTest, StrangeAnswersAreErrors) {
  Queue(Line(812, "DANCING"));
  EXPECT_THAT(std::string(launcher_.Poll(attempt_).status().message()),
              HasSubstr(absl::StrCat("squeue said '812 DANCING tatami-7-2 ",
                                     attempt_.folder, "', which is not an answer")));
  Queue("x" + Line(812, "RUNNING"));
  EXPECT_FALSE(launcher_.Poll(attempt_).ok());
  Write(folder_ + "/squeue.fails", "");
  EXPECT_EQ(launcher_.Poll(attempt_).status().message(),
            "E0603: squeue ended with code 3: 'no'. See whether `sinfo` works here.");
  fs::remove(folder_ + "/squeue.fails");
  Queue("");
  Write(folder_ + "/sbatch.out", "sbatch: queued, perhaps\n");
  EXPECT_THAT(std::string(launcher_.Launch(attempt_).message()),
              HasSubstr("sbatch said 'sbatch: queued, perhaps'"));
  setenv("PATH", folder_.c_str(), 1);
  EXPECT_THAT(std::string(launcher_.Poll(attempt_).status().message()),
              HasSubstr("cannot start squeue: No such file or directory"));
}

TEST_F(SlurmLauncherTest, ACommandThatHangsIsEnded) {
  const absl::StatusOr<ProgramEnd> end =
      RunProgram({"sleep", "1000"}, EnvironmentWith({}), "", absl::Milliseconds(50));
  EXPECT_THAT(std::string(end.status().message()),
              HasSubstr("sleep did not end within 50ms"));
}

TEST_F(SlurmLauncherTest, AsksTheRunnerAloneOrTakesItOutOfTheQueue) {
  Queue(Line(812, "RUNNING"));
  ASSERT_TRUE(launcher_.AskToEnd(attempt_).ok());
  EXPECT_EQ(SaidTo("scancel"), "[scancel][--batch][--signal=TERM][812]\n");
  fs::remove(folder_ + "/said");
  Queue(Line(812, "PENDING"));
  ASSERT_TRUE(launcher_.AskToEnd(attempt_).ok());
  EXPECT_EQ(SaidTo("scancel"), "[scancel][--state=PENDING][812]\n");
  fs::remove(folder_ + "/said");
  Queue(Line(812, "COMPLETING"));
  ASSERT_TRUE(launcher_.AskToEnd(attempt_).ok());
  EXPECT_EQ(SaidTo("scancel"), "");
  Queue(Line(812, "RUNNING"));
  Write(folder_ + "/scancel.fails", "");
  EXPECT_FALSE(launcher_.AskToEnd(attempt_).ok());
}

TEST_F(SlurmLauncherTest, KillEndsEveryAttemptOfTheJobAndSaysWhenItCannot) {
  const std::string before =
      absl::StrCat("811 PENDING tatami-7-1 ", attempt_.folder, "\n");
  Queue(before + Line(812, "RUNNING"));
  const absl::Status status = launcher_.Kill(attempt_);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("Slurm has not ended its job 811 of job 7 yet"));
  EXPECT_THAT(SaidTo("scancel"),
              HasSubstr("[scancel][811]\n[scancel][--full][--signal=KILL][812]\n"));
  fs::remove(folder_ + "/said");
  Queue(Line(812, "COMPLETING"));  // Slurm is at it
  EXPECT_FALSE(launcher_.Kill(attempt_).ok());
  EXPECT_EQ(SaidTo("scancel"), "");
  Queue(Line(812, "CANCELLED"));
  EXPECT_TRUE(launcher_.Kill(attempt_).ok());
}

// A late sbatch of a service that is gone.
TEST_F(SlurmLauncherTest, ALaunchEndsWhatIsLeftOfAnotherAttempt) {
  Queue(absl::StrCat("811 RUNNING tatami-7-1 ", attempt_.folder, "\n"));
  EXPECT_FALSE(launcher_.Launch(attempt_).ok());
  EXPECT_EQ(SaidTo("sbatch"), "");
}

}  // namespace
}  // namespace tatami::jobs
