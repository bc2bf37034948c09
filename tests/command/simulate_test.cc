// tatami simulate as a user meets it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/support/run_tatami.h"

namespace tatami::testing {
namespace {

using ::testing::HasSubstr;

std::vector<std::string> Simulate(std::vector<std::string> more) {
  std::vector<std::string> words = {"simulate", "--model", "drivenet-tiny", "--mesh",
                                    "2x4"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

nlohmann::json ObjectOf(const Scratch& scratch, std::vector<std::string> more) {
  more.push_back("--json");
  const Outcome outcome = RunTatami(Simulate(more), {.folder = scratch.path()});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  return outcome.LastJson();
}

TEST(Simulate, ObjectHasTheFixedKeysAndAddsUp) {
  const Scratch scratch;
  const nlohmann::json object = ObjectOf(scratch, {});
  for (const char* key : {"step_ns", "utilization", "flops", "binding", "link_bytes",
                          "wall_s", "peak_rss_bytes"}) {
    EXPECT_TRUE(object.contains(key)) << key;
  }
  for (const char* key : {"phase", "resource", "share"}) {
    EXPECT_TRUE(object["binding"][0].contains(key)) << key;
  }
  const double step = object["step_ns"];
  double sum = 0;
  for (const auto& part : object["attribution"]) sum += part["ns"].get<double>();
  EXPECT_NEAR(sum, step, 1e-9 * step);
  EXPECT_LE(object["fastest_ns"], step);
  EXPECT_GE(object["slowest_ns"], step);
  EXPECT_LE(object["bound_ns"], step);
}

TEST(Simulate, EveryNodeGivesTheSameTimesAndStagesAreTimedToo) {
  const Scratch scratch;
  EXPECT_EQ(ObjectOf(scratch, {})["step_ns"], ObjectOf(scratch, {"--flat"})["step_ns"]);
  const auto staged =
      ObjectOf(scratch, {"--stages", "1x2", "--batch", "4", "--micro_batches", "4"});
  const auto whole = ObjectOf(scratch, {"--batch", "4", "--micro_batches", "4"});
  EXPECT_GT(staged["step_ns"], 0);
  EXPECT_NE(staged["step_ns"], whole["step_ns"]);
}

TEST(Simulate, SettingsAndSweepsChangeTheMachine) {
  const Scratch scratch;
  const double step = ObjectOf(scratch, {})["step_ns"];
  EXPECT_GT(ObjectOf(scratch, {"--set", "clock_hz=1e9"})["step_ns"], 1.5 * step);
  const auto sweep = ObjectOf(scratch, {"--sweep", "clock_hz=1e9..4e9"})["sweep"];
  ASSERT_EQ(sweep.size(), 5);
  for (size_t i = 1; i < sweep.size(); ++i) {
    EXPECT_LT(sweep[i]["step_ns"], sweep[i - 1]["step_ns"]);
  }
}

TEST(Simulate, TraceIsOfTheWholeStep) {
  const Scratch scratch;
  const double step = ObjectOf(scratch, {"--trace", "step.json"})["step_ns"];
  std::ifstream file(scratch.path() + "/step.json");
  std::ostringstream text;
  text << file.rdbuf();
  const auto trace = nlohmann::json::parse(text.str(), nullptr, false);
  ASSERT_TRUE(trace.is_object());
  double end = 0;
  for (const auto& event : trace["traceEvents"]) {
    if (event["ph"] != "X") continue;
    end = std::max(end, event["ts"].get<double>() + event["dur"].get<double>());
  }
  EXPECT_NEAR(end * 1e3, step, 1e-9 * step);
}

TEST(Simulate, RefusesWithTheNearestName) {
  const Scratch scratch;
  const auto refused = [&](std::vector<std::string> more, const std::string& text) {
    const Outcome outcome = RunTatami(Simulate(more), {.folder = scratch.path()});
    EXPECT_EQ(outcome.exit_code, 2) << outcome.out;
    EXPECT_THAT(outcome.err, HasSubstr(text));
  };
  refused({"--set", "hop_cycle=2"},
          "E0104: d1_die.textproto: 'hop_cycle' is no number of a machine; did you "
          "mean 'hop_cycles'?");
  refused({"--set", "hop_cycles"},
          "E0101: --set hop_cycles is not FIELD=NUMBER, as in --set hop_cycles=2");
  refused({"--sweep", "hop_cycles=4..1"},
          "E0101: --sweep hop_cycles=4..1 is not FIELD=LOW..HIGH with 0 < LOW < HIGH, "
          "as in --sweep link_packets_per_cycle=1..4");
  refused({"--frames_per_day", "1e9", "--select", "200%"},
          "a selection above 0 and at most 100%");
  refused({"--stages", "1x2", "--chakra", "out"},
          "Leave out --stages, or use --trace.");
}

}  // namespace
}  // namespace tatami::testing
