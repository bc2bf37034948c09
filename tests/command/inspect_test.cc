// tatami inspect, on each kind of file it knows.
#include <filesystem>

#include "compiler/test_graphs.h"
#include "core/proto/wire.h"
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

TEST_F(Inspect, APageIsForProgramsOnly) {
  ExpectRefused(scratch_, {"inspect", "run", "--html", "page.html"}, 2,
                "E0101: --html draws a program; 'run' holds tensors. Give the "
                "FILE.tatami of tatami compile --save_program, or leave --html out.");
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

class InspectHtml : public ::testing::Test {
 protected:
  void SetUp() override {
    const Outcome compiled =
        RunTatami({"compile", "--model", "drivenet-tiny", "--machine", "d1_die",
                   "--mesh", "2x3", "--save_program", "p.tatami"},
                  {.folder = scratch_.path()});
    ASSERT_EQ(compiled.exit_code, 0) << compiled.err;
  }

  Scratch scratch_;
};

// The page's numbers are those of --json, which tells them here in the same run and
// without a page.
TEST_F(InspectHtml, ThePageHoldsTheNumbersOfJson) {
  const RunOptions here = {.folder = scratch_.path()};
  const auto with_page =
      RunTatami({"inspect", "p.tatami", "--html", "p.html", "--json"}, here).LastJson();
  const auto object = RunTatami({"inspect", "p.tatami", "--json"}, here).LastJson();
  EXPECT_EQ(with_page, object);
  const std::string page = FileText(scratch_.path() + "/p.html");
  const std::string mark = "id=\"data\">";
  const size_t begin = page.find(mark) + mark.size();
  const auto data =
      nlohmann::json::parse(page.substr(begin, page.find("</script>", begin) - begin));
  EXPECT_EQ(data["summary"], object);
  EXPECT_EQ(data["supersteps"].size(), object["supersteps"]);
  EXPECT_EQ(data["mesh"]["flops"].size(), 6u);
  EXPECT_EQ(data["layouts"].size(), object["classes"].size());
  int64_t link_bytes = 0;
  for (const auto& superstep : data["supersteps"]) {
    for (const auto& e : superstep["exchanges"]) {
      link_bytes += e["link_bytes"].get<int64_t>();
    }
  }
  EXPECT_EQ(link_bytes, object["link_bytes"]);
}

// Two storages at one address: the file is whole, what it says is not.
TEST_F(InspectHtml, AProgramThatDoesNotVerifyIsNotDrawn) {
  Program broken = LoweredTrainingStep({2, 3}, 0);
  broken.classes[0].address[1] = broken.classes[0].address[0];
  scratch_.Write("broken.tatami", SerializeProgram(broken, WireForm::kBinary));
  const Outcome outcome = RunTatami({"inspect", "broken.tatami", "--html", "b.html"},
                                    {.folder = scratch_.path()});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.Message(), HasSubstr("verifier: "));
  EXPECT_THAT(outcome.Message(), HasSubstr("b.html is not written"));
  EXPECT_FALSE(std::filesystem::exists(scratch_.path() + "/b.html"));
}

TEST_F(InspectHtml, APageThatCannotBeWrittenIsAnError) {
  ExpectRefused(scratch_, {"inspect", "p.tatami", "--html", "no/p.html"}, 6,
                "E0602: cannot write 'no/p.html': No such file or directory. Check "
                "that its folder is there and has room.");
}

}  // namespace
}  // namespace tatami::testing
