// R6: a crash at every write, sync and rename of a save, on a disk that may lose all
// that was not synced. The loader always finds a complete checkpoint, and the newest
// complete one.
#include <random>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/checkpoint/sample_checkpoint.h"
#include "runtime/faulty_storage.h"
#include "runtime/volatile_disk.h"

namespace tatami::testing {
namespace {

constexpr char kRun[] = "runs/a";
// Each crash is tried with all lost, all kept, and this often with some of it.
constexpr int kRandomLosses = 20;

Checkpoint Replacement(int64_t step) {
  Checkpoint next = SampleCheckpoint(step + 100);
  next.step = step;
  return next;
}

struct CrashCase {
  int64_t step = 0;     // of the save that dies, after saves of steps 1 and 2
  int64_t dies_at = 0;  // FaultyStorage's changing call
  PowerLoss loss = PowerLoss::kLosesAll;
  uint32_t seed = 0;
};

// Saves steps 1 and 2, dies in the save of `step`, loses power, resumes. Returns
// whether the save died.
bool Crash(const CrashCase& c) {
  VolatileDisk disk;
  for (const int64_t before : {1, 2}) {
    EXPECT_EQ(SaveCheckpoint(disk, kRun, SampleCheckpoint(before), kTinyShards),
              absl::OkStatus());
  }
  const Checkpoint next = Replacement(c.step);
  FaultyStorage dying(disk, {.dies_at_change = c.dies_at});
  const bool died = !SaveCheckpoint(dying, kRun, next, kTinyShards).ok();
  std::mt19937 random(c.seed);
  disk.LosePower(c.loss, random);

  const auto latest = LatestCheckpoint(disk, kRun);
  EXPECT_TRUE(latest.ok()) << latest.status();
  if (!latest.ok() || !latest->checkpoint) return died;
  const Checkpoint found = *latest->checkpoint;
  EXPECT_TRUE(SameCheckpoint(found, SampleCheckpoint(2)) || SameCheckpoint(found, next))
      << "step " << found.step;
  // Nothing newer and complete was passed over.
  const std::vector<int64_t> steps = CheckpointSteps(disk, kRun).value();
  for (const int64_t step : steps) {
    EXPECT_TRUE(step <= found.step ||
                !LoadCheckpoint(disk, CheckpointPath(kRun, step)).ok());
  }
  if (!died) {
    EXPECT_TRUE(SameCheckpoint(found, next)) << "a save that was reported is lost";
  }
  // The next run goes on.
  EXPECT_EQ(SaveCheckpoint(disk, kRun, SampleCheckpoint(4), kTinyShards),
            absl::OkStatus());
  EXPECT_TRUE(
      SameCheckpoint(*LatestCheckpoint(disk, kRun)->checkpoint, SampleCheckpoint(4)));
  return died;
}

// Step 2 replaces what is there, 3 is a new one after which step 1 goes.
class R6CrashAtEveryChange : public ::testing::TestWithParam<int64_t> {};

TEST_P(R6CrashAtEveryChange, LeavesTheNewestCompleteCheckpoint) {
  bool died = true;
  int64_t dies_at = 0;
  for (; died; ++dies_at) {
    SCOPED_TRACE(absl::StrCat("dies at change ", dies_at));
    died = Crash({GetParam(), dies_at, PowerLoss::kLosesAll});
    Crash({GetParam(), dies_at, PowerLoss::kKeepsAll});
    for (uint32_t seed = 0; seed < kRandomLosses; ++seed) {
      SCOPED_TRACE(absl::StrCat("random loss ", seed));
      Crash({GetParam(), dies_at, PowerLoss::kKeepsAtRandom, seed});
    }
    if (HasFailure()) return;
  }
  // Five files written and synced, two folders synced, a rename.
  EXPECT_GE(dies_at, 13);
}

INSTANTIATE_TEST_SUITE_P(Steps, R6CrashAtEveryChange, ::testing::Values(2, 3));

TEST(R6Crash, TheFirstCheckpointOfARunSurvivesOnceItIsReported) {
  VolatileDisk disk;
  ASSERT_EQ(SaveCheckpoint(disk, kRun, SampleCheckpoint(1), kTinyShards),
            absl::OkStatus());
  std::mt19937 random(1);
  disk.LosePower(PowerLoss::kLosesAll, random);
  const auto latest = LatestCheckpoint(disk, kRun);
  ASSERT_TRUE(latest.ok()) << latest.status();
  ASSERT_TRUE(latest->checkpoint.has_value());
  EXPECT_TRUE(SameCheckpoint(*latest->checkpoint, SampleCheckpoint(1)));
}

// The disk itself: what is not synced is lost, what is synced stays.
TEST(VolatileDiskTest, KeepsWhatWasSynced) {
  std::mt19937 random(1);
  VolatileDisk disk;
  const auto write = [&](const std::string& path, const std::string& text) {
    ASSERT_EQ(disk.Write(path, {AsBytes(text)}), absl::OkStatus());
  };
  ASSERT_EQ(disk.MakeDirectory("d"), absl::OkStatus());
  write("d/synced", "one");
  ASSERT_EQ(disk.Sync("d/synced"), absl::OkStatus());
  ASSERT_EQ(disk.Sync("d"), absl::OkStatus());
  write("d/synced", "two");
  write("d/new", "three");
  EXPECT_EQ(ReadText(disk, "d/synced", 100).value(), "two");
  disk.LosePower(PowerLoss::kLosesAll, random);
  EXPECT_EQ(ReadText(disk, "d/synced", 100).value(), "one");
  EXPECT_FALSE(disk.Exists("d/new"));
  ASSERT_EQ(disk.Rename("d/synced", "d/renamed"), absl::OkStatus());
  disk.LosePower(PowerLoss::kLosesAll, random);
  EXPECT_EQ(disk.List("d").value(), std::vector<std::string>{"synced"});
  ASSERT_EQ(disk.Remove("d"), absl::OkStatus());
  disk.LosePower(PowerLoss::kKeepsAll, random);
  EXPECT_FALSE(disk.Exists("d"));
}

}  // namespace
}  // namespace tatami::testing
