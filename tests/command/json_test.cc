// The names that scripts rely on: the keys of --json, per command.
#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/run_tatami.h"

namespace tatami::testing {
namespace {

using ::testing::IsSupersetOf;

std::set<std::string> KeysOf(const nlohmann::json& object) {
  std::set<std::string> keys;
  for (const auto& item : object.items()) keys.insert(item.key());
  return keys;
}

nlohmann::json RunJson(const Scratch& scratch, std::vector<std::string> arguments) {
  arguments.push_back("--json");
  const Outcome outcome = RunTatami(arguments, {.folder = scratch.path()});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  return outcome.LastJson();
}

TEST(Json, Train) {
  const Scratch scratch;
  scratch.WriteSmallVideo("video");
  const auto object = RunJson(scratch, {"train", "--model", "drivenet-tiny", "--data",
                                        "video", "--steps", "4", "--out", "run"});
  EXPECT_THAT(KeysOf(object),
              IsSupersetOf({"steps", "loss", "metrics", "baselines", "weights_hash",
                            "samples_per_s", "data_wait_share"}));
  EXPECT_EQ(object["steps"], 4);
  EXPECT_EQ(object["weights_hash"].get<std::string>().size(), 16);
}

TEST(Json, Compile) {
  const Scratch scratch;
  const auto object = RunJson(scratch, {"compile", "--model", "drivenet-tiny",
                                        "--machine", "d1_die", "--mesh", "2x3"});
  EXPECT_THAT(
      KeysOf(object),
      IsSupersetOf({"model", "machine", "mesh", "fits", "peak_bytes", "sram_bytes",
                    "step_ns", "compile_s", "link_bytes", "program_hash"}));
  EXPECT_EQ(object["mesh"], "2x3");
  EXPECT_EQ(object["fits"], true);
  EXPECT_EQ(object["sram_bytes"], 1310720);
}

TEST(Json, Machines) {
  const Scratch scratch;
  const auto object = RunJson(scratch, {"machines"});
  ASSERT_FALSE(object["machines"].empty());
  for (const auto& machine : object["machines"]) {
    EXPECT_THAT(KeysOf(machine), IsSupersetOf({"name", "nodes", "dies", "sram_bytes",
                                               "peak_flops", "bisection_bytes_per_s"}));
  }
}

TEST(Json, Bench) {
  const Scratch scratch;
  const auto object =
      RunJson(scratch, {"bench", "step", "--model", "drivenet-tiny", "--machine",
                        "d1_die", "--mesh", "2x2", "--against", "host", "--runs", "1"});
  EXPECT_THAT(KeysOf(object),
              IsSupersetOf({"name", "ours", "peer", "ratio", "unit", "runs"}));
  EXPECT_GT(object["ours"], 0);
  EXPECT_GT(object["peer"], 0);
}

TEST(Json, BenchCollectives) {
  const Scratch scratch;
  scratch.Write("map.txt", "(1,1)  # one dead node\n");
  const auto object = RunJson(scratch, {"bench", "collectives", "--mesh", "5x6",
                                        "--dead_map", "map.txt", "--bytes", "1MiB"});
  EXPECT_THAT(
      KeysOf(object),
      IsSupersetOf({"name", "ours", "peer", "ratio", "unit", "runs", "map_hash",
                    "all_reduce", "broadcast", "sizes", "chunk_ticks", "row_cycles"}));
  EXPECT_EQ(object["map"], "5x6 minus (1,1)");
  EXPECT_EQ(object["logical_mesh"], "5x5");
  EXPECT_EQ(object["live_nodes"], 29);
  EXPECT_EQ(object["live_links"], 45);
  EXPECT_EQ(object["all_reduce"]["bytes"], 1 << 20);
  // 28 transfers of a mebibyte each way over 45 links of 128 GB/s.
  EXPECT_NEAR(object["all_reduce"]["capacity_us"], (1 << 20) / 128e3 * 28 / 45, 1e-9);
  EXPECT_GE(object["ratio"], 1);
  EXPECT_LE(object["ratio"], 1.3);
}

}  // namespace
}  // namespace tatami::testing
