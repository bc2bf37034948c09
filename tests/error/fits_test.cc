// A model that does not fit a node's SRAM (E0301, exit code 3), and one whose ops do
// not fit together (E0107).
//
// The figures of a zoo model change whenever the compiler learns something, so its
// message is held against what --json says and against its own arithmetic; the words
// are held exactly by a graph of one op, whose figures never change.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <regex>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "compiler/lower/lower.h"
#include "core/error.h"
#include "core/graph.h"
#include "ops/activation.h"
#include "ops/matmul.h"
#include "tests/support/run_tatami.h"

namespace tatami::testing {
namespace {

constexpr int kDoesNotFit = 3;
constexpr char kAdvice[] =
    "Use a larger --mesh, a smaller --batch or a smaller model. Meaning and further "
    "remedies: docs/errors/E0301.md";

TEST(DoesNotFit, AGraphOfOneOpIsRefusedInTheseWords) {
  GraphBuilder g("one_relu");
  g.Output("y", Relu(g, g.Input("x", {DType::kF32, {64, 16}})));
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
      "  4.0 KiB      x.feed f32[64,16] (ticks 0-2)\n"
      "  1 of 1 nodes are over.\n",
      kAdvice);
  EXPECT_EQ(std::string(status.message()), message);
  EXPECT_EQ(ExitCodeOf(status), kDoesNotFit);
  EXPECT_EQ(SampleOfPage("E0301"), message);
}

std::string Kib(int64_t bytes) { return absl::StrFormat("%.1f KiB", bytes / 1024.0); }

TEST(DoesNotFit, AModelOfTheZooIsRefusedWithTheFiguresOfItsJson) {
  const Scratch scratch;
  const Outcome outcome =
      RunTatami({"compile", "--model", "drivenet-small", "--mesh", "2x2", "--json"},
                {.folder = scratch.path()});
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
                                std::regex(R"( at (\S+) \(tick (\d+) of (\d+)\) )")))
      << lines[0];
  EXPECT_LT(std::stoi(where[2]), std::stoi(where[3]));
  EXPECT_EQ(lines[0],
            absl::StrCat(
                "E0301: 'drivenet-small' does not fit. Node (",
                absl::StrJoin(node, ","), ") needs ", Kib(needed), where[0].str(),
                "and has ", Kib(has), ": ", Kib(needed - has),
                absl::StrFormat(" (%.1f %%) too much.", 100.0 * (needed - has) / has)));
  EXPECT_EQ(lines[1], "  64.0 KiB     code");
  EXPECT_EQ(lines.back(), kAdvice);
}

// The largest tensors come first, each is alive at the tick of the peak, and they are
// not more than there is.
TEST(DoesNotFit, TheTensorsListedAreAliveAtThePeakAndSorted) {
  const Scratch scratch;
  const Outcome outcome =
      RunTatami({"compile", "--model", "drivenet-small", "--mesh", "2x2", "--json"},
                {.folder = scratch.path()});
  const std::string message = outcome.Message();
  std::smatch where;
  ASSERT_TRUE(std::regex_search(message, where, std::regex(R"(\(tick (\d+) of )")));
  const int peak = std::stoi(where[1]);
  const std::regex line(R"(\n  ([0-9.]+) KiB +\S+ f32\[[0-9,]*\] )"
                        R"((\(kept across steps\)|\(ticks (\d+)-(\d+)\)))");
  double last = 1e9, sum_kib = 64;
  int count = 0;
  for (std::sregex_iterator it(message.begin(), message.end(), line), end; it != end;
       ++it, ++count) {
    const double kib = std::stod((*it)[1]);
    EXPECT_LE(kib, last) << it->str();
    last = kib;
    sum_kib += kib;
    if ((*it)[3].matched) {
      EXPECT_LE(std::stoi((*it)[3]), peak) << it->str();
      EXPECT_GE(std::stoi((*it)[4]), peak) << it->str();
    }
  }
  EXPECT_EQ(count, 8);
  // Each of the nine figures is rounded to 0.1 KiB.
  EXPECT_LE(sum_kib, outcome.LastJson().value("peak_bytes", 0) / 1024.0 + 0.05 * 9);
  EXPECT_TRUE(std::regex_search(message, std::regex(R"(\n  and \d+ more\n)")));
  EXPECT_TRUE(
      std::regex_search(message, std::regex(R"(\n  \d of 4 nodes are over\.\n)")));
}

TEST(DoesNotFit, TrainingIsRefusedBeforeItStarts) {
  const Scratch scratch;
  scratch.WriteSmallVideo("drives");
  const Outcome outcome = RunTatami({"train", "--model", "drivenet-small", "--mesh",
                                     "2x2", "--data", "drives", "--out", "run"},
                                    {.folder = scratch.path()});
  EXPECT_EQ(outcome.exit_code, kDoesNotFit);
  const Outcome compiled =
      RunTatami({"compile", "--model", "drivenet-small", "--mesh", "2x2"},
                {.folder = scratch.path()});
  EXPECT_EQ(outcome.err, compiled.err);
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
