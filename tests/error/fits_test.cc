// A model that does not fit a node's SRAM (E0301, exit code 3), and one whose ops do
// not fit together (E0107).
//
// The figures of a zoo model change whenever the compiler learns something, so its
// message is held against what --json says and against its own arithmetic; the words
// are held exactly by a graph of one op, whose figures never change.
#include <cmath>
#include <cstdio>
#include <map>
#include <regex>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "compiler/lower/lower.h"
#include "core/error.h"
#include "core/graph.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "ops/activation.h"
#include "ops/matmul.h"
#include "tests/support/run_tatami.h"

namespace tatami::testing {
namespace {

using ::testing::HasSubstr;

constexpr int kDoesNotFit = 3;
constexpr char kLastLine[] = "Meaning and further remedies: docs/errors/E0301.md";

TEST(DoesNotFit, AGraphOfOneOpIsRefusedInTheseWords) {
  GraphBuilder g("one_relu");
  {
    const GraphBuilder::Scope scope(g, "head", "models/net.cc:7");
    g.Output("y", Relu(g, g.Input("x", {DType::kF32, {64, 16}})));
  }
  const absl::StatusOr<Graph> graph = g.Finish();
  ASSERT_TRUE(graph.ok()) << graph.status();
  // relu overwrites its input, so 4096 bytes beside 1024 of code, in 4096.
  const absl::Status status =
      Lower(*graph, Plan{.mesh = {1, 1}},
            {.machine = "tiny", .sram_bytes = 4096, .code_bytes = 1024})
          .status();
  const std::string message = absl::StrCat(
      "E0301: 'one_relu' does not fit. Node (0,0) needs 5.0 KiB at the exchange of "
      "superstep 0 (tick 0 of 3) and has 4.0 KiB: 1.0 KiB (25.0 %) too much.\n"
      "  1.0 KiB      code\n"
      "  4.0 KiB      staging and inputs\n"
      "This one alone exceeds the 3.0 KiB beside code:\n"
      "  4.0 KiB      head.x.feed f32[64,16]\n"
      "               ticks 0-2, fed before the exchange of superstep 0 to the end of "
      "the step\n"
      "  1 of 1 nodes are over.\n",
      kLastLine);
  EXPECT_EQ(std::string(status.message()), message);
  EXPECT_EQ(ExitCodeOf(status), kDoesNotFit);
  EXPECT_EQ(SampleOfPage("E0301"), message);
}

// w x with w of 16x16 and x of 16x8 kept whole, as f32: 1024 and 512 bytes, beside 512
// of the product and 512 of its square; then the square needs the product no more.
TEST(DoesNotFit, TheSmallestSetHoldsSourcesAndLifetimes) {
  GraphBuilder g("two");
  const GraphBuilder::Scope scope(g, "head", "models/net.cc:9");
  const Value w = g.State("w", {DType::kF32, {16, 16}}, {}, /*trainable=*/true);
  const Value x = g.Input("x", {DType::kF32, {16, 8}});
  const Value y = Matmul(g, w, x, {});
  g.Output("y", y);
  g.Output("z", Relu(g, y));
  const absl::StatusOr<Graph> graph = g.Finish();
  ASSERT_TRUE(graph.ok()) << graph.status();
  const absl::Status status =
      Lower(*graph, Plan{.mesh = {1, 1}},
            {.machine = "tiny", .sram_bytes = 2048, .code_bytes = 512})
          .status();
  EXPECT_EQ(
      std::string(status.message()),
      absl::StrCat("E0301: 'two' does not fit. Node (0,0) needs 2.5 KiB at head.matmul "
                   "(tick 1 of 4) and has 2.0 KiB: 0.5 KiB (25.0 %) too much.\n"
                   "  0.5 KiB      code\n"
                   "  1.0 KiB      weights\n"
                   "  0.5 KiB      kept activations\n"
                   "  0.5 KiB      staging and inputs\n"
                   "These alone exceed the 1.5 KiB beside code, 3 tensors of 2.0 KiB:\n"
                   "  1.0 KiB      head.w f32[16,16]\n"
                   "               kept across steps\n"
                   "  0.5 KiB      head.x.feed f32[16,8]\n"
                   "               ticks 0-1, fed before the exchange of superstep 0 "
                   "to head.matmul\n"
                   "  0.5 KiB      head.matmul f32[16,8] from models/net.cc:9\n"
                   "               ticks 1-3, head.matmul to the end of the step\n"
                   "  1 of 1 nodes are over.\n",
                   kLastLine));
  const std::optional<SramOverflow> overflow = GetSramOverflow(status);
  ASSERT_TRUE(overflow.has_value());
  EXPECT_EQ(overflow->state_bytes, 1024);
  EXPECT_EQ(overflow->needed_bytes, 2560);
}

std::string Kib(int64_t bytes) { return absl::StrFormat("%.1f KiB", bytes / 1024.0); }

using Flags = std::map<std::string, std::string>;
Outcome Compiled(const Scratch& scratch, const Flags& flags) {
  std::vector<std::string> words = {"compile", "--json"};
  for (const auto& [flag, value] : flags) words.insert(words.end(), {flag, value});
  return RunTatami(words, {.folder = scratch.path()});
}

class ZooModel : public ::testing::Test {
 protected:
  // One run for all tests that read its message.
  static void SetUpTestSuite() {
    const Scratch scratch;
    outcome_ = new Outcome(
        Compiled(scratch, {{"--model", "drivenet-small"}, {"--mesh", "2x2"}}));
  }
  static void TearDownTestSuite() { delete outcome_; }

  static Outcome* outcome_;
};
Outcome* ZooModel::outcome_ = nullptr;

TEST_F(ZooModel, IsRefusedWithTheFiguresOfItsJson) {
  const Outcome& outcome = *outcome_;
  EXPECT_EQ(outcome.exit_code, kDoesNotFit);
  const nlohmann::json object = outcome.LastJson();
  EXPECT_EQ(object.value("model", ""), "drivenet-small");
  EXPECT_EQ(object.value("machine", ""), "d1_die");
  EXPECT_EQ(object.value("mesh", ""), "2x2");
  EXPECT_FALSE(object.value("fits", true));
  EXPECT_EQ(object.value("sram_bytes", 0), 1280 * 1024);  // machines/d1_die.textproto
  ASSERT_TRUE(object.contains("error"));
  EXPECT_EQ(object["error"]["code"], "E0301");
  EXPECT_EQ(object["error"]["message"], outcome.Message());
  EXPECT_EQ(outcome.err, "tatami: " + outcome.Message() + "\n");

  const int64_t needed = object.value("peak_bytes", int64_t{0});
  const int64_t has = object.value("sram_bytes", int64_t{0});
  ASSERT_GT(needed, has);
  const std::vector<std::string> lines = absl::StrSplit(outcome.Message(), '\n');
  ASSERT_GE(lines.size(), 5u);
  const auto node = object.value("worst_node", std::vector<int64_t>{});
  std::smatch where;
  ASSERT_TRUE(std::regex_search(lines[0], where,
                                std::regex(R"( at (\S+|the exchange of superstep \d+) )"
                                           R"(\(tick (\d+) of (\d+)\) )")))
      << lines[0];
  EXPECT_LT(std::stoi(where[2]), std::stoi(where[3]));
  EXPECT_EQ(lines[0],
            absl::StrCat(
                "E0301: 'drivenet-small' does not fit. Node (",
                absl::StrJoin(node, ","), ") needs ", Kib(needed), where[0].str(),
                "and has ", Kib(has), ": ", Kib(needed - has),
                absl::StrFormat(" (%.1f %%) too much.", 100.0 * (needed - has) / has)));
  EXPECT_EQ(lines[1], "  64.0 KiB     code");
  EXPECT_EQ(lines.back(), kLastLine);
}

TEST_F(ZooModel, TheKindsAddUpToWhatTheNodeNeeds) {
  const std::string message = outcome_->Message();
  const std::string kinds = message.substr(0, message.find("\nThese alone"));
  const std::regex line(R"(\n  ([0-9.]+) KiB +([a-z ,]+))");
  double sum_kib = 0;
  int count = 0;
  for (std::sregex_iterator it(kinds.begin(), kinds.end(), line), end; it != end;
       ++it, ++count) {
    sum_kib += std::stod((*it)[1]);
  }
  // What lies between tensors is told where there is any.
  EXPECT_EQ(count, 6 + (kinds.find(" between tensors") != std::string::npos));
  // Each figure is rounded to 0.1 KiB.
  EXPECT_NEAR(sum_kib, outcome_->LastJson().value("peak_bytes", 0) / 1024.0, 0.05 * 7);
}

// The largest first, each alive at the peak and with its line of the model; too much
// together, and not without the last.
TEST_F(ZooModel, TheSmallestSetIsAliveSortedAndJustTooLarge) {
  const std::string message = outcome_->Message();
  std::smatch where, sums;
  ASSERT_TRUE(std::regex_search(message, where, std::regex(R"(\(tick (\d+) of )")));
  const int peak = std::stoi(where[1]);
  ASSERT_TRUE(std::regex_search(
      message, sums,
      std::regex(R"(exceed the ([0-9.]+) KiB beside code, (\d+) tensors of )"
                 R"(([0-9.]+) KiB)")));
  const std::regex line(R"(\n  ([0-9.]+) KiB +\S+ f32\[[0-9,]*\] from )"
                        R"(models/drivenet\.cc:\d+)"
                        R"(\n +ticks (\d+)-(\d+), (\S+) to (\S+)(?=\n))");
  double last = 1e9, sum_kib = 0;
  int count = 0;
  for (std::sregex_iterator it(message.begin(), message.end(), line), end; it != end;
       ++it, ++count) {
    const double kib = std::stod((*it)[1]);
    EXPECT_LE(kib, last) << it->str();
    last = kib;
    sum_kib += kib;
    EXPECT_LE(std::stoi((*it)[2]), peak) << it->str();
    EXPECT_GE(std::stoi((*it)[3]), peak) << it->str();
  }
  EXPECT_EQ(count, std::stoi(sums[2]));
  EXPECT_NEAR(sum_kib, std::stod(sums[3]), 0.05 * (count + 1));
  EXPECT_GT(sum_kib, std::stod(sums[1]));
  EXPECT_LE(sum_kib - last, std::stod(sums[1]));
  EXPECT_TRUE(
      std::regex_search(message, std::regex(R"(\n  \d of 4 nodes are over\.\n)")));
}

// `heads` begin the first remedies. Compiles what each remedy says to type: it fits
// with the peak and the step that were promised, and the words of the message are those
// of --json.
void ExpectRemediesHelp(const Scratch& scratch, const Flags& given,
                        const Outcome& refused, const std::vector<std::string>& heads) {
  ASSERT_EQ(refused.exit_code, kDoesNotFit) << refused.err;
  const nlohmann::json remedies = refused.LastJson()["remedies"];
  ASSERT_GE(remedies.size(), heads.size()) << refused.Message();
  ASSERT_LE(remedies.size(), 4u);
  for (size_t i = 0; i < remedies.size(); ++i) {
    const nlohmann::json& remedy = remedies[i];
    Flags flags = given;
    const auto words = remedy["flags"].get<std::vector<std::string>>();
    for (size_t w = 0; w < words.size(); w += 2) flags[words[w]] = words[w + 1];
    std::string head = absl::StrJoin(words, " ");
    for (const std::string name : {"plan", "dead"}) {
      if (remedy["without_" + name] == false) continue;
      flags.erase("--" + name);
      absl::StrAppend(&head, head.empty() ? "" : " ", "without --", name);
    }
    if (i < heads.size()) {
      EXPECT_EQ(head.substr(0, heads[i].size()), heads[i]);
    }
    const std::string figures =
        absl::StrFormat(" peak %s, step %.1f us", Kib(remedy["peak_bytes"]),
                        remedy["step_ns"].get<double>() / 1e3);
    EXPECT_THAT(refused.Message(), HasSubstr("\n  " + head + " "));
    EXPECT_THAT(refused.Message(), HasSubstr(figures));
    const Outcome made = Compiled(scratch, flags);
    EXPECT_EQ(made.exit_code, 0) << head << made.err;
    const nlohmann::json object = made.LastJson();
    EXPECT_EQ(object["fits"], true) << head;
    EXPECT_EQ(object["peak_bytes"], remedy["peak_bytes"]) << head;
    EXPECT_EQ(object["step_ns"], remedy["step_ns"]) << head;
  }
}

TEST_F(ZooModel, EveryRemedyHelps) {
  const Scratch scratch;
  ExpectRemediesHelp(scratch, {{"--model", "drivenet-small"}, {"--mesh", "2x2"}},
                     *outcome_, {"--mesh "});
}

// On the grid that is left, or else on machines that are whole.
TEST(Remedies, OfADamagedMachine) {
  const Scratch scratch;
  const Flags given = {
      {"--model", "drivenet-small"}, {"--mesh", "2x2"}, {"--dead", "(3,7)"}};
  const Outcome refused = Compiled(scratch, given);
  ExpectRemediesHelp(scratch, given, refused, {"--mesh "});
  EXPECT_THAT(refused.Message(), HasSubstr("\n  --machine host --mesh 1x1 without "
                                           "--dead "));
}

TEST(Remedies, WithoutAPlanThatForbidsRecompute) {
  const Scratch scratch;
  scratch.Write("keep.plan", "mesh 2x2\n*: any keep\n");
  const Flags given = {{"--model", "drivenet-tiny"},
                       {"--machine", "d1_die"},
                       {"--mesh", "2x2"},
                       {"--batch", "20"},
                       {"--plan", "keep.plan"}};
  ExpectRemediesHelp(scratch, given, Compiled(scratch, given), {"without --plan"});
}

// 78,000 weights with two moments each are most of this node's memory.
TEST(Remedies, AnOptimizerThatKeepsLess) {
  const Scratch scratch;
  scratch.Write("small.textproto",
                "base: \"d1_die\" name: \"small\" sram_bytes: 1331200\n");
  const Flags given = {{"--model", "resnet-tiny"},
                       {"--machine", "small.textproto"},
                       {"--mesh", "1x1"},
                       {"--batch", "1"}};
  ExpectRemediesHelp(scratch, given, Compiled(scratch, given), {"--optimizer sgd"});
}

TEST(Remedies, ActivationsInHalfTheBytes) {
  const Scratch scratch;
  scratch.Write("small.textproto",
                "base: \"d1_die\" name: \"small\" sram_bytes: 196608\n"
                "die_logical_nodes { rows: 2 cols: 3 }\n");
  const Flags given = {{"--model", "drivenet-tiny"},
                       {"--machine", "small.textproto"},
                       {"--mesh", "2x3"},
                       {"--batch", "6"}};
  ExpectRemediesHelp(scratch, given, Compiled(scratch, given),
                     {"--machine d1_die ", "--precision bf16", "--micro_batches 2"});
}

// The mesh is all of this machine, and the batch is to stay.
TEST(Remedies, MicroBatchesKeepMeshAndBatch) {
  const Scratch scratch;
  scratch.Write("small.textproto",
                "base: \"d1_die\" name: \"small\" sram_bytes: 196608\n"
                "die_logical_nodes { rows: 2 cols: 3 }\n");
  const Flags given = {{"--model", "drivenet-tiny"},
                       {"--machine", "small.textproto"},
                       {"--mesh", "2x3"},
                       {"--batch", "8"}};
  ExpectRemediesHelp(scratch, given, Compiled(scratch, given),
                     {"--machine d1_die ", "--micro_batches 4"});
  scratch.WriteSmallVideo("drives");
  const Outcome outcome = RunTatami(
      {"train",      "--model",  "drivenet-tiny", "--machine", "small.textproto",
       "--mesh",     "2x3",      "--batch",       "8",         "--micro_batches",
       "4",          "--data",   "drives",        "--steps",   "2",
       "--schedule", "constant", "--out",         "run",       "--json"},
      {.folder = scratch.path()});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.LastJson()["micro_batches"], 4);
}

TEST_F(ZooModel, IsRefusedByTrainInTheSameWords) {
  const Scratch scratch;
  scratch.WriteSmallVideo("drives");
  const Outcome outcome = RunTatami({"train", "--model", "drivenet-small", "--mesh",
                                     "2x2", "--data", "drives", "--out", "run"},
                                    {.folder = scratch.path()});
  EXPECT_EQ(outcome.exit_code, kDoesNotFit);
  EXPECT_EQ(outcome.err, outcome_->err);
}

// Rank 0 looks for remedies while the other waits; all is told once.
TEST_F(ZooModel, IsToldOnceByTwoRanks) {
  const Scratch scratch;
  scratch.WriteSmallVideo("drives");
  const Outcome outcome =
      RunTatami({"train", "--model", "drivenet-small", "--mesh", "2x2", "--data",
                 "drives", "--out", "run", "--np", "2"},
                {.folder = scratch.path()});
  EXPECT_EQ(outcome.exit_code, kDoesNotFit);
  EXPECT_EQ(outcome.err, outcome_->err);
}

// A small node, so that few batches are tried.
TEST(BatchMax, FitsAndOneMoreDoesNot) {
  const Scratch scratch;
  scratch.Write("small.textproto",
                "base: \"d1_die\" name: \"small\" sram_bytes: 196608\n");
  Flags flags = {{"--model", "drivenet-tiny"},
                 {"--machine", "small.textproto"},
                 {"--mesh", "2x3"},
                 {"--batch", "max"}};
  const Outcome most = Compiled(scratch, flags);
  ASSERT_EQ(most.exit_code, 0) << most.err;
  const int64_t batch = most.LastJson()["batch"];
  EXPECT_THAT(most.out,
              HasSubstr(absl::StrCat("largest batch that fits: ", batch, " (")));
  flags["--batch"] = absl::StrCat(batch);
  EXPECT_EQ(Compiled(scratch, flags).LastJson()["program_hash"],
            most.LastJson()["program_hash"]);
  flags["--batch"] = absl::StrCat(batch + 1);
  EXPECT_EQ(Compiled(scratch, flags).exit_code, kDoesNotFit);
}

TEST(BatchMax, TrainsWithIt) {
  const Scratch scratch;
  scratch.WriteSmallVideo("drives");
  scratch.Write("small.textproto",
                "base: \"d1_die\" name: \"small\" sram_bytes: 131072\n");
  const Outcome outcome =
      RunTatami({"train", "--model", "drivenet-tiny", "--machine", "small.textproto",
                 "--mesh", "2x3", "--batch", "max", "--data", "drives", "--steps", "1",
                 "--schedule", "constant", "--out", "run"},
                {.folder = scratch.path()});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("largest batch that fits: "));
  EXPECT_THAT(outcome.out, HasSubstr("trained 1 steps"));
}

TEST(BadGraph, OperandsThatDoNotMatchAreShownWithTheirTypes) {
  GraphBuilder g("bad");
  g.Output("y", Matmul(g, g.Input("a", {DType::kF32, {4, 8}}),
                       g.Input("b", {DType::kF32, {9, 2}}), {}));
  const absl::Status status = g.Finish().status();
  const std::string message(status.message());
  EXPECT_EQ(ExitCodeOf(status), 2);
  EXPECT_EQ(message,
            "E0107: matmul needs A[..,m,k] and B[..,k,n] with equal k; got A f32[4,8] "
            "and B f32[9,2] (in matmul)");
  EXPECT_EQ(SampleOfPage("E0107"), message);
}

}  // namespace
}  // namespace tatami::testing
