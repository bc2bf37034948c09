// The same through the command as a user runs it: `tatami train` under mpirun. A
// machine without mpirun fails here; it is not skipped.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"

namespace tatami {
namespace {

// Stages are programs like others to ranks: two host one each, or both a bit of either.
constexpr char kTrainStages[] = TATAMI_COMMAND
    " train --model drivenet-tiny --data data/udacity_highway --mesh 2x3 --steps 20"
    " --batch 8 --micro_batches 4 --checkpoint_every 10 --json";

// Three columns: a sum of three terms shows its order, one of two does not.
constexpr char kTrain[] = TATAMI_COMMAND
    " train --model drivenet-tiny --data data/udacity_highway --mesh 2x3 --steps 20"
    " --checkpoint_every 10 --json";

struct Outcome {
  int exit_code = -1;
  std::string out, err;
};

// A path of this process, so that two runs of this test do not meet.
std::string OwnPath(absl::string_view name) {
  return absl::StrCat(::testing::TempDir(), "tatami_mpirun_", getpid(), "_", name);
}

Outcome RunCommand(const std::string& command) {
  Outcome outcome;
  // A file, since mpirun mixes the lines of two streams that share a pipe.
  const std::string err_path = OwnPath("stderr");
  FILE* pipe = popen(absl::StrCat(command, " 2>", err_path).c_str(), "r");
  if (pipe == nullptr) return outcome;
  char buffer[4096];
  for (size_t n; (n = fread(buffer, 1, sizeof buffer, pipe)) > 0;) {
    outcome.out.append(buffer, n);
  }
  const int status = pclose(pipe);
  outcome.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  std::ifstream err(err_path);
  outcome.err.assign(std::istreambuf_iterator<char>(err),
                     std::istreambuf_iterator<char>());
  std::filesystem::remove(err_path);
  return outcome;
}

// weights_hash of the last line's object, or what went wrong. `to_say` must be on
// stderr.
std::string HashOf(const std::string& command, const std::string& flags,
                   absl::string_view to_say) {
  const Outcome outcome = RunCommand(absl::StrCat(command, " ", flags));
  if (outcome.exit_code != 0) {
    return absl::StrCat("exit code ", outcome.exit_code, " of ", flags, ": ",
                        outcome.err);
  }
  if (!absl::StrContains(outcome.err, to_say)) {
    return absl::StrCat("not said: '", to_say, "', but: ", outcome.err);
  }
  const std::vector<std::string> lines =
      absl::StrSplit(outcome.out, '\n', absl::SkipEmpty());
  const auto object =
      nlohmann::json::parse(lines.empty() ? "" : lines.back(), nullptr, false);
  if (!object.is_object() || !object.contains("weights_hash")) {
    return absl::StrCat("no weights_hash in: ", outcome.out);
  }
  if (object["steps"] != 20) return "not 20 steps";
  return object["weights_hash"].get<std::string>();
}

class Mpirun : public ::testing::Test {
 protected:
  static std::string Train(int ranks, int threads, const std::string& dir) {
    return HashOf(kTrain,
                  absl::StrCat("--np ", ranks, " --threads ", threads, " --out ", dir),
                  "");
  }
  // Goes on from step 10; a run that began anew would reach the same weights.
  static std::string Resume(int ranks, const std::string& dir) {
    return HashOf(kTrain,
                  absl::StrCat("--np ", ranks, " --threads 1 --out ", dir, " --resume"),
                  absl::StrCat("resumed ", dir, "/step-00000010 after step 10"));
  }
};

TEST_F(Mpirun, RanksThreadsAndResumeDoNotChangeABit) {
  ASSERT_EQ(RunCommand("mpirun --version").exit_code, 0)
      << "mpirun is missing: install openmpi-bin";
  const std::string one = OwnPath("1");
  std::filesystem::remove_all(one);
  const std::string want = Train(1, 1, one);
  ASSERT_EQ(want.size(), 16) << want;
  for (const int ranks : {2, 3, 4}) {
    const std::string dir = OwnPath(absl::StrCat(ranks));
    std::filesystem::remove_all(dir);
    EXPECT_EQ(Train(ranks, ranks == 2 ? 2 : 1, dir), want) << ranks << " ranks";
    // As if killed after step 10; another rank count goes on.
    ASSERT_TRUE(std::filesystem::remove_all(dir + "/step-00000020") > 0) << dir;
    ASSERT_TRUE(std::filesystem::exists(dir + "/step-00000010")) << dir;
    EXPECT_EQ(Resume(ranks == 4 ? 1 : ranks + 1, dir), want)
        << "resumed from " << ranks << " ranks";
    std::filesystem::remove_all(dir);
  }
  std::filesystem::remove_all(one);
}

// Checkpoints hold f32 weights whatever trains them, so either precision goes on from
// the other's.
TEST_F(Mpirun, BF16HasTheSameBitsOnAnyRanksAndGoesOnFromF32) {
  const auto train = [](int ranks, const std::string& dir, absl::string_view more) {
    std::filesystem::remove_all(absl::StrCat(dir, "/step-00000020"));
    const bool resumes = absl::StrContains(more, "--resume");
    return HashOf(kTrain, absl::StrCat("--np ", ranks, " --out ", dir, " ", more),
                  resumes ? absl::StrCat("resumed ", dir, "/step-00000010") : "");
  };
  const std::string wide = OwnPath("f32"), narrow = OwnPath("bf16");
  const std::string f32 = train(1, wide, ""),
                    bf16 = train(1, narrow, "--precision bf16");
  ASSERT_EQ(f32.size(), 16) << f32;
  ASSERT_EQ(bf16.size(), 16) << bf16;
  EXPECT_NE(bf16, f32);
  for (const int ranks : {2, 3}) {
    EXPECT_EQ(train(ranks, narrow, "--precision bf16 --resume"), bf16) << ranks;
    std::filesystem::remove_all(narrow);
    EXPECT_EQ(train(ranks, narrow, "--precision bf16"), bf16) << ranks;
  }
  const std::string mixed = train(1, wide, "--precision bf16 --resume");
  EXPECT_EQ(mixed.size(), 16) << mixed;
  EXPECT_NE(mixed, f32);
  EXPECT_NE(mixed, bf16);
  EXPECT_EQ(train(1, wide, "--resume"), f32);
  std::filesystem::remove_all(wide);
  std::filesystem::remove_all(narrow);
}

// What stages a run had does not show in its checkpoints.
TEST_F(Mpirun, StagesTrainAlikeOnAnyRanksAndResumeAnyRun) {
  const std::string one = OwnPath("stages");
  std::filesystem::remove_all(one);
  const std::string staged = absl::StrCat(kTrainStages, " --stages 2x1 --out ", one);
  const std::string want = HashOf(staged, "--np 1", "2 stages of 1x3: with 4 micro-");
  ASSERT_EQ(want.size(), 16) << want;
  EXPECT_EQ(HashOf(staged, "--np 2 --overwrite", ""), want);
  EXPECT_EQ(HashOf(staged, "--np 3 --threads 2 --overwrite", ""), want);
  const auto stop_after_ten = [&] {
    ASSERT_GT(std::filesystem::remove_all(one + "/step-00000020"), 0);
  };
  const std::string resumed = absl::StrCat("resumed ", one, "/step-00000010 after");
  stop_after_ten();
  EXPECT_EQ(HashOf(staged, "--np 2 --resume", resumed), want);
  // On other stages sums are in another order: other bits, from the same checkpoint.
  stop_after_ten();
  const std::string across = absl::StrCat(kTrainStages, " --stages 1x3 --out ", one);
  const std::string other = HashOf(across, "--np 2 --resume", resumed);
  EXPECT_EQ(other.size(), 16) << other;
  EXPECT_NE(other, want);
  stop_after_ten();
  EXPECT_EQ(HashOf(across, "--np 1 --resume", resumed), other);
  stop_after_ten();
  EXPECT_EQ(
      HashOf(absl::StrCat(kTrainStages, " --out ", one), "--resume", resumed).size(),
      16);
  std::filesystem::remove_all(one);
}

}  // namespace
}  // namespace tatami
