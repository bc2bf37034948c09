// A scenario of --if against the same choice given as flags, or as a machine file.
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/run_tatami.h"

namespace tatami::testing {
namespace {

using ::testing::HasSubstr;

std::vector<std::string> Words(std::vector<std::string> more) {
  std::vector<std::string> words = {"compile", "--model", "drivenet-tiny"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

TEST(WhatIf, AScenarioIsTheChoiceGivenAsFlags) {
  const Scratch scratch;
  const RunOptions here = {.folder = scratch.path()};
  scratch.Write("less.textproto",
                "base: \"d1_die\" name: \"less\" sram_bytes: 196608\n");
  scratch.Write("fast.textproto", "base: \"d1_die\" name: \"fast\" clock_hz: 4e9\n");
  scratch.Write("slow.textproto",
                "base: \"d1_die\" name: \"slow\" link_packets_per_cycle: 0.5\n");
  const std::vector<std::pair<std::string, std::vector<std::string>>> cases = {
      {"mesh=1x2", {"--machine", "d1_die", "--mesh", "1x2"}},
      {"batch=3", {"--machine", "d1_die", "--mesh", "2x3", "--batch", "3"}},
      {"micro_batches=2",
       {"--machine", "d1_die", "--mesh", "2x3", "--micro_batches", "2"}},
      {"precision=bf16",
       {"--machine", "d1_die", "--mesh", "2x3", "--precision", "bf16"}},
      {"optimizer=sgd", {"--machine", "d1_die", "--mesh", "2x3", "--optimizer", "sgd"}},
      {"batch=4,mesh=2x2", {"--machine", "d1_die", "--mesh", "2x2", "--batch", "4"}},
      {"sram=192KiB", {"--machine", "less.textproto", "--mesh", "2x3"}},
      {"sram=0.15x", {"--machine", "less.textproto", "--mesh", "2x3"}},
      {"clock=2x", {"--machine", "fast.textproto", "--mesh", "2x3"}},
      {"link=0.5x", {"--machine", "slow.textproto", "--mesh", "2x3"}},
      {"machine=dojo_tile", {"--machine", "dojo_tile", "--mesh", "2x3"}},
  };
  std::vector<std::string> words =
      Words({"--machine", "d1_die", "--mesh", "2x3", "--json"});
  for (const auto& [scenario, flags] : cases) {
    words.insert(words.end(), {"--if", scenario});
  }
  const nlohmann::json object = RunTatami(words, here).LastJson();
  const nlohmann::json& rows = object["what_if"];
  ASSERT_EQ(rows.size(), cases.size() + 1);
  EXPECT_EQ(rows[0]["scenario"], "as given");
  EXPECT_EQ(rows[0]["peak_bytes"], object["peak_bytes"]);
  EXPECT_EQ(rows[0]["step_ns"], object["step_ns"]);
  for (size_t i = 0; i < cases.size(); ++i) {
    std::vector<std::string> alone = Words(cases[i].second);
    alone.push_back("--json");
    const nlohmann::json made = RunTatami(alone, here).LastJson();
    const nlohmann::json& row = rows[i + 1];
    EXPECT_EQ(row["scenario"], cases[i].first);
    EXPECT_EQ(row["fits"], made["fits"]) << cases[i].first;
    EXPECT_EQ(row["peak_bytes"], made["peak_bytes"]) << cases[i].first;
    EXPECT_EQ(row["batch"], made["batch"]) << cases[i].first;
    EXPECT_EQ(row["micro_batches"], made["micro_batches"]) << cases[i].first;
    EXPECT_EQ(row["precision"], made["precision"]) << cases[i].first;
    const double step_ns = made["step_ns"], given_ns = object["step_ns"];
    EXPECT_NEAR(row["step_ns"], step_ns, 1e-9 * step_ns) << cases[i].first;
    EXPECT_NEAR(row["gap"], made["gap"], 1e-9) << cases[i].first;
    EXPECT_NEAR(row["change"], step_ns / given_ns - 1, 1e-9) << cases[i].first;
  }
}

TEST(WhatIf, WhatDoesNotFitIsARowAndNotAnError) {
  const Scratch scratch;
  const Outcome outcome =
      RunTatami(Words({"--machine", "d1_die", "--mesh", "2x3", "--if", "sram=80KiB"}),
                {.folder = scratch.path()});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("\nsram=80KiB               no  "));
  for (size_t begin = 0; begin < outcome.out.find("\n\n");) {
    const size_t end = outcome.out.find('\n', begin);
    EXPECT_LE(end - begin, 80u) << outcome.out.substr(begin, end - begin);
    begin = end + 1;
  }
}

TEST(WhatIf, BadInputIsRefusedWithTheNearestKeyAndTheForm) {
  const Scratch scratch;
  const auto refused = [&](const std::string& scenario, const std::string& message) {
    ExpectRefused(scratch,
                  Words({"--machine", "d1_die", "--mesh", "2x3", "--if", scenario}), 2,
                  message);
  };
  const std::string keys =
      " Keys are machine, mesh, stages, batch, micro_batches, precision, sram, "
      "link, clock, "
      "optimizer.";
  refused("mesh8x8",
          "E0101: --if mesh8x8: 'mesh8x8' is not KEY=VALUE, as mesh=8x8." + keys);
  refused("mehs=8x8",
          "E0101: --if mehs=8x8: no key 'mehs'; did you mean 'mesh'?" + keys);
  refused("batch=2,batch=4",
          "E0101: --if batch=2,batch=4: 'batch' is given twice." + keys);
  refused("sram=1MB",
          "E0101: sram= takes a size as 1.25MiB or a factor as 0.5x; got '1MB'. (in "
          "--if sram=1MB)");
  refused("sram=64KiB",
          "E0101: sram= takes more than the 64.0 KiB of code; got '64KiB'. (in --if "
          "sram=64KiB)");
  refused("link=0.5",
          "E0101: link= takes a factor as 0.5x; got '0.5'. (in --if link=0.5)");
  refused("precision=f16",
          "E0101: precision= takes f32 or bf16; got 'f16'. (in --if precision=f16)");
  refused("micro_batches=3",
          "E0101: a batch of 2 cannot be cut into 3 equal micro-batches. Use "
          "--micro_batches 2, or a --batch that 3 divides, as 3. (in --if "
          "micro_batches=3)");
  refused("batch=0",
          "E0101: batch= takes a whole number from 1; got '0'. (in --if batch=0)");
}

}  // namespace
}  // namespace tatami::testing
