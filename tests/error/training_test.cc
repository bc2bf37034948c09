// What goes wrong after training has begun, with the real command: diverging losses,
// damaged checkpoints, full disks, no mpirun.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <regex>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "runtime/checkpoint/manifest.h"
#include "tests/support/run_tatami.h"

namespace tatami::testing {
namespace {

namespace fs = std::filesystem;

// Figures of a model change when the model does; the words do not.
std::string WithoutFigures(const std::string& text) {
  return std::regex_replace(text, std::regex("[0-9]+"), "#");
}

std::vector<std::string> Train(std::vector<std::string> more) {
  std::vector<std::string> words = {"train",  "--model",    "drivenet-tiny",
                                    "--data", "drives",     "--out",
                                    "run",    "--schedule", "constant"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

class Training : public ::testing::Test {
 protected:
  // One good run of two steps, with a checkpoint after each, that the tests copy.
  static void SetUpTestSuite() {
    good_ = new Scratch();
    good_->WriteSmallVideo("drives");
    const Outcome outcome = RunTatami(
        Train({"--steps", "2", "--checkpoint_every", "1"}), {.folder = good_->path()});
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  }
  static void TearDownTestSuite() { delete good_; }

  Training() { scratch_.WriteSmallVideo("drives"); }

  void CopyGoodRun() {
    fs::copy(good_->path() + "/run", scratch_.path() + "/run",
             fs::copy_options::recursive);
  }
  void RemoveStep(int step) {
    fs::remove_all(absl::StrCat(scratch_.path(), "/run/step-0000000", step));
  }
  Outcome Run(std::vector<std::string> more) {
    return RunTatami(Train(std::move(more)), {.folder = scratch_.path()});
  }

  static Scratch* good_;
  Scratch scratch_;
};
Scratch* Training::good_ = nullptr;

constexpr char kShard[] = "run/step-00000002/model.safetensors";

// Flips one bit in the middle of the shard; returns what must be said of it, found
// without the loader: header and manifest are read as the JSON that they are.
std::string FlipBit(const std::string& folder) {
  std::string shard = FileText(folder + "/" + kShard);
  uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, shard.data(), sizeof header_bytes);
  const size_t data = 8 + header_bytes, at = data + (shard.size() - data) / 2;
  shard[at] ^= 4;
  std::ofstream(folder + "/" + kShard, std::ios::binary) << shard;
  std::string name, now;
  size_t begin = 0, end = 0;
  const auto header = nlohmann::json::parse(shard.substr(8, header_bytes));
  for (const auto& [key, entry] : header.items()) {
    if (!entry.contains("data_offsets")) continue;
    begin = data + entry["data_offsets"][0].get<size_t>();
    end = data + entry["data_offsets"][1].get<size_t>();
    if (at < begin || at >= end) continue;
    name = key;
    now = Checksum(AsBytes(absl::string_view(shard).substr(begin, end - begin)));
    break;
  }
  const auto manifest =
      nlohmann::json::parse(FileText(folder + "/run/step-00000002/manifest.json"));
  std::string was;
  for (const auto& tensor : manifest["tensors"]) {
    if (tensor["name"] == name) was = tensor["chunks_xxh3"][0];
  }
  EXPECT_NE(now, was);
  return absl::StrCat("E0701: '", kShard, "' is corrupt: tensor '", name,
                      "', chunk 1 of 1 (bytes ", begin, " to ", end, "), has xxh3 ",
                      now, " and the manifest says ", was, ".");
}

TEST_F(Training, AFlippedBitInTheOnlyCheckpointIsRefused) {
  CopyGoodRun();
  RemoveStep(1);
  const std::string what = FlipBit(scratch_.path());
  const Outcome outcome = Run({"--steps", "3", "--resume"});
  EXPECT_EQ(outcome.exit_code, 7);
  EXPECT_EQ(outcome.Message(),
            absl::StrCat("E0701: none of the 1 checkpoints in 'run' can be read: ",
                         what, " Give --out an empty directory to start anew."));
}

TEST_F(Training, AFlippedBitInTheNewestCheckpointLeavesTheOneBefore) {
  CopyGoodRun();
  const std::string what = FlipBit(scratch_.path());
  const Outcome outcome = Run({"--steps", "3", "--resume"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_TRUE(absl::StrContains(outcome.err,
                                what + "\nresumed run/step-00000001 after step 1\n"))
      << outcome.err;
}

TEST_F(Training, ATruncatedCheckpointIsRefusedWithBothSizes) {
  CopyGoodRun();
  RemoveStep(1);
  const std::string shard = scratch_.path() + "/" + kShard;
  const auto bytes = fs::file_size(shard);
  fs::resize_file(shard, bytes - 1000);
  const Outcome outcome = Run({"--steps", "3", "--resume"});
  EXPECT_EQ(outcome.exit_code, 7);
  EXPECT_EQ(
      outcome.Message(),
      absl::StrCat("E0701: none of the 1 checkpoints in 'run' can be read: E0701: "
                   "'",
                   kShard, "' is corrupt: it has ", bytes - 1000,
                   " bytes and the manifest says ", bytes,
                   ". Give --out an empty directory to start anew."));
  EXPECT_EQ(WithoutFigures(SampleOfPage("E0701")), WithoutFigures(outcome.Message()));
}

TEST_F(Training, NothingToResumeIsSaidWithWhatToDo) {
  const Outcome outcome = Run({"--steps", "3", "--resume"});
  EXPECT_EQ(outcome.exit_code, 7);
  EXPECT_EQ(outcome.Message(),
            "E0702: 'run' holds no checkpoint to resume from. Start without --resume, "
            "or give --out the folder of the run to go on with.");
}

TEST_F(Training, ACheckpointOfAnotherModelIsRefused) {
  CopyGoodRun();
  const Outcome outcome = RunTatami({"train", "--model", "drivenet-small", "--data",
                                     "drives", "--out", "run", "--resume"},
                                    {.folder = scratch_.path()});
  EXPECT_EQ(outcome.exit_code, 7);
  const std::string difference =
      R"('\S+' (is missing|is \S+ and should be \S+|is not in the model); )";
  const std::regex text(absl::StrCat(
      "E0702: the checkpoint of step 2 is not for this run: it is of model "
      "'drivenet-tiny' and the run trains 'drivenet-small'; (",
      difference,
      "){2}and \\d+ more\\. Resume with the model and preset it was made with, or give "
      "--out an empty directory\\. \\(run/step-00000002\\)"));
  EXPECT_TRUE(std::regex_match(outcome.Message(), text)) << outcome.err;
  EXPECT_TRUE(std::regex_match(SampleOfPage("E0702"), text));
}

TEST_F(Training, ALossThatIsNoNumberEndsTheRunWithItsStep) {
  const Outcome outcome = Run({"--steps", "4", "--learning_rate", "1e30"});
  EXPECT_EQ(outcome.exit_code, 5);
  const std::string message =
      "E0501: the loss is NaN at step 2 of 4, with learning rate 1e+30. Lower "
      "--learning_rate or set --clip_norm, then start again; no checkpoint was written "
      "yet.";
  EXPECT_EQ(outcome.Message(), message);
  EXPECT_EQ(SampleOfPage("E0501"), message);
}

TEST_F(Training, ALossThatIsNoNumberPointsToTheNewestCheckpoint) {
  CopyGoodRun();
  const Outcome outcome = Run({"--steps", "5", "--resume", "--learning_rate", "1e30"});
  EXPECT_EQ(outcome.exit_code, 5);
  EXPECT_EQ(outcome.Message(),
            "E0501: the loss is NaN at step 4 of 5, with learning rate 1e+30. Lower "
            "--learning_rate or set --clip_norm, then go on from step 2, the newest "
            "checkpoint, with --resume.");
}

// Two ranks meet the same error; the user reads it once, without mpirun's own words.
TEST_F(Training, AnErrorOfAllRanksIsToldOnce) {
  const Outcome one = Run({"--steps", "4", "--learning_rate", "1e30", "--json"});
  const Outcome two =
      Run({"--steps", "4", "--learning_rate", "1e30", "--json", "--np", "2"});
  EXPECT_EQ(two.exit_code, 5);
  EXPECT_EQ(two.Message(), one.Message());
  const auto after_header = [](const std::string& text) {
    return text.substr(text.find("step 1/4"));
  };
  EXPECT_EQ(after_header(two.err), after_header(one.err));
  EXPECT_EQ(two.out, one.out);
  EXPECT_EQ(two.LastJson()["error"]["code"], "E0501");
}

TEST_F(Training, WithoutMpirunSeveralRanksCannotStart) {
  const Outcome outcome =
      RunTatami(Train({"--steps", "2", "--np", "2"}),
                {.folder = scratch_.path(), .environment = {{"PATH", "/nowhere"}}});
  EXPECT_EQ(outcome.exit_code, 6);
  const std::string message =
      "E0603: cannot start mpirun for --np 2: No such file or directory. Install Open "
      "MPI (Debian: apt-get install openmpi-bin) or use --np 1.";
  EXPECT_EQ(outcome.err, "tatami: " + message + "\n");
  EXPECT_EQ(SampleOfPage("E0603"), message);
}

TEST_F(Training, AFolderThatCannotBeMadeIsRefusedBeforeTheFirstStep) {
  const Outcome outcome = RunTatami({"train", "--model", "drivenet-tiny", "--data",
                                     "drives", "--out", "/dev/null/run"},
                                    {.folder = scratch_.path()});
  EXPECT_EQ(outcome.exit_code, 6);
  EXPECT_EQ(outcome.Message(),
            "E0602: cannot make directory '/dev/null/run': Not a directory");
}

// A file of more than 3000 bytes cannot be written: neither the checkpoint nor, after
// some lines, the metrics. Training goes to its end, says that its weights are lost,
// and the checkpoint of before still loads.
TEST_F(Training, ADiskThatTakesNoMoreDoesNotEndTheTraining) {
  CopyGoodRun();
  const Outcome outcome =
      RunTatami(Train({"--steps", "60", "--checkpoint_every", "30", "--resume"}),
                {.folder = scratch_.path(), .file_bytes_max = 3000});
  EXPECT_EQ(outcome.exit_code, 6) << outcome.err;
  EXPECT_TRUE(absl::StrContains(outcome.err, "step 60/60")) << outcome.err;
  EXPECT_TRUE(absl::StrContains(
      outcome.err,
      "warning: the checkpoint of step 30 was not written; training goes on, earlier "
      "ones stay. E0602: checkpoint 'run/step-00000030' was not written: it needs "))
      << outcome.err;
  EXPECT_TRUE(absl::StrContains(
      outcome.Message(), "E0602: checkpoint 'run/step-00000060' was not written: it "))
      << outcome.err;
  EXPECT_TRUE(absl::EndsWith(outcome.Message(),
                             "(the weights of the last step, 60, are lost; the "
                             "checkpoint of step 2 stays: make room and --resume)"))
      << outcome.err;
  EXPECT_TRUE(std::regex_search(
      outcome.err,
      std::regex("warning: metrics of step \\d+ and later are not written; training "
                 "goes on\\. E0602: cannot write 'run/[^']+': File too large\\. Free "
                 "space there or give --out another directory\\.\n")))
      << outcome.err;
  const Outcome after = Run({"--steps", "3", "--resume"});
  EXPECT_EQ(after.exit_code, 0) << after.err;
  EXPECT_TRUE(absl::StrContains(after.err, "resumed run/step-00000002 after step 2\n"))
      << after.err;
}

// On a disk of its own that has room for one checkpoint and a half.
TEST_F(Training, AFullDiskDoesNotEndTheTraining) {
  const std::vector<std::string> unshare = {"unshare", "-m", "sh", "-c",
                                            "mkdir run && mount -t tmpfs -o size=$0 "
                                            "none run && \"$@\"; code=$?; cp -r run "
                                            "saved; exit $code"};
  const std::string probe = absl::StrCat(
      "cd ", scratch_.path(),
      " && unshare -m sh -c 'mkdir probe && mount -t tmpfs none probe' 2> probe.txt");
  if (std::system(probe.c_str()) != 0) {
    GTEST_SKIP() << "this system does not let the test mount a disk of its own";
  }
  uintmax_t bytes = 0;
  for (const auto& file :
       fs::directory_iterator(good_->path() + "/run/step-00000002")) {
    bytes += file.file_size();
  }
  RunOptions options{.folder = scratch_.path(), .wrapper = unshare};
  options.wrapper.push_back(absl::StrCat(bytes * 3 / 2));
  const Outcome outcome =
      RunTatami(Train({"--steps", "4", "--checkpoint_every", "1"}), options);
  EXPECT_EQ(outcome.exit_code, 6) << outcome.err;  // step 4 is lost as well
  EXPECT_TRUE(absl::StrContains(outcome.err, "step 4/4")) << outcome.err;
  EXPECT_TRUE(absl::StrContains(
      outcome.err,
      "warning: the checkpoint of step 2 was not written; training goes "
      "on, earlier ones stay. E0602: checkpoint 'run/step-00000002' was "
      "not written: it needs "))
      << outcome.err;
  fs::remove_all(scratch_.path() + "/run");  // the empty folder below the mount
  fs::rename(scratch_.path() + "/saved", scratch_.path() + "/run");
  const Outcome after = Run({"--steps", "2", "--resume"});
  EXPECT_EQ(after.exit_code, 0) << after.err;
  EXPECT_TRUE(absl::StrContains(after.err, "resumed run/step-00000001 after step 1\n"))
      << after.err;
}

TEST_F(Training, AnotherRunsCheckpointsAreNeitherMixedNorLost) {
  CopyGoodRun();
  const auto expect = [&](const std::vector<std::string>& more, int exit_code,
                          absl::string_view message) {
    const Outcome outcome = Run(more);
    EXPECT_EQ(outcome.exit_code, exit_code) << outcome.err;
    EXPECT_EQ(outcome.Message(), message);
  };
  expect({"--steps", "4"}, 2,
         "E0101: 'run' holds checkpoints up to step 2. Go on with --resume, give "
         "another --out, or remove them with --overwrite.");
  expect({"--steps", "4", "--resume", "--seed", "5"}, 7,
         "E0702: the run was started with --seed 1 and is to go on with 5, which draws "
         "other clips. Give --seed 1. (run/step-00000002)");
  expect({"--steps", "1", "--resume"}, 2,
         "E0101: --steps 1 lies behind the newest checkpoint, of step 2. Give more "
         "steps. (run/step-00000002)");
  const Outcome anew = Run({"--steps", "1", "--overwrite"});
  EXPECT_EQ(anew.exit_code, 0) << anew.err;
  EXPECT_FALSE(fs::exists(scratch_.path() + "/run/step-00000002"));
}

// The loss of step 1 is fine; its update is not.
TEST_F(Training, WeightsThatAreRuinedAreNotKept) {
  const Outcome outcome =
      Run({"--steps", "4", "--checkpoint_every", "1", "--learning_rate", "1e39"});
  EXPECT_EQ(outcome.exit_code, 5) << outcome.err;
  EXPECT_TRUE(std::regex_match(
      outcome.Message(),
      std::regex("E0501: '\\S+' holds a NaN or an infinity after step 1\\. Lower "
                 "--learning_rate or set --clip_norm, then start again\\.")))
      << outcome.err;
  EXPECT_FALSE(fs::exists(scratch_.path() + "/run/step-00000001"));
}

TEST_F(Training, VideosWithoutLabelsCannotTeachSteering) {
  ExpectRefused(scratch_, {"train", "--model", "drivenet-steering", "--data", "drives"},
                4,
                "E0403: 'drives' has no labels, and drivenet-steering predicts them. "
                "Give a folder of pictures with a labels file, as "
                "data/sullychen_garage.");
}

}  // namespace
}  // namespace tatami::testing
