#include "tools/jobs/job_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "tools/jobs/job_states.h"
#include "tools/jobs/test_launcher.h"

namespace tatami::jobs {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class JobServiceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = ::testing::TempDir() + "/job_service_" +
              ::testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    Open();
  }
  void TearDown() override {
    service_.reset();
    fs::remove_all(folder_);
  }

  // As a service that was killed and started again.
  void Open() {
    service_.reset();
    JobServiceOptions options{.folder = folder_,
                              .memory_root = folder_ + "/shm",
                              .train = {"tatami", "train"},
                              .cluster = {.mesh = {8, 8}, .queues = {{"default"}}}};
    auto service = JobService::Open(options, launcher_, [this] { return now_; });
    ASSERT_TRUE(service.ok()) << service.status();
    service_ = *std::move(service);
  }

  static JobConfig Config(const std::string& mesh) {
    JobConfig config;
    config.set_name("job");
    config.mutable_run()->set_model("drivenet-tiny");
    config.mutable_run()->set_data("data");
    config.mutable_run()->set_mesh(mesh);
    config.mutable_run()->set_steps(10);
    return config;
  }
  int64_t Submit(const JobConfig& config, const std::string& key = "") {
    SubmitRequest request;
    *request.mutable_config() = config;
    request.set_idempotency_key(key);
    const auto job = service_->Submit(request, "ann");
    EXPECT_TRUE(job.ok()) << job.status();
    return job.ok() ? job->id() : 0;
  }
  Job Get(int64_t id) { return service_->Get(id)->job(); }
  JobState State(int64_t id) { return Get(id).state(); }
  void Tick() {
    const absl::Status status = service_->Tick();
    EXPECT_TRUE(status.ok()) << status;
  }
  void Advance(absl::Duration by) {
    now_ += by;
    Tick();
  }
  // What a run writes.
  void WriteStep(int64_t id, int64_t step) {
    const std::string run = Get(id).folder() + "/run";
    fs::create_directories(run);
    std::ofstream(run + "/metrics.jsonl", std::ios::app)
        << "{\"step\":" << step << ",\"train/loss\":0.5}\n";
  }
  void WriteEnd(int64_t id, int64_t steps, const char* stopped) {
    const std::string run = Get(id).folder() + "/run";
    fs::create_directories(run);
    std::ofstream(run + "/summary.json")
        << "{\"steps\":" << steps << ",\"total_steps\":10,\"stopped\":" << stopped
        << ",\"weights_hash\":\"0123456789abcdef\"}";
  }
  std::vector<JobState> History(int64_t id) {
    std::vector<JobState> states;
    const JobDetails details = *service_->Get(id);
    for (const JobEvent& event : details.events()) {
      states.push_back(event.to());
    }
    return states;
  }

  std::string folder_;
  absl::Time now_ = absl::FromUnixSeconds(1'700'000'000);
  TestLauncher launcher_;
  std::unique_ptr<JobService> service_;
};

TEST_F(JobServiceTest, AJobRunsToItsEnd) {
  const int64_t id = Submit(Config("4x4"));
  Tick();
  EXPECT_EQ(State(id), STARTING);
  ASSERT_EQ(launcher_.commands.size(), 1);
  const std::string folder = Get(id).folder();
  EXPECT_THAT(launcher_.commands[0],
              ElementsAre("tatami", "train", "--model=drivenet-tiny", "--data=data",
                          "--mesh=4x4", "--steps=10", "--out=" + folder + "/run",
                          HasSubstr("--snapshots="), "--resume_if_any"));
  Tick();
  WriteStep(id, 3);
  Tick();
  EXPECT_EQ(State(id), RUNNING);
  EXPECT_EQ(Get(id).step(), 3);
  WriteEnd(id, 10, "false");
  launcher_.End(id, 1, 0);
  Tick();
  EXPECT_EQ(State(id), SUCCEEDED);
  EXPECT_EQ(Get(id).weights_hash(), "0123456789abcdef");
  EXPECT_THAT(History(id), ElementsAre(QUEUED, STARTING, RUNNING, SUCCEEDED));
}

TEST_F(JobServiceTest, LostProcessesAreStartedAgainAtOnce) {
  const int64_t id = Submit(Config("4x4"));
  Tick();
  Tick();
  WriteStep(id, 3);
  launcher_.End(id, 1, 137);
  Tick();
  EXPECT_EQ(State(id), RECOVERING);
  EXPECT_THAT(Get(id).reason(), HasSubstr("signal 9; starts again after step 3"));
  Tick();
  EXPECT_EQ(State(id), STARTING);
  EXPECT_EQ(Get(id).attempt(), 2);
}

TEST_F(JobServiceTest, ThreeEqualFailuresEndIt) {
  const int64_t id = Submit(Config("4x4"));
  for (int attempt = 1; attempt <= 3; ++attempt) {
    for (int i = 0; i < 50 && Get(id).attempt() < attempt; ++i) {
      Advance(absl::Seconds(1));
    }
    ASSERT_EQ(Get(id).attempt(), attempt);
    launcher_.End(id, attempt, 6);
    Tick();
  }
  EXPECT_EQ(State(id), FAILED);
  EXPECT_THAT(Get(id).reason(), HasSubstr("failed 3 times after step 0"));
}

TEST_F(JobServiceTest, ProgressForgivesFailures) {
  const int64_t id = Submit(Config("4x4"));
  for (int attempt = 1; attempt <= 8; ++attempt) {
    for (int i = 0; i < 9 && Get(id).attempt() < attempt; ++i) {
      Advance(absl::Seconds(1));
    }
    ASSERT_EQ(Get(id).attempt(), attempt) << Get(id).reason();
    WriteStep(id, attempt);
    launcher_.End(id, attempt, 6);
    Tick();
  }
  EXPECT_EQ(State(id), RECOVERING);
}

TEST_F(JobServiceTest, ACauseThatStaysIsNotTriedAgain) {
  const int64_t id = Submit(Config("4x4"));
  Tick();
  std::ofstream(Get(id).folder() + "/log.txt")
      << "tatami: E0404: too few frames.\nmore\n";
  launcher_.End(id, 1, 4);
  Tick();
  EXPECT_EQ(State(id), FAILED);
  EXPECT_THAT(Get(id).reason(), HasSubstr("exit code 4: E0404: too few frames."));
  EXPECT_EQ(Get(id).exit_code(), 4);
}

TEST_F(JobServiceTest, TheSameKeyIsOneJob) {
  const int64_t id = Submit(Config("4x4"), "key");
  EXPECT_EQ(Submit(Config("4x4"), "key"), id);
  Open();
  EXPECT_EQ(Submit(Config("4x4"), "key"), id);
  EXPECT_NE(Submit(Config("4x4"), "other"), id);
  EXPECT_EQ(service_->List().size(), 2);
}

TEST_F(JobServiceTest, ARestartedServiceAdoptsWhatRuns) {
  const int64_t id = Submit(Config("4x4"));
  Tick();
  Open();
  Tick();
  EXPECT_EQ(State(id), RUNNING);
  Open();
  WriteEnd(id, 10, "false");
  launcher_.End(id, 1, 0);
  Tick();
  EXPECT_EQ(State(id), SUCCEEDED);
  EXPECT_EQ(launcher_.commands.size(), 1);
}

TEST_F(JobServiceTest, CancelSavesFirstAndKillsAfterItsGrace) {
  const int64_t id = Submit(Config("4x4"));
  Tick();
  Tick();
  CancelRequest request;
  request.set_id(id);
  EXPECT_EQ(service_->Cancel(request)->state(), CANCELLING);
  EXPECT_THAT(launcher_.asked, ElementsAre(id));
  Advance(absl::Seconds(59));
  EXPECT_THAT(launcher_.killed, IsEmpty());
  Advance(absl::Seconds(2));
  EXPECT_THAT(launcher_.killed, ElementsAre(id));
  Tick();
  EXPECT_EQ(State(id), CANCELLED);
  EXPECT_EQ(service_->Resume(id)->state(), QUEUED);
  Tick();
  EXPECT_EQ(State(id), STARTING);
}

TEST_F(JobServiceTest, ARunWithoutStepsIsStartedAgain) {
  const int64_t id = Submit(Config("4x4"));
  Tick();
  Tick();
  for (int step = 1; step <= 3; ++step) {
    WriteStep(id, step);
    Advance(absl::Seconds(5));
  }
  Advance(absl::Seconds(90));  // less than 20 steps' time
  EXPECT_EQ(State(id), RUNNING);
  Advance(absl::Seconds(11));
  EXPECT_EQ(State(id), RECOVERING);
  EXPECT_THAT(Get(id).reason(), HasSubstr("no step was done in 1m40s, after step 3"));
  EXPECT_THAT(launcher_.killed, ElementsAre(id));
}

TEST_F(JobServiceTest, ATimeLimitEndsIt) {
  JobConfig config = Config("4x4");
  config.set_time_limit_s(30);
  const int64_t id = Submit(config);
  Tick();
  Tick();
  Advance(absl::Seconds(31));
  EXPECT_EQ(State(id), CANCELLING);
  WriteEnd(id, 5, "true");
  launcher_.End(id, 1, 0);
  Tick();
  EXPECT_EQ(State(id), CANCELLED);
  EXPECT_THAT(Get(id).reason(), HasSubstr("time limit of 30 s"));
}

TEST_F(JobServiceTest, JobsWaitForNodesWithAReason) {
  const int64_t first = Submit(Config("8x8"));
  const int64_t second = Submit(Config("4x8"));
  Tick();
  Tick();
  EXPECT_EQ(State(first), RUNNING);
  EXPECT_EQ(State(second), QUEUED);
  EXPECT_THAT(Get(second).reason(), HasSubstr("R_NO_RECT"));
  EXPECT_GT(Get(second).earliest_start_ms(), absl::ToUnixMillis(now_));
  WriteEnd(first, 10, "false");
  launcher_.End(first, 1, 0);
  Tick();
  EXPECT_EQ(State(second), STARTING);
}

TEST_F(JobServiceTest, DrainedNodesGetNoJobAndAreRemembered) {
  DrainRequest request;
  request.mutable_rectangle()->set_rows(8);
  request.mutable_rectangle()->set_cols(5);
  ASSERT_TRUE(service_->Drain(request).ok());
  Open();
  const int64_t id = Submit(Config("4x4"));
  Tick();
  EXPECT_EQ(State(id), QUEUED);
  EXPECT_THAT(Get(id).reason(), HasSubstr("R_DRAINED"));
  request.set_undrain(true);
  ASSERT_TRUE(service_->Drain(request).ok());
  Tick();
  EXPECT_EQ(State(id), STARTING);
}

TEST_F(JobServiceTest, RefusesWhatCanNeverBe) {
  SubmitRequest request;
  *request.mutable_config() = Config("9x2");
  EXPECT_EQ(
      service_->Submit(request, "ann").status().message(),
      "E0105: a job on 9x2 nodes never fits on this cluster of 8x8 nodes. Ask for "
      "a smaller --mesh.");
  *request.mutable_config() = Config("2x2");
  request.mutable_config()->set_queue("defalt");
  EXPECT_EQ(service_->Submit(request, "ann").status().message(),
            "E0101: no queue 'defalt'; did you mean 'default'? Queues here: default.");
  EXPECT_THAT(service_->List(), IsEmpty());
}

TEST_F(JobServiceTest, LogsAreReadFromAnyOffset) {
  const int64_t id = Submit(Config("4x4"));
  Tick();
  std::ofstream(Get(id).folder() + "/log.txt") << "0123456789";
  EXPECT_EQ(service_->ReadLog(id, 0, 4)->data, "0123");
  EXPECT_EQ(service_->ReadLog(id, 4, 100)->data, "456789");
  EXPECT_EQ(service_->ReadLog(id, 10, 100)->data, "");
  EXPECT_FALSE(service_->ReadLog(id, 10, 100)->complete);
  WriteEnd(id, 10, "false");
  launcher_.End(id, 1, 0);
  Tick();
  EXPECT_TRUE(service_->ReadLog(id, 10, 100)->complete);
  EXPECT_FALSE(service_->ReadLog(id, 2, 4)->complete);
}

// R13 in small: whatever moment it is killed at, it goes on, with one owner a job.
TEST_F(JobServiceTest, KilledAfterAnyCommitItGoesOn) {
  struct Killed {};
  for (int commit = 1; commit <= 6; ++commit) {
    launcher_ = {};
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    Open();
    int left = commit;
    service_->store().set_after_commit([&left] {
      if (--left == 0) throw Killed();
    });
    bool ended = false;
    for (int i = 0; i < 40 && !ended; ++i) {
      try {
        if (service_->List().empty()) Submit(Config("4x4"), "key");
        for (const auto& [key, state] : launcher_.attempts) {
          if (state.status != AttemptStatus::kRunning) continue;
          WriteEnd(key.first, 10, "false");
          if (i > 5) launcher_.End(key.first, key.second, 0);
        }
        Advance(absl::Seconds(1));
      } catch (const Killed&) {
        Open();
      }
      ended = !service_->List().empty() && HasEnded(service_->List()[0].state());
    }
    ASSERT_TRUE(ended) << "killed after commit " << commit;
    EXPECT_EQ(service_->List().size(), 1);
    EXPECT_EQ(State(1), SUCCEEDED) << "killed after commit " << commit;
    EXPECT_LE(launcher_.commands.size(), 2);
    EXPECT_TRUE(fs::is_empty(folder_ + "/shm")) << "killed after commit " << commit;
    if (left > 0) break;  // it had fewer commits
  }
}

}  // namespace
}  // namespace tatami::jobs
