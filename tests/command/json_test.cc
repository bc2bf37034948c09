// The names that scripts rely on: the keys of --json, per command.
#include <algorithm>
#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/run_tatami.h"

namespace tatami::testing {
namespace {

using ::testing::HasSubstr;
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
                    "step_ns", "bound_ns", "gap", "compile_s", "link_bytes",
                    "link_bytes_max", "peak_bytes_by_class", "program_hash"}));
  EXPECT_EQ(object["mesh"], "2x3");
  EXPECT_EQ(object["fits"], true);
  EXPECT_EQ(object["sram_bytes"], 1310720);
  const double step_ns = object["step_ns"], bound_ns = object["bound_ns"];
  EXPECT_LE(bound_ns, step_ns);
  EXPECT_GT(bound_ns, 0);
  EXPECT_DOUBLE_EQ(object["gap"], (step_ns - bound_ns) / step_ns);
  EXPECT_LE(object["link_bytes_max"], object["link_bytes"]);
  int64_t nodes = 0, peak_bytes = 0;
  for (const auto& node_class : object["peak_bytes_by_class"]) {
    nodes += node_class["nodes"].get<int64_t>();
    peak_bytes = std::max(peak_bytes, node_class["peak_bytes"].get<int64_t>());
    EXPECT_LT(node_class["row"], 2);
    EXPECT_LT(node_class["col"], 3);
  }
  EXPECT_EQ(nodes, 6);
  EXPECT_EQ(peak_bytes, object["peak_bytes"]);
}

// A step that is written as Chakra traces is read back as long as it was.
TEST(Json, SimulateReadsItsChakraTraces) {
  const Scratch scratch;
  const auto written =
      RunJson(scratch, {"simulate", "--model", "drivenet-tiny", "--machine", "d1_die",
                        "--mesh", "2x3", "--chakra", "traces/step"});
  const auto read = RunJson(scratch, {"simulate", "--chakra_in", "traces/step"});
  EXPECT_THAT(KeysOf(read),
              IsSupersetOf({"model", "machine", "step_ns", "ranks", "traces", "nodes",
                            "exact_nodes", "replayed_nodes", "modelled_nodes",
                            "other_attributes"}));
  EXPECT_EQ(read["step_ns"], written["step_ns"]);
  EXPECT_EQ(read["model"], "drivenet-tiny");
  EXPECT_EQ(read["ranks"], 6);
  EXPECT_EQ(read["exact_nodes"], read["nodes"]);
  ExpectRefused(scratch,
                {"simulate", "--chakra_in", "traces/step", "--set", "pacing=1"}, 2,
                "E0101: --set excludes --chakra_in. `tatami simulate --help` lists its "
                "flags.");
}

// --explain takes a call or nothing, whatever follows it.
TEST(Compile, ExplainTakesACallOrNothing) {
  const Scratch scratch;
  const auto explain = [&](std::vector<std::string> words) {
    words.insert(words.begin(),
                 {"compile", "--model", "drivenet-tiny", "--machine", "d1_die"});
    words.insert(words.end(), {"--mesh", "2x2"});
    return RunTatami(words, {.folder = scratch.path()});
  };
  const Outcome all = explain({"--explain"});
  EXPECT_EQ(all.exit_code, 0) << all.err;
  const Outcome one = explain({"--explain=mul"}), same = explain({"--explain", "mul"});
  EXPECT_EQ(one.exit_code, 0) << one.err;
  const auto explanation = [](const Outcome& o) {
    return o.out.substr(0, o.out.find("\ndrivenet-tiny fits"));
  };
  EXPECT_EQ(explanation(one), explanation(same));
  EXPECT_THAT(explanation(one), HasSubstr("\nmul f32[2,2,16,24,3]"));
  EXPECT_THAT(explanation(all), HasSubstr("\nmul f32[2,2,16,24,3]"));
  EXPECT_GT(explanation(all).size(), 10 * explanation(one).size());
  ExpectRefused(scratch,
                {"compile", "--model", "drivenet-tiny", "--machine", "d1_die", "--mesh",
                 "2x2", "--explain=mull"},
                2,
                "E0101: --explain: no call 'mull' in 'drivenet-tiny'; did you mean "
                "'mul'? --explain alone lists all of them.");
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
  const auto object = RunJson(scratch, {"bench", "collectives", "--grid", "5x6",
                                        "--dead", "map.txt", "--bytes", "1MiB"});
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

TEST(Json, BenchNetwork) {
  const Scratch scratch;
  const auto object = RunJson(scratch, {"bench", "network", "--mesh", "8x8"});
  EXPECT_THAT(KeysOf(object),
              IsSupersetOf({"name", "ours", "peer", "ratio", "unit", "runs", "patterns",
                            "node_cycles_per_s", "node_cycles_per_s_peer"}));
  EXPECT_EQ(object["name"], "network 8x8");
  ASSERT_EQ(object["patterns"].size(), 5u);
  EXPECT_EQ(object["patterns"][0]["pattern"], "uniform");
  EXPECT_EQ(object["ours"], object["patterns"][0]["saturation"]);
  EXPECT_EQ(object["peer"], 0.426);
  EXPECT_NEAR(object["ratio"], 1, 0.05);
  // Half of a row's uniform traffic crosses one link of the middle, twice over.
  EXPECT_EQ(object["patterns"][0]["bound"], 0.5);
  EXPECT_LE(object["patterns"][0]["unpaced_efficiency"],
            object["patterns"][0]["paced_efficiency"]);

  // Nobody published this mesh, and it cannot be transposed.
  const auto other = RunJson(scratch, {"bench", "network", "--mesh", "3x4"});
  EXPECT_EQ(other["patterns"].size(), 4u);
  EXPECT_TRUE(other["peer"].is_null());
  EXPECT_TRUE(other["ratio"].is_null());
}

}  // namespace
}  // namespace tatami::testing
