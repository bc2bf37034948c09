// One training run of drivenet-tiny on real video gives the same weights, bit for bit,
// whatever hosts it: ranks, threads, late messages, a stop and a resume elsewhere.
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "compiler/compile.h"
#include "compiler/training_step.h"
#include "core/status_macros.h"
#include "gtest/gtest.h"
#include "models/model.h"
#include "runtime/trainer/trainer.h"
#include "runtime/transport_in_process.h"

namespace tatami {
namespace {

constexpr int64_t kSteps = 20, kStop = 10, kBatch = 2;

// What all runs share.
struct Job {
  std::shared_ptr<const Program> train, evaluate;
  std::unique_ptr<ClipDataset> data;
};

// On three columns: a sum of three terms shows its order, one of two does not.
absl::StatusOr<Program> CompileFor(const ModelPreset& preset, Mode mode) {
  GraphBuilder g(preset.name);
  const BuiltModel model = BuildModel(g, preset, kBatch, mode);
  if (mode == Mode::kTrain) {
    AddTrainingStep(g, model.loss, model.parameters, {.name = "adamw"});
  }
  TATAMI_ASSIGN_OR_RETURN(Graph graph, g.Finish());
  TATAMI_ASSIGN_OR_RETURN(const MachineSpec machine, LoadMachine("d1_die"));
  TATAMI_ASSIGN_OR_RETURN(Compiled compiled,
                          Compile(std::move(graph), machine, {.mesh = {2, 3}}));
  return std::move(compiled.program);
}

absl::StatusOr<Job> MakeJob() {
  TATAMI_ASSIGN_OR_RETURN(const ModelPreset preset, FindModel("drivenet-tiny"));
  TATAMI_ASSIGN_OR_RETURN(Program train, CompileFor(preset, Mode::kTrain));
  TATAMI_ASSIGN_OR_RETURN(Program evaluate, CompileFor(preset, Mode::kEvaluate));
  ClipDatasetOptions options;
  options.size = {static_cast<int>(preset.height), static_cast<int>(preset.width)};
  options.clip.frames = preset.frames;
  options.clip.held_out_stride = 40;  // some clips are enough here
  TATAMI_ASSIGN_OR_RETURN(ClipDataset data,
                          ClipDataset::Load("data/udacity_highway", options));
  return Job{std::make_shared<Program>(std::move(train)),
             std::make_shared<Program>(std::move(evaluate)),
             std::make_unique<ClipDataset>(std::move(data))};
}

struct Hosting {
  int ranks = 1;
  int threads = 1;
  uint64_t delay_seed = 0;  // 0: messages are never late
};
struct Stretch {
  int64_t until = kSteps;
  RunStart start = RunStart::kNew;
  std::string run_dir;
};

absl::StatusOr<TrainSummary> RunRanks(const Job& job, const Hosting& hosting,
                                      const Stretch& stretch) {
  TrainerOptions options{.model = "drivenet-tiny",
                         .run_dir = stretch.run_dir,
                         .steps = stretch.until,
                         .batch = kBatch,
                         .checkpoint_every = kStop,
                         .start = stretch.start,
                         .emulator = {.threads = hosting.threads}};
  options.schedule = {
      .kind = ScheduleKind::kOneCycle, .base_rate = 4e-3, .total_steps = kSteps};
  const auto transports = MakeInProcessTransports(
      hosting.ranks, {.seed = hosting.delay_seed,
                      .delay_max = hosting.delay_seed == 0 ? absl::ZeroDuration()
                                                           : absl::Microseconds(300)});
  std::vector<absl::StatusOr<TrainSummary>> summaries(hosting.ranks, TrainSummary{});
  std::vector<std::thread> threads;
  PosixStorage storage;
  for (int r = 0; r < hosting.ranks; ++r) {
    threads.emplace_back([&, r] {
      summaries[r] =
          Train(job.train, job.evaluate, *job.data, *transports[r], storage, options);
    });
  }
  for (std::thread& t : threads) t.join();
  for (const auto& summary : summaries) TATAMI_RETURN_IF_ERROR(summary.status());
  return summaries[0];
}

class Training : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto job = MakeJob();
    ASSERT_TRUE(job.ok()) << job.status();
    job_ = new Job(*std::move(job));
    auto want = RunRanks(*job_, {}, {});
    ASSERT_TRUE(want.ok()) << want.status();
    want_ = new TrainSummary(*std::move(want));
    ASSERT_EQ(want_->weights_hash.size(), 16) << want_->weights_hash;
  }
  void SetUp() override { ASSERT_NE(want_, nullptr); }

  static void ExpectSame(const absl::StatusOr<TrainSummary>& got,
                         const std::string& what) {
    ASSERT_TRUE(got.ok()) << what << ": " << got.status();
    EXPECT_EQ(got->weights_hash, want_->weights_hash) << what;
    EXPECT_EQ(got->loss, want_->loss) << what;
    EXPECT_EQ(got->metrics, want_->metrics) << what;
  }

  static const Job* job_;
  static const TrainSummary* want_;
};
const Job* Training::job_ = nullptr;
const TrainSummary* Training::want_ = nullptr;

TEST_F(Training, RanksAndThreadsDoNotChangeABit) {
  for (const int ranks : {1, 2, 3, 4}) {
    for (const int threads : {1, 2}) {
      ExpectSame(RunRanks(*job_, {.ranks = ranks, .threads = threads}, {}),
                 absl::StrCat(ranks, " ranks, ", threads, " threads"));
    }
  }
}

TEST_F(Training, QuickLateMessagesDoNotChangeABit) {
  for (const uint64_t seed : {11, 12}) {
    ExpectSame(RunRanks(*job_, {.ranks = 3, .threads = 2, .delay_seed = seed}, {}),
               absl::StrCat("delays of seed ", seed));
  }
}

TEST_F(Training, QuickAnotherSeedGivesOtherWeights) {
  Job other = {job_->train, job_->evaluate, nullptr};
  ClipDatasetOptions options = job_->data->options();
  options.seed = 2;
  auto data = ClipDataset::Load("data/udacity_highway", options);
  ASSERT_TRUE(data.ok()) << data.status();
  other.data = std::make_unique<ClipDataset>(*std::move(data));
  const auto got = RunRanks(other, {}, {});
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_NE(got->weights_hash, want_->weights_hash);
}

TEST_F(Training, StopAndResumeOnAnotherRankCountDoNotChangeABit) {
  for (const auto& [before, after] : {std::pair(1, 3), {2, 4}, {4, 1}, {3, 2}}) {
    const std::string what = absl::StrCat(before, " ranks, then ", after);
    const std::string dir = absl::StrCat(::testing::TempDir(), "tatami_resume_",
                                         getpid(), "_", before, "_", after);
    std::filesystem::remove_all(dir);
    const auto first =
        RunRanks(*job_, {.ranks = before}, {.until = kStop, .run_dir = dir});
    ASSERT_TRUE(first.ok()) << what << ": " << first.status();
    EXPECT_NE(first->weights_hash, want_->weights_hash) << what;
    ::testing::internal::CaptureStderr();
    const auto second =
        RunRanks(*job_, {.ranks = after}, {.start = RunStart::kResume, .run_dir = dir});
    const std::string said = ::testing::internal::GetCapturedStderr();
    ExpectSame(second, what);
    // A run that began anew would reach the same weights: its first step tells.
    EXPECT_TRUE(absl::StrContains(said, "/step-00000010 after step 10\n")) << said;
    EXPECT_TRUE(absl::StrContains(said, "step 11/20 ")) << said;
    EXPECT_FALSE(absl::StrContains(said, "step 1/20 ")) << said;
    std::filesystem::remove_all(dir);
  }
}

}  // namespace
}  // namespace tatami
