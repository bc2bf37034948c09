// Checkpoints on a good disk, on disks that fail, and after damage.
#include "runtime/checkpoint/checkpoint.h"

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/checkpoint/sample_checkpoint.h"
#include "runtime/faulty_storage.h"

namespace tatami {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::SameCheckpoint;

NamedTensor Tensor(std::string name, TensorType type, uint32_t seed) {
  NamedTensor t{.name = std::move(name), .type = std::move(type)};
  t.data.resize(t.type.bytes());
  std::mt19937 random(seed);
  std::vector<float> values(t.type.num_elements());
  for (float& v : values) v = static_cast<float>(random() % 4096) / 8 - 256;
  if (values.empty()) return t;
  StoreFromFloat(t.type.dtype, values.data(), t.type.num_elements(), t.data.data());
  return t;
}

// Every dtype, a scalar, an empty tensor, and an odd bf16 before an f32.
Checkpoint Sample(int64_t step) {
  const auto seed = static_cast<uint32_t>(step);
  return {.step = step,
          .seed = 0xfedcba9876543210,
          .model = "drivenet-tiny",
          .data_cursor = {.epoch = 2, .batch = 17},
          .tensors = {Tensor("stem.scale", {DType::kBF16, {3}}, seed + 1),
                      Tensor("stem.weight", {DType::kF32, {3, 5}}, seed + 2),
                      Tensor("head.count", {DType::kI32, {2, 2}}, seed + 3),
                      Tensor("loss_scale", {DType::kF32, {}}, seed + 4),
                      Tensor("nothing", {DType::kF32, {0, 4}}, seed + 5)}};
}

class CheckpointTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    run_dir_ = absl::StrCat(::testing::TempDir(), "/tatami_ckpt_", getpid(), "_",
                            info->name());
    fs::remove_all(run_dir_);
  }
  void TearDown() override { fs::remove_all(run_dir_); }

  std::vector<std::string> Names() { return disk_.List(run_dir_).value(); }
  LatestCheckpointResult Latest() {
    auto latest = LatestCheckpoint(disk_, run_dir_);
    EXPECT_TRUE(latest.ok()) << latest.status();
    return latest.ok() ? *std::move(latest) : LatestCheckpointResult{};
  }

  PosixStorage disk_;
  std::string run_dir_;
};

// Tensors of 30, 60, .. bytes in shards of at most 40 bytes: three shards and an index.
constexpr CheckpointOptions kSharded = {.shard_bytes_max = 40, .keep = 3};

TEST_F(CheckpointTest, LoadGivesWhatWasSaved) {
  for (const CheckpointOptions& options : {CheckpointOptions{}, kSharded}) {
    ASSERT_EQ(SaveCheckpoint(disk_, run_dir_, Sample(7), options), absl::OkStatus());
    const auto loaded = LoadCheckpoint(disk_, CheckpointPath(run_dir_, 7));
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    EXPECT_TRUE(SameCheckpoint(*loaded, Sample(7)));
    EXPECT_EQ(WeightsHash(loaded->tensors), WeightsHash(Sample(7).tensors));
  }
  EXPECT_NE(WeightsHash(Sample(7).tensors), WeightsHash(Sample(8).tensors));
  EXPECT_THAT(
      disk_.List(CheckpointPath(run_dir_, 7)).value(),
      ElementsAre("manifest.json", "model-00001-of-00003.safetensors",
                  "model-00002-of-00003.safetensors",
                  "model-00003-of-00003.safetensors", "model.safetensors.index.json"));
}

TEST_F(CheckpointTest, ACheckpointWithoutTensorsIsKept) {
  ASSERT_EQ(SaveCheckpoint(disk_, run_dir_, {.step = 1, .model = "m"}),
            absl::OkStatus());
  EXPECT_EQ(Latest().checkpoint->model, "m");
}

// The reader is Python and numpy and knows only the format's description.
TEST_F(CheckpointTest, AnIndependentReaderSeesTheSameTensors) {
  for (const CheckpointOptions& options : {CheckpointOptions{}, kSharded}) {
    const Checkpoint sample = Sample(3);
    ASSERT_EQ(SaveCheckpoint(disk_, run_dir_, sample, options), absl::OkStatus());
    std::vector<std::string> lines;
    for (const NamedTensor& t : sample.tensors) {
      const char* const dtype = t.type.dtype == DType::kF32    ? "F32"
                                : t.type.dtype == DType::kBF16 ? "BF16"
                                                               : "I32";
      std::string line = absl::StrCat(t.name, " ", dtype, " [");
      for (size_t i = 0; i < t.type.dims.size(); ++i) {
        absl::StrAppend(&line, i ? "," : "", t.type.dims[i]);
      }
      line += "]";
      std::vector<float> values(t.type.num_elements());
      if (!values.empty()) {
        LoadAsFloat(t.type.dtype, t.data.data(), t.type.num_elements(), values.data());
      }
      for (const float v : values) absl::StrAppendFormat(&line, " %.9g", v);
      lines.push_back(line + "\n");
    }
    std::sort(lines.begin(), lines.end());
    std::string want, got;
    for (const std::string& line : lines) want += line;
    const std::string command = absl::StrCat(
        "/usr/bin/python3 runtime/checkpoint/testdata/read_safetensors.py ",
        CheckpointPath(run_dir_, 3));
    FILE* const pipe = popen(command.c_str(), "r");
    ASSERT_NE(pipe, nullptr);
    char buffer[4096];
    while (const size_t n = fread(buffer, 1, sizeof(buffer), pipe))
      got.append(buffer, n);
    EXPECT_EQ(pclose(pipe), 0);
    EXPECT_EQ(got, want);
  }
}

TEST_F(CheckpointTest, TheNewestAreKept) {
  for (const int64_t step : {1, 2, 3, 4, 5}) {
    ASSERT_EQ(SaveCheckpoint(disk_, run_dir_, Sample(step), {.keep = 2}),
              absl::OkStatus());
  }
  EXPECT_THAT(Names(), ElementsAre("step-00000004", "step-00000005"));
  // A run that went back to step 2 keeps what it writes, though newer steps lie there.
  ASSERT_EQ(SaveCheckpoint(disk_, run_dir_, Sample(2), {.keep = 1}), absl::OkStatus());
  EXPECT_THAT(Names(), ElementsAre("step-00000002"));
}

TEST_F(CheckpointTest, NoRunYetIsNoError) {
  EXPECT_FALSE(Latest().checkpoint.has_value());
  EXPECT_EQ(GetErrorCode(LoadCheckpoint(disk_, run_dir_).status()),
            ErrorCode::kStorage);
}

TEST_F(CheckpointTest, EveryRandomByteChangeIsRefused) {
  ASSERT_EQ(SaveCheckpoint(disk_, run_dir_, Sample(1), kSharded), absl::OkStatus());
  const std::string dir = CheckpointPath(run_dir_, 1);
  const std::vector<std::string> files = disk_.List(dir).value();
  std::mt19937 random(20220819);
  for (int i = 0; i < 200; ++i) {
    const std::string path = absl::StrCat(dir, "/", files[i % files.size()]);
    const std::string good = ReadText(disk_, path, 1 << 20).value();
    std::string bad = good;
    const size_t at = random() % bad.size();
    bad[at] = static_cast<char>(bad[at] ^ (1 + random() % 255));
    ASSERT_EQ(disk_.Write(path, {AsBytes(bad)}), absl::OkStatus());
    const absl::Status status = LoadCheckpoint(disk_, dir).status();
    EXPECT_EQ(GetErrorCode(status), ErrorCode::kCheckpointCorrupt)
        << path << " byte " << at << ": " << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(path));
    ASSERT_EQ(disk_.Write(path, {AsBytes(good)}), absl::OkStatus());
  }
  EXPECT_TRUE(LoadCheckpoint(disk_, dir).ok());
}

TEST_F(CheckpointTest, EveryTruncationAndLossIsRefused) {
  ASSERT_EQ(SaveCheckpoint(disk_, run_dir_, Sample(1), kSharded), absl::OkStatus());
  const std::string dir = CheckpointPath(run_dir_, 1);
  const std::vector<std::string> files = disk_.List(dir).value();
  for (const std::string& name : files) {
    const std::string path = absl::StrCat(dir, "/", name);
    const std::string good = ReadText(disk_, path, 1 << 20).value();
    for (const size_t bytes : {size_t{0}, size_t{7}, size_t{8}, good.size() / 2,
                               good.size() - 1, good.size() + 1}) {
      std::string bad = good;
      bad.resize(bytes, ' ');
      ASSERT_EQ(disk_.Write(path, {AsBytes(bad)}), absl::OkStatus());
      EXPECT_EQ(GetErrorCode(LoadCheckpoint(disk_, dir).status()),
                ErrorCode::kCheckpointCorrupt)
          << name << " cut to " << bytes << " of " << good.size();
    }
    ASSERT_EQ(disk_.Remove(path), absl::OkStatus());
    EXPECT_EQ(GetErrorCode(LoadCheckpoint(disk_, dir).status()),
              ErrorCode::kCheckpointCorrupt);
    ASSERT_EQ(disk_.Write(path, {AsBytes(good)}), absl::OkStatus());
  }
  EXPECT_TRUE(LoadCheckpoint(disk_, dir).ok());
}

TEST_F(CheckpointTest, CorruptDataNamesFileTensorAndNumbers) {
  ASSERT_EQ(SaveCheckpoint(disk_, run_dir_, Sample(1)), absl::OkStatus());
  const std::string path = CheckpointPath(run_dir_, 1) + "/model.safetensors";
  std::string text = ReadText(disk_, path, 1 << 20).value();
  // The last tensor of the file is the bf16 one: elements of 4 bytes come first.
  text.back() = static_cast<char>(text.back() ^ 1);
  ASSERT_EQ(disk_.Write(path, {AsBytes(text)}), absl::OkStatus());
  const absl::Status s = LoadCheckpoint(disk_, CheckpointPath(run_dir_, 1)).status();
  EXPECT_THAT(
      std::string(s.message()),
      HasSubstr(absl::StrCat("'", path,
                             "' is corrupt: tensor 'stem.scale', chunk 1 of 1 "
                             "(bytes ",
                             text.size() - 6, " to ", text.size(), "), has xxh3 ")));
}

TEST_F(CheckpointTest, LatestPassesOverCorruptOnesWithAWarning) {
  for (const int64_t step : {1, 2, 3}) {
    ASSERT_EQ(SaveCheckpoint(disk_, run_dir_, Sample(step)), absl::OkStatus());
  }
  fs::resize_file(CheckpointPath(run_dir_, 3) + "/model.safetensors", 100);
  LatestCheckpointResult latest = Latest();
  EXPECT_TRUE(SameCheckpoint(*latest.checkpoint, Sample(2)));
  EXPECT_EQ(latest.path, CheckpointPath(run_dir_, 2));
  EXPECT_THAT(latest.warnings,
              ElementsAre(HasSubstr("step-00000003/model.safetensors")));
  for (const int64_t step : {1, 2}) {
    fs::remove(CheckpointPath(run_dir_, step) + "/manifest.json");
  }
  EXPECT_EQ(GetErrorCode(LatestCheckpoint(disk_, run_dir_).status()),
            ErrorCode::kCheckpointCorrupt);
}

TEST_F(CheckpointTest, AFullDiskIsReportedAndKeepsTheEarlierOnes) {
  ASSERT_EQ(SaveCheckpoint(disk_, run_dir_, Sample(1), kSharded), absl::OkStatus());
  // Steps 1 and 2 have the same number of digits and so of bytes.
  int64_t needed = 0;
  for (const auto& file : fs::directory_iterator(CheckpointPath(run_dir_, 1))) {
    needed += static_cast<int64_t>(file.file_size());
  }
  for (int64_t room = 0; room < 3000; room += 97) {
    // With the true free space nothing is tried; with a false one writing fails midway.
    for (const int64_t claimed : {int64_t{-1}, int64_t{1} << 40}) {
      FaultyStorage full(disk_,
                         {.bytes_until_full = room, .free_bytes_claimed = claimed});
      const absl::Status s = SaveCheckpoint(full, run_dir_, Sample(2), kSharded);
      EXPECT_EQ(s.ok(), room >= needed) << room << " of " << needed;
      if (s.ok()) {
        fs::remove_all(CheckpointPath(run_dir_, 2));
        continue;
      }
      EXPECT_EQ(GetErrorCode(s), ErrorCode::kStorage);
      EXPECT_EQ(ExitCodeOf(s), 6);
      EXPECT_THAT(std::string(s.message()),
                  HasSubstr("step-00000002' was not written"));
      EXPECT_EQ(claimed < 0, full.writes() == 0);
      EXPECT_THAT(Names(), ElementsAre("step-00000001")) << room;
      EXPECT_TRUE(SameCheckpoint(*Latest().checkpoint, Sample(1)));
    }
  }
  FaultyStorage full(disk_, {.bytes_until_full = 1000});
  const std::string text(SaveCheckpoint(full, run_dir_, Sample(2)).message());
  EXPECT_THAT(text,
              HasSubstr("bytes and 1000 bytes are free (nothing was tried). Earlier "
                        "checkpoints are untouched. Free "));
}

// Dies at each call that changes the disk: the run has the old or the new one, whole.
TEST_F(CheckpointTest, DyingAtAnyMomentLeavesAWholeCheckpoint) {
  const CheckpointOptions options = {.shard_bytes_max = 40, .keep = 2};
  for (const int64_t step : {1, 2, 3}) {  // 2: replaces what is there
    int64_t changes = 1;
    for (int64_t dies_at = 0; dies_at < changes; ++dies_at) {
      fs::remove_all(run_dir_);
      for (const int64_t before : {1, 2}) {
        ASSERT_EQ(SaveCheckpoint(disk_, run_dir_, Sample(before), options),
                  absl::OkStatus());
      }
      Checkpoint next = Sample(step);
      next.data_cursor.batch = 99;
      FaultyStorage clean(disk_, {});
      ASSERT_EQ(SaveCheckpoint(clean, run_dir_ + "/clean", next, options),
                absl::OkStatus());
      fs::remove_all(run_dir_ + "/clean");
      changes = clean.changes();
      FaultyStorage dying(disk_, {.dies_at_change = dies_at});
      EXPECT_EQ(GetErrorCode(SaveCheckpoint(dying, run_dir_, next, options)),
                ErrorCode::kStorage);
      const std::vector<int64_t> steps = CheckpointSteps(disk_, run_dir_).value();
      for (const int64_t s : steps) {
        const auto loaded = LoadCheckpoint(disk_, CheckpointPath(run_dir_, s));
        ASSERT_TRUE(loaded.ok()) << dies_at << ": " << loaded.status();
        EXPECT_TRUE(SameCheckpoint(*loaded, Sample(s)) || SameCheckpoint(*loaded, next))
            << dies_at;
      }
      EXPECT_GE(Latest().checkpoint->step, 2);
      // The next save clears what the dead one left.
      ASSERT_EQ(SaveCheckpoint(disk_, run_dir_, Sample(4), options), absl::OkStatus());
      EXPECT_EQ(Names().size(), 2u);
      EXPECT_TRUE(SameCheckpoint(*Latest().checkpoint, Sample(4)));
    }
    EXPECT_GT(changes, 8);
  }
}

TEST_F(CheckpointTest, ATornWriteIsNoticedWhenLoading) {
  for (int64_t torn = 0; torn < 5; ++torn) {
    fs::remove_all(run_dir_);
    ASSERT_EQ(SaveCheckpoint(disk_, run_dir_, Sample(1), kSharded), absl::OkStatus());
    FaultyStorage lying(disk_, {.torn_write = torn});
    ASSERT_EQ(SaveCheckpoint(lying, run_dir_, Sample(2), kSharded), absl::OkStatus());
    const LatestCheckpointResult latest = Latest();
    EXPECT_TRUE(SameCheckpoint(*latest.checkpoint, Sample(1)));
    EXPECT_EQ(latest.warnings.size(), 1u) << torn;
  }
}

TEST_F(CheckpointTest, AnotherModelsCheckpointIsRefused) {
  const Checkpoint sample = Sample(1);
  std::vector<std::pair<std::string, TensorType>> expected;
  for (const NamedTensor& t : sample.tensors) expected.emplace_back(t.name, t.type);
  std::reverse(expected.begin(), expected.end());
  EXPECT_EQ(CheckCheckpointMatches(sample, "drivenet-tiny", expected),
            absl::OkStatus());
  expected[3].second.dims[0] = 4;
  expected[0].first = "something";
  const absl::Status s = CheckCheckpointMatches(sample, "resnet50", expected);
  EXPECT_EQ(GetErrorCode(s), ErrorCode::kCheckpointMismatch);
  EXPECT_EQ(
      std::string(s.message()),
      "E0702: the checkpoint of step 1 is not for this run: it is of model "
      "'drivenet-tiny' and the run trains 'resnet50'; 'something' is missing; "
      "'stem.weight' is f32[3,5] and should be f32[4,5]; and 1 more. Resume with the "
      "model and preset it was made with, or give --out an empty directory.");
}

}  // namespace
}  // namespace tatami
