// R7: whatever happens to a checkpoint's bytes and files, it is refused with the file
// or the tensor named, and the older good one is used.
#include <random>

#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/checkpoint/sample_checkpoint.h"
#include "runtime/checkpoint/stored_checkpoint.h"
#include "runtime/volatile_disk.h"

namespace tatami::testing {
namespace {

using ::testing::HasSubstr;

constexpr char kRun[] = "run";
constexpr int64_t kTextBytesMax = 1 << 20;

// A run whose newest checkpoint, of step 2, is damaged in each test.
class R7Mutation : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const int64_t step : {1, 2}) {
      ASSERT_EQ(SaveCheckpoint(disk_, kRun, SampleCheckpoint(step), kTinyShards),
                absl::OkStatus());
    }
    names_ = disk_.List(dir_).value();
    for (const std::string& name : names_) good_[name] = Read(name);
    const StoredCheckpoint stored = OpenCheckpoint(disk_, dir_).value();
    for (const StoredTensor& t : stored.tensors) {
      const size_t slash = t.path.rfind('/');
      tensors_.push_back({t.path.substr(slash + 1), t.name, t.offset, t.type.bytes()});
    }
  }

  std::string Read(const std::string& name) {
    return ReadText(disk_, dir_ + "/" + name, kTextBytesMax).value();
  }
  void Write(const std::string& name, const std::string& bytes) {
    ASSERT_EQ(disk_.Write(dir_ + "/" + name, {AsBytes(bytes)}), absl::OkStatus());
  }
  void Restore() {
    for (const auto& [name, bytes] : good_) Write(name, bytes);
  }

  // The newest is refused and `named` stands in the message; step 1 is used instead.
  void ExpectRefused(const std::string& named) {
    const absl::Status status = LoadCheckpoint(disk_, dir_).status();
    EXPECT_EQ(GetErrorCode(status), ErrorCode::kCheckpointCorrupt) << status;
    EXPECT_EQ(ExitCodeOf(status), 7);
    EXPECT_THAT(std::string(status.message()), HasSubstr(named));
    const auto latest = LatestCheckpoint(disk_, kRun);
    ASSERT_TRUE(latest.ok()) << latest.status();
    EXPECT_TRUE(SameCheckpoint(*latest->checkpoint, SampleCheckpoint(1)));
    ASSERT_EQ(latest->warnings.size(), 1u);
    EXPECT_EQ(latest->warnings[0], status.message());
  }

  struct Where {
    std::string file, tensor;
    int64_t offset = 0, bytes = 0;
  };
  // What a message about this byte must say: its tensor, else its file.
  std::string NameOf(const std::string& file, size_t at) {
    const auto byte = static_cast<int64_t>(at);
    for (const Where& w : tensors_) {
      if (w.file != file || byte < w.offset || byte >= w.offset + w.bytes) continue;
      return absl::StrCat(dir_, "/", file, "' is corrupt: tensor '", w.tensor,
                          "', chunk ", (byte - w.offset) / kTinyShards.chunk_bytes + 1,
                          " of ");
    }
    return absl::StrCat(dir_, "/", file, "'");
  }

  VolatileDisk disk_;
  const std::string dir_ = CheckpointPath(kRun, 2);
  std::vector<std::string> names_;
  std::map<std::string, std::string> good_;
  std::vector<Where> tensors_;
};

// The whole checkpoint has some 2,000 bytes: none is left out.
TEST_F(R7Mutation, EveryByteOfEveryFileIsGuarded) {
  std::mt19937 random(7);
  int64_t bytes = 0;
  for (const std::string& name : names_) {
    for (size_t at = 0; at < good_[name].size(); ++at, ++bytes) {
      SCOPED_TRACE(absl::StrCat(name, " byte ", at));
      std::string bad = good_[name];
      bad[at] = static_cast<char>(bad[at] ^ (1 << random() % 8));
      Write(name, bad);
      ExpectRefused(NameOf(name, at));
      Write(name, good_[name]);
      if (HasFailure()) return;
    }
  }
  EXPECT_GT(bytes, 1500);
  EXPECT_TRUE(LoadCheckpoint(disk_, dir_).ok());
}

TEST_F(R7Mutation, AThousandRandomOnesAreRefusedByName) {
  std::mt19937 random(20220819);
  const auto any = [&](size_t below) { return static_cast<size_t>(random()) % below; };
  for (int i = 0; i < 1000 && !HasFailure(); ++i) {
    const std::string& name = names_[any(names_.size())];
    const std::string& other = names_[any(names_.size())];
    std::string bad = good_[name];
    const size_t at = any(bad.size());
    SCOPED_TRACE(absl::StrCat("mutation ", i, " of ", name, " byte ", at));
    std::string named = absl::StrCat(dir_, "/", name, "'");
    switch (any(6)) {
      case 0:  // one bit
        bad[at] = static_cast<char>(bad[at] ^ (1 << any(8)));
        named = NameOf(name, at);
        break;
      case 1:  // cut off
        bad.resize(at);
        break;
      case 2:  // grown
        bad.insert(at, 1 + any(9), '\0');
        break;
      case 3:  // a run of bytes zeroed, as a lost sector
        bad.replace(at, std::min<size_t>(bad.size() - at, 64), 64, '\0');
        break;
      case 4:  // another file's content
        if (other == name) continue;
        bad = good_[other];
        break;
      case 5:  // the file of the step before
        bad = ReadText(disk_, CheckpointPath(kRun, 1) + "/" + name, kTextBytesMax)
                  .value();
        if (bad == good_[name]) continue;  // the index of both steps is the same
        named = dir_;
        break;
    }
    Write(name, bad);
    ExpectRefused(named);
    Restore();
  }
}

TEST_F(R7Mutation, ADeletedFileIsNamed) {
  for (const std::string& name : names_) {
    ASSERT_EQ(disk_.Remove(dir_ + "/" + name), absl::OkStatus());
    ExpectRefused(absl::StrCat(dir_, "/", name, "'"));
    Write(name, good_[name]);
  }
}

TEST_F(R7Mutation, SwappedShardsAreNamed) {
  const std::string& one = names_[1];
  const std::string& two = names_[2];
  Write(one, good_[two]);
  Write(two, good_[one]);
  ExpectRefused(absl::StrCat(dir_, "/", one, "'"));
}

TEST_F(R7Mutation, AShardOfAnotherStepIsNamedByItsTensor) {
  for (const Where& w : tensors_) {
    if (w.bytes == 0) continue;
    Write(
        w.file,
        ReadText(disk_, CheckpointPath(kRun, 1) + "/" + w.file, kTextBytesMax).value());
    ExpectRefused(absl::StrCat(dir_, "/", w.file, "' is corrupt: tensor '"));
    Write(w.file, good_[w.file]);
  }
}

TEST_F(R7Mutation, AWholeStepUnderAnotherStepsNameIsRefused) {
  ASSERT_EQ(disk_.Remove(dir_), absl::OkStatus());
  ASSERT_EQ(SaveCheckpoint(disk_, kRun, SampleCheckpoint(3), {.keep = 9}),
            absl::OkStatus());
  ASSERT_EQ(disk_.Rename(CheckpointPath(kRun, 3), dir_), absl::OkStatus());
  ExpectRefused("it is of step 3 and lies in a folder called 'step-00000002'");
}

TEST_F(R7Mutation, WithNoneLeftTheExitCodeIs7) {
  for (const int64_t step : {1, 2}) {
    const std::string file = CheckpointPath(kRun, step) + "/" + names_[1];
    std::string bad = ReadText(disk_, file, kTextBytesMax).value();
    bad.back() ^= 1;
    ASSERT_EQ(disk_.Write(file, {AsBytes(bad)}), absl::OkStatus());
  }
  const absl::Status status = LatestCheckpoint(disk_, kRun).status();
  EXPECT_EQ(ExitCodeOf(status), 7);
  for (const int64_t step : {1, 2}) {
    EXPECT_THAT(std::string(status.message()),
                HasSubstr(CheckpointPath(kRun, step) + "/" + names_[1]));
  }
}

}  // namespace
}  // namespace tatami::testing
