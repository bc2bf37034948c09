// The job service as its users meet it: real processes, real kills, equal weights.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/jobs/running_service.h"

namespace tatami::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

// R1, R13, R15 and goal 2 of the service: ranks, mpirun, the service and the runner are
// killed in turn.
TEST(Service, KillsCostStepsNotWeights) {
  constexpr int kSteps = 6000;
  const Scratch scratch;
  scratch.WriteSmallVideo("drives");
  const Undisturbed plain = Train(scratch, 1, kSteps);
  RunningService service(scratch);
  service.Start();
  const int64_t id = Submit(service, RunWords("submit", 2, kSteps));
  std::string followed;
  std::thread follower([&] {
    followed = service.Tatami({"logs", "-f", absl::StrCat(id)}).out;
  });

  int kills = 0;
  const auto kill_one = [&](const std::vector<pid_t>& processes, int step) {
    ASSERT_FALSE(processes.empty()) << "before step " << step;
    kill(processes.back(), SIGKILL);
    ++kills;
    for (int i = 0; i < 300 && CountOf(service.Describe(id), "RECOVERING") < kills;
         ++i) {
      absl::SleepFor(absl::Milliseconds(100));
    }
  };
  service.WaitForStep(id, 500);
  kill_one(service.Ranks(), 500);
  service.WaitForStep(id, 1500);
  kill_one(service.Processes("mpirun"), 1500);
  service.WaitForStep(id, 2500);
  service.Kill();
  service.Start();
  service.WaitForStep(id, 3000);
  // The runner is the one whose parent is no process of ours.
  std::vector<pid_t> runner = service.Processes("tatami");
  ASSERT_FALSE(runner.empty());
  kill_one({*std::min_element(runner.begin(), runner.end())}, 3000);

  const Outcome outcome = service.Tatami({"wait", absl::StrCat(id), "--json"});
  follower.join();
  ASSERT_EQ(outcome.exit_code, 0) << outcome.out << outcome.err;
  EXPECT_EQ(outcome.LastJson()["weights_hash"], plain.weights_hash);
  const nlohmann::json job = service.Describe(id);
  EXPECT_EQ(job["state"], "SUCCEEDED");
  EXPECT_EQ(CountOf(job, "RECOVERING"), kills) << job.dump(1);
  const std::string folder = job["folder"];
  EXPECT_EQ(FileText(folder + "/run/metrics.jsonl"), plain.metrics);
  EXPECT_EQ(followed, FileText(folder + "/log.txt"));
  EXPECT_TRUE(service.Processes("tatami").empty());
  EXPECT_TRUE(service.Processes("mpirun").empty());
  for (const auto& entry : fs::directory_iterator("/dev/shm")) {
    EXPECT_THAT(
        entry.path().string(),
        ::testing::Not(HasSubstr(absl::StrCat(job["submitted_ms"].get<int64_t>()))));
  }
}

// R13: the service kills itself after each change of its store in turn.
TEST(Service, KilledAfterAnyCommitItGoesOn) {
  const Scratch scratch;
  scratch.WriteSmallVideo("drives");
  const Undisturbed plain = Train(scratch, 1, 20);
  for (int commit = 1; commit < 20; ++commit) {
    fs::remove_all(scratch.path() + "/home");
    RunningService dying(scratch, {"--crash_at_commit", absl::StrCat(commit)});
    RunningService service(scratch);
    dying.Start();
    std::vector<std::string> words = RunWords("submit", 1, 20);
    words.insert(words.end(), {"--once", "one"});
    dying.Tatami(words);
    bool died = false;
    for (int i = 0; i < 300 && !died; ++i) {
      died = !dying.IsAlive();
      if (!died && dying.Describe(1).value("ended_ms", int64_t{0}) > 0) break;
      absl::SleepFor(absl::Milliseconds(50));
    }
    if (died) service.Start();
    ASSERT_EQ(service.Tatami(words).exit_code, 0);  // again: the same job
    const Outcome outcome = service.Tatami({"wait", "1", "--json"});
    EXPECT_EQ(outcome.LastJson()["weights_hash"], plain.weights_hash)
        << "killed after commit " << commit;
    EXPECT_EQ(service.Tatami({"jobs", "--all", "--json"}).LastJson()["jobs"].size(), 1);
    if (!died) {
      EXPECT_GE(commit, 4);  // submitted, started, runs, ended
      return;
    }
  }
  ADD_FAILURE() << "a job takes more than 20 commits";
}

// R9: what is cancelled saves, and goes on where it was.
TEST(Service, CancelledAndResumedItHasTheSameWeights) {
  constexpr int kSteps = 3000;
  const Scratch scratch;
  scratch.WriteSmallVideo("drives");
  const Undisturbed plain = Train(scratch, 1, kSteps);
  RunningService service(scratch);
  service.Start();
  const int64_t id = Submit(service, RunWords("submit", 2, kSteps));
  service.WaitForStep(id, 300);
  EXPECT_EQ(service.Tatami({"cancel", absl::StrCat(id)}).exit_code, 0);
  EXPECT_EQ(service.Tatami({"wait", absl::StrCat(id)}).exit_code, 130);
  const int64_t step = service.Describe(id)["step"];
  EXPECT_GE(step, 300);
  EXPECT_LT(step, kSteps);
  EXPECT_TRUE(service.Processes("tatami").empty());
  EXPECT_EQ(service.Tatami({"resume", absl::StrCat(id)}).exit_code, 0);
  const Outcome outcome = service.Tatami({"wait", absl::StrCat(id), "--json"});
  EXPECT_EQ(outcome.LastJson()["weights_hash"], plain.weights_hash);
  EXPECT_EQ(FileText(service.Describe(id)["folder"].get<std::string>() +
                     "/run/metrics.jsonl"),
            plain.metrics);
}

// R14
TEST(Service, TwoOnOneFolderAreOneTooMany) {
  const Scratch scratch;
  RunningService service(scratch);
  service.Start();
  const Outcome second =
      RunTatami({"serve", "--folder", service.folder()}, {.folder = scratch.path()});
  EXPECT_EQ(second.exit_code, 6);
  EXPECT_THAT(second.err, HasSubstr(absl::StrCat("is served already, by process ",
                                                 service.process())));
}

TEST(Service, OfASmallerMeshItShowsWhatReachesOverItsEdge) {
  const Scratch scratch;
  scratch.WriteSmallVideo("drives");
  RunningService large(scratch, {"--mesh", "8x8"}), small(scratch, {"--mesh", "4x3"});
  large.Start();
  EXPECT_EQ(large.Tatami({"drain", "7,7"}).exit_code, 0);
  std::vector<std::string> words = RunWords("submit", 1, 100'000);
  words.push_back("--mesh=6x6");
  const int64_t id = Submit(large, words);
  large.WaitForStep(id, 1);
  large.Kill();
  small.Start();
  const Outcome nodes = small.Tatami({"nodes"});
  EXPECT_EQ(nodes.exit_code, 0);
  EXPECT_THAT(nodes.out, HasSubstr("AAA\nAAA\nAAA\nAAA\n. free"));
  EXPECT_EQ(small.Tatami({"cancel", "--now", absl::StrCat(id)}).exit_code, 0);
  EXPECT_EQ(small.Tatami({"wait", absl::StrCat(id)}).exit_code, 130);
}

// R16: no shell sees a value.
TEST(Service, ValuesArriveAsThemselves) {
  const Scratch scratch;
  const std::string evil = "x'; touch " + scratch.path() + "/pwned \"$(id)\" `id`";
  scratch.WriteSmallVideo(evil);
  RunningService service(scratch);
  service.Start();
  const int64_t id = Submit(service, {"submit", "--model=drivenet-tiny", "--data", evil,
                                      "--steps=4", "--set", "name=" + evil, "--np=2"});
  const Outcome outcome = service.Tatami({"wait", absl::StrCat(id)});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.out;
  EXPECT_FALSE(fs::exists(scratch.path() + "/pwned"));
  EXPECT_EQ(service.Describe(id)["name"], evil);
}

}  // namespace
}  // namespace tatami::testing
