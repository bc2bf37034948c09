// The job service on a cluster of Slurm: four virtual nodes with one processor each, so
// that two ranks are on two of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/jobs/running_service.h"
#include "tests/jobs/virtual_slurm.h"

namespace tatami::testing {
namespace {

using ::testing::IsEmpty;

class Slurm : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string why = VirtualSlurm::WhyNot();
    if (!why.empty()) GTEST_SKIP() << "no Slurm here: " << why;
    scratch_ = std::make_unique<Scratch>("/var/tmp/");  // /tmp is a node's own
    scratch_->WriteSmallVideo("drives");
    slurm_ = std::make_unique<VirtualSlurm>(*scratch_);
    service_ = std::make_unique<RunningService>(
        *scratch_, std::vector<std::string>{"--launcher", "slurm"});
    service_->Start();
  }
  void TearDown() override {
    if (service_ == nullptr) return;
    EXPECT_THAT(Queue(), IsEmpty());
    for (const char* program : {"tatami", "mpirun", "orted", "srun"}) {
      EXPECT_THAT(service_->Processes(program), IsEmpty()) << program;
    }
    service_.reset();
    slurm_.reset();
  }

  // Slurm's jobs that have not ended, once it has cleared the nodes of the last.
  std::string Queue() const {
    std::string queue;
    for (int i = 0; i < 150; ++i) {
      queue = slurm_->Ask({"squeue", "--noheader"});
      if (queue.empty()) break;
      absl::SleepFor(absl::Milliseconds(200));
    }
    return queue;
  }
  // The node of the rank, or -1.
  int NodeOfRank(int rank) const {
    for (const pid_t pid : service_->Ranks()) {
      const std::string environment = FileText(absl::StrCat("/proc/", pid, "/environ"));
      if (environment.find(absl::StrCat("OMPI_COMM_WORLD_RANK=", rank) + '\0') !=
          std::string::npos) {
        return slurm_->NodeOf(pid);
      }
    }
    return -1;
  }

  std::unique_ptr<Scratch> scratch_;
  std::unique_ptr<VirtualSlurm> slurm_;
  std::unique_ptr<RunningService> service_;
};

TEST_F(Slurm, CancelledAndResumedItHasTheSameWeights) {
  constexpr int kSteps = 1000;
  const Undisturbed plain = Train(*scratch_, 1, kSteps);
  const int64_t id = Submit(*service_, RunWords("submit", 2, kSteps));
  std::string followed;
  std::thread follower([&] {
    followed = service_->Tatami({"logs", "-f", absl::StrCat(id)}).out;
  });
  service_->WaitForStep(id, 100);
  EXPECT_NE(NodeOfRank(0), NodeOfRank(1));
  EXPECT_GE(NodeOfRank(0), 0);
  EXPECT_EQ(service_->Tatami({"cancel", absl::StrCat(id)}).exit_code, 0);
  EXPECT_EQ(service_->Tatami({"wait", absl::StrCat(id)}).exit_code, 130);
  follower.join();
  nlohmann::json job = service_->Describe(id);
  const std::string folder = job["folder"];
  EXPECT_EQ(followed, FileText(folder + "/log.txt"));
  EXPECT_GE(job["step"], 100);
  EXPECT_LT(job["step"], kSteps);

  EXPECT_EQ(service_->Tatami({"resume", absl::StrCat(id)}).exit_code, 0);
  service_->WaitForStep(id, job["step"].get<int64_t>() + 50);
  service_->Kill();  // the next one finds the job in Slurm
  service_->Start();
  const Outcome outcome = service_->Tatami({"wait", absl::StrCat(id), "--json"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.out << outcome.err;
  job = service_->Describe(id);
  EXPECT_EQ(job["weights_hash"], plain.weights_hash);
  EXPECT_EQ(CountOf(job, "RECOVERING"), 0) << job.dump(1);
  EXPECT_TRUE(FileText(folder + "/run/metrics.jsonl") == plain.metrics);
}

TEST_F(Slurm, ANodeThatDiesCostsStepsNotWeights) {
  constexpr int kSteps = 1500;
  const Undisturbed plain = Train(*scratch_, 1, kSteps);
  const int64_t id = Submit(*service_, RunWords("submit", 2, kSteps));
  service_->WaitForStep(id, 100);
  const int lost = NodeOfRank(0);  // with mpirun and what started it
  ASSERT_GE(lost, 0);
  slurm_->KillNode(lost);
  const Outcome outcome = service_->Tatami({"wait", absl::StrCat(id), "--json"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.out << outcome.err;
  const nlohmann::json job = service_->Describe(id);
  EXPECT_EQ(job["weights_hash"], plain.weights_hash);
  EXPECT_EQ(CountOf(job, "RECOVERING"), 1) << job.dump(1);
  EXPECT_TRUE(FileText(job["folder"].get<std::string>() + "/run/metrics.jsonl") ==
              plain.metrics);
}

}  // namespace
}  // namespace tatami::testing
