// Trainer-level failures that need a disk or a network that misbehaves on purpose: a
// disk that fills up between two checkpoints (E0602) and a rank that falls silent
// (E0601).
#include <gtest/gtest.h>

#include <filesystem>
#include <regex>
#include <set>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "compiler/compile.h"
#include "compiler/training_step.h"
#include "core/error.h"
#include "models/model.h"
#include "runtime/checkpoint/checkpoint.h"
#include "runtime/faulty_storage.h"
#include "runtime/ingest/clip_dataset.h"
#include "runtime/trainer/trainer.h"
#include "runtime/transport_in_process.h"
#include "tests/support/run_tatami.h"

namespace tatami::testing {
namespace {

std::string WithoutFigures(const std::string& text) {
  return std::regex_replace(text, std::regex("[0-9]+"), "#");
}

// The training step of drivenet-tiny on its default mesh; compiled once.
const std::shared_ptr<const Program>& TinyProgram() {
  static const auto* const kProgram = [] {
    const ModelPreset preset = *FindModel("drivenet-tiny");
    GraphBuilder g(preset.name);
    const BuiltModel model = BuildModel(g, preset, preset.batch, Mode::kTrain);
    AddTrainingStep(g, model.loss, model.parameters, {});
    absl::StatusOr<Compiled> compiled = Compile(
        *g.Finish(), *LoadMachine(preset.machine), {.mesh = *ParseMesh(preset.mesh)});
    return new std::shared_ptr<const Program>(
        std::make_shared<Program>(std::move(compiled).value().program));
  }();
  return *kProgram;
}

const ClipDataset& SmallVideo() {
  static const auto* const kData = [] {
    const ModelPreset preset = *FindModel("drivenet-tiny");
    ClipDatasetOptions options;
    options.size = {static_cast<int>(preset.height), static_cast<int>(preset.width)};
    options.clip.frames = preset.frames;
    return new ClipDataset(
        *ClipDataset::Load("runtime/ingest/testdata/clip_e_b_frames.mp4", options));
  }();
  return *kData;
}

TrainerOptions FourSteps(const std::string& run_dir) {
  const ModelPreset preset = *FindModel("drivenet-tiny");
  return {.model = preset.name,
          .run_dir = run_dir,
          .steps = 4,
          .batch = preset.batch,
          .schedule = {.kind = ScheduleKind::kConstant, .base_rate = 1e-3},
          .checkpoint_every = 1};
}

absl::StatusOr<TrainSummary> TrainOn(Storage& storage, const std::string& run_dir) {
  const auto transport = MakeSingleTransport();
  return Train(TinyProgram(), nullptr, SmallVideo(), *transport, storage,
               FourSteps(run_dir));
}

std::string HashOf(Storage& storage, const std::string& dir) {
  const auto checkpoint = LoadCheckpoint(storage, dir);
  EXPECT_TRUE(checkpoint.ok()) << checkpoint.status();
  return checkpoint.ok() ? WeightsHash(checkpoint->tensors) : "";
}

int64_t BytesOfFilesIn(const std::string& dir) {
  int64_t bytes = 0;
  for (const auto& file : std::filesystem::directory_iterator(dir)) {
    bytes += static_cast<int64_t>(file.file_size());
  }
  return bytes;
}

TEST(FullDisk, TrainingGoesOnAndTheLastGoodCheckpointStays) {
  const Scratch scratch;
  PosixStorage disk;
  const std::string good_dir = scratch.path() + "/good", dir = scratch.path() + "/full";
  const auto good = TrainOn(disk, good_dir);
  ASSERT_TRUE(good.ok()) << good.status();
  const int64_t bytes = BytesOfFilesIn(CheckpointPath(good_dir, 2));
  // Room for one checkpoint and a half.
  FaultyStorage full(disk, {.bytes_until_full = bytes * 3 / 2});
  ::testing::internal::CaptureStderr();
  const auto summary = TrainOn(full, dir);
  const std::string said = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(GetErrorCode(summary.status()), ErrorCode::kStorage);  // step 4 is lost
  EXPECT_NE(said.find("step 4/4"), std::string::npos) << said;

  const auto latest = LatestCheckpoint(disk, dir);
  ASSERT_TRUE(latest.ok()) << latest.status();
  EXPECT_TRUE(latest->warnings.empty());
  EXPECT_EQ(latest->path, CheckpointPath(dir, 1));
  ASSERT_TRUE(latest->checkpoint.has_value());
  EXPECT_EQ(latest->checkpoint->step, 1);

  const std::string warning =
      "warning: the checkpoint of step 2 was not written; training goes on, earlier "
      "ones stay. ";
  const size_t at = said.find(warning);
  ASSERT_NE(at, std::string::npos) << said;
  std::string message = said.substr(at + warning.size());
  message = message.substr(0, message.find('\n'));
  EXPECT_EQ(
      WithoutFigures(message),
      WithoutFigures(absl::StrCat(
          "E0602: checkpoint '", CheckpointPath(dir, 2),
          "' was not written: it needs 1 bytes and 1 bytes are free (nothing was "
          "tried). Earlier checkpoints are untouched. Free 1 bytes more there, or "
          "give --out another disk.")));
  const size_t slash = message.find(dir);
  EXPECT_EQ(WithoutFigures(SampleOfPage("E0602")),
            WithoutFigures(message.replace(slash, dir.size(), "run")));
}

// What a run wrote before its disk filled holds the weights of the same step of a run
// whose disk had room.
TEST(FullDisk, TheCheckpointThatStaysIsTheRightOne) {
  const Scratch scratch;
  PosixStorage disk;
  const std::string good_dir = scratch.path() + "/good", dir = scratch.path() + "/full";
  auto options = FourSteps(good_dir);
  options.steps = 2;
  const auto transport = MakeSingleTransport();
  ASSERT_TRUE(
      Train(TinyProgram(), nullptr, SmallVideo(), *transport, disk, options).ok());
  const std::string want = HashOf(disk, CheckpointPath(good_dir, 1));
  EXPECT_NE(want, HashOf(disk, CheckpointPath(good_dir, 2)));  // it tells steps apart
  // Room for the checkpoint of step 1 and half of the next.
  const int64_t bytes = BytesOfFilesIn(CheckpointPath(good_dir, 1));
  FaultyStorage full(disk, {.bytes_until_full = bytes * 3 / 2});
  // What the run as a whole then says is the matter of the test above.
  TrainOn(full, dir).IgnoreError();
  ASSERT_EQ(CheckpointSteps(disk, dir).value(), std::vector<int64_t>{1});
  EXPECT_EQ(HashOf(disk, CheckpointPath(dir, 1)), want);
}

TEST(SilentRank, IsNamedWithSuperstepAndTensors) {
  const auto transports = MakeInProcessTransports(2, {.silent_rank = 1});
  std::vector<absl::Status> status(2);
  TrainerOptions options = FourSteps("");
  options.emulator.deadline = absl::Milliseconds(300);
  SmallVideo();
  TinyProgram();
  std::vector<std::thread> ranks;
  for (int r = 0; r < 2; ++r) {
    ranks.emplace_back([&, r] {
      PosixStorage disk;
      status[r] =
          Train(TinyProgram(), nullptr, SmallVideo(), *transports[r], disk, options)
              .status();
    });
  }
  for (std::thread& rank : ranks) rank.join();

  EXPECT_EQ(ExitCodeOf(status[0]), 6);
  EXPECT_EQ(GetErrorCode(status[0]), ErrorCode::kDeadline);
  const std::string message(status[0].message());
  const std::regex text(
      "E0601: rank 0 waited 300ms in vain for rank 1\\. See what that rank said last "
      "and whether its host is up, then go on with --resume\\. \\(superstep (\\d+) of "
      "(\\d+), tensors (\\S+(, \\S+)*), rank 1 with nodes \\(1,0\\) to "
      "\\(1,1\\)\\) \\(step 1\\)");
  std::smatch match;
  ASSERT_TRUE(std::regex_match(message, match, text)) << message;
  EXPECT_TRUE(std::regex_match(SampleOfPage("E0601"), text));
  const Program& program = *TinyProgram();
  EXPECT_EQ(std::stoul(match[2]), program.supersteps.size());
  const size_t s = std::stoul(match[1]);
  ASSERT_LT(s, program.supersteps.size());
  // The tensors are those that this superstep brings, and no other.
  std::set<std::string> brought;
  for (const ExchangeOp& e : program.supersteps[s].exchanges) {
    brought.insert(program.buffers[e.to].name);
  }
  for (const std::string& name :
       std::vector<std::string>(absl::StrSplit(match[3].str(), ", "))) {
    EXPECT_TRUE(brought.contains(name)) << name;
  }
  // Rank 1 was heard by nobody, so rank 0 stopped and left it waiting too.
  EXPECT_TRUE(absl::StrContains(status[1].message(),
                                "E0601: rank 1 waited 300ms in "
                                "vain for rank 0"))
      << status[1];
}

}  // namespace
}  // namespace tatami::testing
