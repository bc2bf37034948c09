// tatami inspect, on each kind of file it knows.
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/checkpoint/checkpoint.h"
#include "tests/support/run_tatami.h"

namespace tatami::testing {
namespace {

using ::testing::HasSubstr;

class Inspect : public ::testing::Test {
 protected:
  void SetUp() override {
    scratch_.WriteSmallVideo("video");
    const Outcome run = Tatami({"train", "--model", "drivenet-tiny", "--data", "video",
                                "--steps", "4", "--out", "run", "--json"});
    ASSERT_EQ(run.exit_code, 0) << run.err;
    hash_ = run.LastJson()["weights_hash"].get<std::string>();
  }

  Outcome Tatami(const std::vector<std::string>& arguments) const {
    return RunTatami(arguments, {.folder = scratch_.path()});
  }
  std::string Text(const std::string& path) const {
    const Outcome outcome = Tatami({"inspect", path});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return outcome.out;
  }

  Scratch scratch_;
  std::string hash_;
};

TEST_F(Inspect, ACheckpointAndTheRunThatHoldsIt) {
  const std::string checkpoint = CheckpointPath("run", 4);
  const std::string text = Text(checkpoint);
  EXPECT_THAT(text, HasSubstr("all checksums verified"));
  EXPECT_THAT(text, HasSubstr("drivenet-tiny, 4 steps done"));
  EXPECT_THAT(text, HasSubstr("weights   " + hash_));
  EXPECT_EQ(Text("run"), text);
  const auto object = Tatami({"inspect", checkpoint, "--json"}).LastJson();
  EXPECT_EQ(object["weights_hash"], hash_);
  EXPECT_EQ(object["step"], 4);
}

TEST_F(Inspect, SafetensorsListTheSameTensors) {
  const std::string path = CheckpointPath("run", 4);
  const auto whole = Tatami({"inspect", path, "--json"}).LastJson();
  const auto file =
      Tatami({"inspect", path + "/model.safetensors", "--json"}).LastJson();
  EXPECT_EQ(file["tensors"].size(), whole["tensors"].size());
  EXPECT_EQ(file["bytes"], whole["bytes"]);
}

TEST_F(Inspect, AProgramHasTheHashThatCompileNamed) {
  const auto compiled =
      Tatami({"compile", "--model", "drivenet-tiny", "--machine", "d1_die", "--mesh",
              "2x3", "--save_program", "p.tatami", "--json"})
          .LastJson();
  const auto program = Tatami({"inspect", "p.tatami", "--json"}).LastJson();
  EXPECT_EQ(program["program_hash"], compiled["program_hash"]);
  EXPECT_THAT(Text("p.tatami"), HasSubstr("drivenet-tiny"));
}

TEST_F(Inspect, ADamagedCheckpointIsRefused) {
  const std::string file = CheckpointPath("run", 4) + "/model.safetensors";
  std::string bytes = FileText(scratch_.path() + "/" + file);
  bytes.back() ^= 1;
  scratch_.Write(file, bytes);
  const Outcome outcome = Tatami({"inspect", "run"});
  EXPECT_EQ(outcome.exit_code, 7);
  EXPECT_THAT(outcome.Message(), HasSubstr("model.safetensors' is corrupt"));
}

}  // namespace
}  // namespace tatami::testing
