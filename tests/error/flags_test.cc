// Flags, names and files of configuration that are wrong: E0101 to E0106 and E0108,
// exit code 2.
#include <gtest/gtest.h>

#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/support/run_tatami.h"

namespace tatami::testing {
namespace {

constexpr int kUsage = 2;

constexpr char kHelp[] = " `tatami train --help` lists its flags.";

std::vector<std::string> Train(std::vector<std::string> more) {
  std::vector<std::string> words = {"train", "--model", "drivenet-tiny", "--data", "x"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

TEST(Flags, AnUnknownFlagGetsItsNearestName) {
  const Scratch scratch;
  const std::string message = absl::StrCat(
      "E0101: `tatami train` has no flag '--lerning_rate'; did you mean "
      "'--learning_rate'?",
      kHelp);
  ExpectRefused(scratch, Train({"--lerning_rate", "1"}), kUsage, message);
  ExpectRefused(scratch, Train({"--lerning_rate=1"}), kUsage, message);
  EXPECT_EQ(SampleOfPage("E0101"), message);
}

TEST(Flags, AFlagBeforeTheCommandIsToldWhereItBelongs) {
  ExpectRefused(Scratch(), {"--seed", "train", "--data", "x"}, kUsage,
                absl::StrCat("E0101: '--seed' stands before the command 'train'; flags "
                             "follow the command.",
                             kHelp));
}

TEST(Flags, AWordThatBelongsToNoFlagIsNamed) {
  ExpectRefused(Scratch(), {"models", "drivenet"}, kUsage,
                "E0101: 'drivenet' is not understood here; every value follows its "
                "--flag. `tatami models --help` lists its flags.");
}

TEST(Flags, ACommandThatIsMissingOrUnknownListsTheCommands) {
  const Scratch scratch;
  constexpr char kCommands[] =
      " Commands are train, compile, bench, simulate, serve, submit, jobs, describe, "
      "logs, cancel, resume, wait, nodes, drain, token, inspect, ckpt, models, "
      "machines, doctor; "
      "`tatami COMMAND "
      "--help` explains one.";
  ExpectRefused(scratch, {}, kUsage,
                absl::StrCat("E0101: a command is missing.", kCommands));
  ExpectRefused(
      scratch, {"traim", "--data", "x"}, kUsage,
      absl::StrCat("E0101: no command 'traim'; did you mean 'train'?", kCommands));
  ExpectRefused(scratch, {"reconstruction"}, kUsage,
                absl::StrCat("E0101: no command 'reconstruction'.", kCommands));
}

TEST(Flags, AValueThatIsNoNumberIsShown) {
  const Scratch scratch;
  ExpectRefused(scratch, Train({"--steps", "ten"}), kUsage,
                absl::StrCat("E0101: --steps takes a whole number; got 'ten'.", kHelp));
  ExpectRefused(scratch, Train({"--steps", "1.5"}), kUsage,
                absl::StrCat("E0101: --steps takes a whole number; got '1.5'.", kHelp));
  ExpectRefused(
      scratch, Train({"--learning_rate", "fast"}), kUsage,
      absl::StrCat("E0101: --learning_rate takes a number; got 'fast'.", kHelp));
}

TEST(Flags, AValueOutOfRangeIsShownWithItsRange) {
  const Scratch scratch;
  const auto refused = [&](const std::string& flag, const std::string& value,
                           const std::string& range) {
    ExpectRefused(
        scratch, Train({flag, value}), kUsage,
        absl::StrCat("E0101: ", flag, " must be ", range, "; got ", value, ".", kHelp));
  };
  refused("--steps", "0", "at least 1");
  refused("--steps", "-3", "at least 1");
  refused("--batch", "0", "at least 1");
  refused("--micro_batches", "0", "at least 1");
  refused("--threads", "0", "at least 1");
  refused("--seed", "-1", "at least 0");
  refused("--checkpoint_every", "-1", "at least 0");
  refused("--clip_norm", "nan", "at least 0");
  refused("--deadline", "0", "a finite number above 0");
  refused("--learning_rate", "0", "a finite number above 0");
  refused("--learning_rate", "inf", "a finite number above 0");
}

TEST(Flags, ARunIsBegunInOneWay) {
  for (const auto& two : {std::pair("--resume", "--overwrite"),
                          {"--resume", "--resume_if_any"},
                          {"--resume_if_any", "--overwrite"}}) {
    ExpectRefused(Scratch(), Train({two.first, two.second}), kUsage,
                  "E0101: --resume, --resume_if_any and --overwrite say different "
                  "things about an earlier run in --out. Give one of them.");
  }
}

TEST(Flags, ATimeLimitIsATimeWithItsUnit) {
  for (const std::string limit : {"90", "0s", "-5m", "soon"}) {
    ExpectRefused(Scratch(), Train({"--time_limit", limit}), kUsage,
                  absl::StrCat("E0101: --time_limit '", limit,
                               "' is no time above zero; give one as 90s, 45m or "
                               "1h30m."));
  }
}

TEST(Flags, MicroBatchesThatAreNoEqualPartsGetTheNearestThatAre) {
  const Scratch scratch;
  const auto refused = [&](const std::string& batch, const std::string& parts,
                           const std::string& fix) {
    ExpectRefused(scratch, Train({"--batch", batch, "--micro_batches", parts}), kUsage,
                  absl::StrCat("E0101: a batch of ", batch, " cannot be cut into ",
                               parts, " equal micro-batches. ", fix));
  };
  refused("8", "3", "Use --micro_batches 2 or 4, or a --batch that 3 divides, as 9.");
  refused("7", "6", "Use --micro_batches 1 or 7, or a --batch that 6 divides, as 12.");
  refused("8", "16", "Use --micro_batches 8, or a --batch that 16 divides, as 16.");
}

TEST(Flags, APrecisionIsOneOfTwo) {
  ExpectRefused(Scratch(), Train({"--precision", "fp16"}), kUsage,
                "E0101: --precision is f32 or bf16; got 'fp16'.");
}

TEST(Flags, StagesThatCannotBeAreRefused) {
  const Scratch scratch;
  const auto refused = [&](const std::string& mesh, const std::string& stages,
                           absl::string_view message) {
    ExpectRefused(scratch,
                  {"compile", "--model", "drivenet-tiny", "--machine", "d1_die",
                   "--mesh", mesh, "--stages", stages},
                  kUsage, message);
  };
  refused("4x4", "two",
          "E0101: --stages takes ROWSxCOLS of stages, as 2x1; got 'two'.");
  refused(
      "4x6", "3x4",
      "E0105: mesh 4x6 cannot be cut into 3x4 equal rectangles, one for each stage. "
      "Use --stages 2x3, or a --mesh whose rows 3 divides and whose columns 4 "
      "divides.");
}

TEST(Flags, AFlagThatIsNeededSaysWhatItIsFor) {
  const std::string message = absl::StrCat(
      "E0101: `tatami train` needs --data and its value: folder of videos or of "
      "pictures with labels.",
      kHelp);
  const Scratch scratch;
  ExpectRefused(scratch, {"train"}, kUsage, message);
  ExpectRefused(scratch, {"train", "--data"}, kUsage, message);
}

TEST(Flags, AFlagGivenTwiceIsNamed) {
  ExpectRefused(
      Scratch(), Train({"--seed", "1", "--seed", "2"}), kUsage,
      absl::StrCat("E0101: --seed is given more than once; give it once.", kHelp));
}

TEST(Flags, NamesOfSchedulesAndShapesOfMeshesAreChecked) {
  const Scratch scratch;
  ExpectRefused(scratch, Train({"--schedule", "cosin"}), kUsage,
                "E0101: no schedule is named 'cosin'; did you mean 'cosine'? Known: "
                "constant, step, cosine, one_cycle.");
  ExpectRefused(scratch, Train({"--steps", "3"}), kUsage,
                "E0101: --schedule one_cycle needs at least 4 steps, to rise and to "
                "fall; --steps is 3. Use more steps or --schedule constant.");
  ExpectRefused(scratch, Train({"--mesh", "four"}), kUsage,
                "E0101: mesh 'four' is not ROWSxCOLS, as in --mesh 4x4");
  ExpectRefused(scratch, {"compile", "--model", "drivenet-tiny", "--optimizer", "adam"},
                kUsage, "E0101: no optimizer 'adam'. Known are adamw and sgd.");
}

TEST(Flags, MoreRanksThanNodesAreRefusedBeforeAnyStarts) {
  ExpectRefused(Scratch(), Train({"--np", "5"}), kUsage,
                "E0101: --np must be 1 to 4, since a rank hosts at least one of the 4 "
                "nodes of mesh 2x2; got 5.");
}

TEST(Flags, AnUnknownModelGetsItsNearestName) {
  const Scratch scratch;
  const std::string message =
      "E0102: no model 'drivnet-tiny'; did you mean 'drivenet-tiny'? Models are "
      "drivenet-full, drivenet-small, drivenet-steering, drivenet-tiny, resnet-tiny, "
      "resnet18, resnet34, resnet50.";
  ExpectRefused(scratch, {"compile", "--model", "drivnet-tiny"}, kUsage, message);
  EXPECT_EQ(SampleOfPage("E0102"), message);
}

TEST(Flags, AModelThatTrainCannotFeedIsRefused) {
  ExpectRefused(Scratch(), {"train", "--model", "resnet18", "--data", "x"}, kUsage,
                "E0101: 'resnet18' needs images with class labels, which no --data "
                "folder gives. Train a drivenet, or see `tatami bench` for this "
                "model.");
}

TEST(Flags, AnUnknownMachineGetsItsNearestName) {
  const Scratch scratch;
  const std::string message =
      "E0103: no machine is named 'd1_dye'; did you mean 'd1_die'? Known: a100_dgx, "
      "d1_die, dojo_exapod, dojo_tile, dojo_tray, h100_dgx, host, or the path of a "
      ".textproto file.";
  ExpectRefused(scratch, Train({"--machine", "d1_dye"}), kUsage, message);
  EXPECT_EQ(SampleOfPage("E0103"), message);
  ExpectRefused(scratch, Train({"--machine", "none.textproto"}), kUsage,
                "E0103: cannot read machine file 'none.textproto', or it is empty. "
                "Check the path, or name a machine compiled in: a100_dgx, d1_die, "
                "dojo_exapod, dojo_tile, dojo_tray, h100_dgx, host.");
  scratch.Write("m.textproto", "name: 'mine'\nbase: 'd1_dye'\n");
  ExpectRefused(scratch, Train({"--machine", "m.textproto"}), kUsage,
                "E0103: m.textproto: base 'd1_dye' is not a machine compiled in; did "
                "you mean 'd1_die'? Known: a100_dgx, d1_die, dojo_exapod, dojo_tile, "
                "dojo_tray, h100_dgx, host.");
}

TEST(Flags, AFieldThatNoMachineHasIsNamedWithItsPlace) {
  const Scratch scratch;
  scratch.Write("m.textproto", "name: 'mine'\nbase: 'd1_die'\nclok_hz: 5\n");
  const std::string message =
      "E0104: m.textproto:3:8: no field 'clok_hz' in a machine file; did you mean "
      "'clock_hz'? Fields here: name, summary, base, host_probe, die_nodes, "
      "die_nodes_usable, die_logical_nodes, tile_dies, tiles, any_rectangle, clock_hz, "
      "sram_bytes, code_bytes_reserved, matrix_flops_per_cycle, "
      "vector_flops_per_cycle, vector_bytes, sram_load_ports, sram_store_ports, "
      "sram_port_bytes, packet_bytes, link_packets_per_cycle, hop_cycles, "
      "die_edge_bytes_per_s, die_crossing_ns, tile_edge_bytes_per_s, "
      "tile_crossing_ns, dram, pacing, superstep_start_ns, call_start_ns, "
      "matrix_unit_rows, matrix_unit_cols, matrix_unit_depth, mesh_port_bytes, "
      "baseline, unknown.";
  ExpectRefused(scratch, Train({"--machine", "m.textproto"}), kUsage, message);
  EXPECT_EQ(SampleOfPage("E0104"), message);
  scratch.Write("m.textproto", "name: 'mine'\nsram_bytes: lots\n");
  ExpectRefused(scratch, Train({"--machine", "m.textproto"}), kUsage,
                "E0104: m.textproto:2:13: Expected integer, got: lots");
}

TEST(Flags, AMeshLargerThanTheMachineGetsTheLargestThatFits) {
  const Scratch scratch;
  const std::string message =
      "E0105: mesh 19x18 is larger than machine 'd1_die', which hosts rectangles "
      "inside 18x19 (354 usable nodes, 342 of them in that rectangle). Make rows at "
      "most 18 and columns at most 19; the transposed mesh 18x19 fits, or pass "
      "--machine dojo_tile, dojo_tray, dojo_exapod.";
  ExpectRefused(scratch, Train({"--mesh", "19x18"}), kUsage, message);
  EXPECT_EQ(SampleOfPage("E0105"), message);
}

class PlanFile : public ::testing::Test {
 protected:
  // `affine` is the first call of drivenet-tiny, element-wise on a tensor of five dims.
  void ExpectPlanRefused(const std::string& text, absl::string_view message) {
    scratch_.Write("plan.txt", text);
    ExpectRefused(scratch_,
                  {"compile", "--model", "drivenet-tiny", "--plan", "plan.txt"}, kUsage,
                  message);
  }
  Scratch scratch_;
};

TEST_F(PlanFile, AnUnknownCallGetsItsNearestName) {
  const std::string message =
      "E0106: line 3 of the plan: no call 'trunk.level0.space.conv.cnv'; did you mean "
      "'trunk.level0.space.conv.conv'? `tatami compile --save_plan FILE` writes a plan "
      "with all calls.";
  ExpectPlanRefused("mesh 2x2\n# the stem\ntrunk.level0.space.conv.cnv: n=y\n",
                    message);
  EXPECT_EQ(SampleOfPage("E0106"), message);
}

TEST_F(PlanFile, AnUnknownFactorGetsTheRule) {
  ExpectPlanRefused(
      "mesh 2x2\naffine: rows=y\n",
      "E0106: no factor 'rows' in the rule 'd0 d1 d2 d3 d4 -> d0 d1 d2 d3 d4'; "
      "factors are d0, d1, d2, d3, d4 (line 2 of the plan, call affine)");
}

TEST_F(PlanFile, AnUnknownAxisGetsTheKnownOnes) {
  ExpectPlanRefused("mesh 2x2\naffine: d0=z\n",
                    "E0106: mesh axis 'z' is not known; write y, x or a sub-axis as "
                    "y:(1)2 (line 2 of the plan, call affine)");
  ExpectPlanRefused("mesh 2x2\naffine: d0=y:(1)3\n",
                    "E0106: mesh axis 'y:(1)3' is not a sub-axis of 2 nodes; write y, "
                    "x or a sub-axis as y:(1)2 (line 2 of the plan, call affine)");
}

TEST_F(PlanFile, OneAxisCannotCutTwoFactors) {
  ExpectPlanRefused("mesh 2x2\naffine: d0=y d1=y\n",
                    "E0106: axis y cuts two factors of one call (line 2 of the plan, "
                    "call affine)");
}

TEST_F(PlanFile, AWordThatIsNoCutIsShown) {
  ExpectPlanRefused("mesh 2x2\naffine: d0\n",
                    "E0106: 'd0' is none of FACTOR=AXES (as n=y), any, ->, recompute, "
                    "keep, stage K. (line 2 of the plan, "
                    "call affine)");
  ExpectPlanRefused("affine: d0=y\n",
                    "E0106: line 1 of the plan: the first line must be 'mesh RxC', as "
                    "in 'mesh 4x4'.");
}

TEST_F(PlanFile, APlanForAnotherMeshSaysBothMeshes) {
  ExpectPlanRefused(
      "mesh 1x4\naffine: d0=x\n",
      "E0106: the plan is for mesh 1x4 and the run for 2x2. Give --mesh "
      "1x4, or save a plan for this mesh with `tatami compile --save_plan "
      "FILE`.");
}

TEST_F(PlanFile, APlanForAnotherMapSaysBothMaps) {
  const auto refused = [&](const std::string& mesh, std::vector<std::string> more,
                           absl::string_view message) {
    scratch_.Write("plan.txt", "mesh " + mesh + "\n");
    std::vector<std::string> words = {"compile", "--model", "drivenet-tiny", "--plan",
                                      "plan.txt"};
    words.insert(words.end(), more.begin(), more.end());
    ExpectRefused(scratch_, words, kUsage, message);
  };
  const std::string save =
      ", or save a plan for this mesh with `tatami compile --save_plan FILE`.";
  refused("2x2 on 18x20 minus (3,7)", {"--dead", "(0,0)"},
          absl::StrCat("E0106: the plan is for mesh 2x2 on 18x20 minus (3,7) and the "
                       "run for 2x2 on 18x20 minus (0,0). Give --mesh 2x2 --dead "
                       "\"(3,7)\"",
                       save));
  refused("2x2 on 18x20 minus (3,7)", {},
          absl::StrCat("E0106: the plan is for mesh 2x2 on 18x20 minus (3,7) and the "
                       "run for 2x2. Give --mesh 2x2 --dead \"(3,7)\"",
                       save));
  refused("2x2", {"--dead", "(0,0)"},
          absl::StrCat("E0106: the plan is for mesh 2x2 and the run for 2x2 on 18x20 "
                       "minus (0,0). Give --mesh 2x2 without --dead",
                       save));
  refused("2x2 on 18x20 less (3,7)", {},
          "E0108: line 1 of the plan: '18x20 less (3,7)' is no grid ROWSxCOLS of at "
          "most 2097152 nodes. Write a map as 18x20 minus (3,7),(4,1)-(4,2).");
}

TEST_F(PlanFile, APlanThatIsNotThereIsAskedFor) {
  ExpectRefused(scratch_, {"compile", "--model", "drivenet-tiny", "--plan", "none.txt"},
                4,
                "E0401: cannot read plan file 'none.txt'. Check the path of --plan; "
                "`tatami compile --save_plan FILE` writes one to start from.");
}

TEST(Json, AFailedCommandEndsWithOneErrorObject) {
  const Scratch scratch;
  const Outcome outcome =
      RunTatami({"models", "--json", "--jsn"}, {.folder = scratch.path()});
  EXPECT_EQ(outcome.exit_code, kUsage);
  const nlohmann::json want = {
      {"error", {{"code", "E0101"}, {"message", outcome.Message()}}}};
  EXPECT_EQ(outcome.LastJson(), want);
  EXPECT_EQ(outcome.Message(),
            "E0101: `tatami models` has no flag '--jsn'; did you mean '--json'? "
            "`tatami models --help` lists its flags.");
}

TEST(Flags, WhatBenchCollectivesCannotTimeIsRefused) {
  const Scratch scratch;
  const auto refused = [&](std::vector<std::string> more, absl::string_view message) {
    std::vector<std::string> words = {"bench", "collectives"};
    words.insert(words.end(), more.begin(), more.end());
    ExpectRefused(scratch, words, kUsage, message);
  };
  refused({"--grid", "36x40"},
          "E0105: --grid 36x40 is larger than a die of d1_die, 18x20; collectives are "
          "timed on links of one rate, inside a die. Give a grid up to 18x20.");
  refused(
      {"--bytes", "64MB"},
      "E0101: '64MB' is not a size from 1 byte to 1024GiB, as in --bytes 64MiB, 4KiB "
      "or 512");
  refused({"--bytes", "2000GiB"},
          "E0101: '2000GiB' is not a size from 1 byte to 1024GiB, as in --bytes 64MiB, "
          "4KiB or 512");
  refused({"--dead", "(1,1)", "--random_dead", "6"},
          "E0101: --dead and --random_dead each give the whole map; use one of them");
  refused({"--random_dead", "360"},
          "E0101: cannot draw 360 dead nodes on a 18x20 grid: give 0 to 359.");
  refused({"--grid", "5x6", "--dead", "(5,0)"},
          "E0108: --dead: (5,0) lies outside the 5x6 grid: rows are 0 to 4, columns 0 "
          "to 5. Correct it, or name the machine or grid that it belongs to.");
}

TEST(Flags, ADeadMapThatIsWrongIsToldWhere) {
  const Scratch scratch;
  const auto refused = [&](std::vector<std::string> more, absl::string_view message) {
    std::vector<std::string> words = {"compile", "--model", "drivenet-tiny"};
    words.insert(words.end(), more.begin(), more.end());
    ExpectRefused(scratch, words, kUsage, message);
  };
  scratch.Write("map.txt", "# two\n(0,0)\n(18,3)\n");
  const std::string message =
      "E0108: map.txt line 3: (18,3) lies outside the 18x20 grid: rows are 0 to 17, "
      "columns 0 to 19. Correct it, or name the machine or grid that it belongs to.";
  refused({"--dead", "map.txt"}, message);
  EXPECT_EQ(SampleOfPage("E0108"), message);
  refused({"--dead", "3,7"},
          "E0108: --dead '3,7' neither starts with a part in brackets, as in "
          "(3,7),(4,1)-(4,2), nor is a file that can be read. Correct the list or the "
          "path.");
  refused({"--dead", "."},
          "E0108: --dead '.' neither starts with a part in brackets, as in "
          "(3,7),(4,1)-(4,2), nor is a file that can be read. Correct the list or the "
          "path.");
  refused({"--dead", "(0,1),(1,0)"},
          "E0108: the 2 dead parts cut the 18x20 grid apart: from (0,0) live links "
          "reach 1 of 358 live nodes, and not (0,2). List the smaller piece as dead "
          "too.");
  refused({"--dead", "(3,7)", "--machine", "host"},
          absl::StrCat("E0101: --dead names places of a machine's grid, and 'host' has "
                       "none: its ",
                       std::thread::hardware_concurrency(),
                       " nodes reach each other at one cost. Leave --dead out, or name "
                       "a machine with a grid, as --machine d1_die."));
}

// The grid of a machine file of its own, and a preset whose default mesh is 8x8.
TEST(Flags, AMeshThatTheLiveGridCannotHostGetsTheLargestThatItCan) {
  const Scratch scratch;
  ExpectRefused(scratch, Train({"--mesh", "18x20", "--dead", "(3,7)"}), kUsage,
                "E0105: a logical mesh 18x20 has no place on 18x20 minus (3,7): fewer "
                "than 18 rows have 20 live nodes, and fewer than 20 columns have 18. "
                "The largest that fits is 18x19 (342 of 359 live nodes). Give --mesh "
                "18x19 or one inside it.");
  std::string map;
  for (int row = 7; row < 18; ++row) {
    for (int col = 5; col < 20; ++col) absl::StrAppend(&map, "(", row, ",", col, ")\n");
  }
  scratch.Write("map.txt", map);
  ExpectRefused(scratch, {"compile", "--model", "drivenet-small", "--dead", "map.txt"},
                kUsage,
                "E0105: a logical mesh 8x8 has no place on 18x20 minus "
                "(7,5),(7,6),(7,7),(7,8) and 161 more (map 6edc3301afa053bb): fewer "
                "than 8 rows have "
                "8 live nodes, and fewer than 8 columns have 8. The largest that fits "
                "is 7x20 (140 of 195 live nodes). Give --mesh 7x20 or one inside it. "
                "(8x8 is the default mesh of drivenet-small)");
}

TEST(Flags, WithAMachineAndAMapTheMeshIsTheLargestThatIsLeft) {
  const Scratch scratch;
  scratch.Write("small.textproto",
                "name: 'small'\nbase: 'd1_die'\ndie_nodes { rows: 5 cols: 6 }\n"
                "die_nodes_usable: 30\ndie_logical_nodes { rows: 5 cols: 6 }\n");
  const Outcome outcome = RunTatami({"compile", "--model", "drivenet-tiny", "--machine",
                                     "small.textproto", "--dead", "(2,3)", "--json"},
                                    {.folder = scratch.path()});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  const nlohmann::json object = outcome.LastJson();
  EXPECT_EQ(object["mesh"], "5x5");
  EXPECT_EQ(object["map"], "5x6 minus (2,3)");
  EXPECT_EQ(object["dilation_hops_max"], 2);
}

}  // namespace
}  // namespace tatami::testing
