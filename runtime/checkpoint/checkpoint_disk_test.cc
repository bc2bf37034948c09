// R8: a full, failing, slow or read-only disk: the save fails with its reason, the last
// good checkpoint stays, and the next save works when the disk does.
#include <chrono>

#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/checkpoint/sample_checkpoint.h"
#include "runtime/faulty_storage.h"
#include "runtime/volatile_disk.h"

namespace tatami::testing {
namespace {

using ::testing::HasSubstr;

constexpr char kRun[] = "run";

class R8Disk : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(Save(disk_, 1), absl::OkStatus()); }
  static absl::Status Save(Storage& storage, int64_t step) {
    // One is kept: the only good one must not go before the next is safe.
    return SaveCheckpoint(storage, kRun, SampleCheckpoint(step),
                          {.shard_bytes_max = 80, .chunk_bytes = 16, .keep = 1});
  }
  void ExpectNewest(int64_t step) {
    const auto latest = LatestCheckpoint(disk_, kRun);
    ASSERT_TRUE(latest.ok()) << latest.status();
    ASSERT_TRUE(latest->checkpoint.has_value());
    EXPECT_TRUE(SameCheckpoint(*latest->checkpoint, SampleCheckpoint(step)));
  }

  VolatileDisk disk_;
};

TEST_F(R8Disk, AnErrorAtAnyChangeKeepsTheLastGoodOneAndTheNextSaveWorks) {
  int64_t failed = 0;
  for (int64_t at = 0; at < 40; ++at) {
    SCOPED_TRACE(absl::StrCat("change ", at));
    FaultyStorage failing(disk_, {.io_error_at_change = at});
    const absl::Status saved = Save(failing, 2);
    if (at >= failing.changes()) {
      EXPECT_EQ(saved, absl::OkStatus());
      break;
    }
    ++failed;
    EXPECT_EQ(GetErrorCode(saved), ErrorCode::kStorage);
    EXPECT_THAT(std::string(saved.message()), HasSubstr("Input/output error"));
    const auto latest = LatestCheckpoint(disk_, kRun);
    ASSERT_TRUE(latest.ok()) << latest.status();
    EXPECT_GE(latest->checkpoint->step, 1);
    ASSERT_EQ(Save(failing, 3), absl::OkStatus()) << "the disk works again";
    ExpectNewest(3);
    ASSERT_EQ(disk_.Remove(kRun), absl::OkStatus());
    ASSERT_EQ(Save(disk_, 1), absl::OkStatus());
  }
  EXPECT_GE(failed, 13);
}

TEST_F(R8Disk, ADiskThatBecomesReadOnlyAtAnyChangeKeepsTheLastGoodOne) {
  for (int64_t at = 0; at < 13; ++at) {
    FaultyStorage read_only(disk_, {.read_only_at_change = at});
    const absl::Status saved = Save(read_only, 2);
    EXPECT_THAT(std::string(saved.message()), HasSubstr("Read-only file system"));
    const auto latest = LatestCheckpoint(disk_, kRun);
    ASSERT_TRUE(latest.ok()) << latest.status();
    ASSERT_TRUE(latest->checkpoint.has_value());
  }
}

TEST_F(R8Disk, AFullDiskKeepsTheLastGoodOne) {
  FaultyStorage full(disk_,
                     {.bytes_until_full = 300, .free_bytes_claimed = int64_t{1} << 40});
  EXPECT_THAT(std::string(Save(full, 2).message()),
              HasSubstr("No space left on device"));
  ExpectNewest(1);
}

TEST_F(R8Disk, ASlowDiskOnlyTakesTime) {
  FaultyStorage slow(disk_, {.delay = std::chrono::milliseconds(5)});
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(Save(slow, 2), absl::OkStatus());
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(50));
  ExpectNewest(2);
}

}  // namespace
}  // namespace tatami::testing
