// Chakra traces that we write are read back to equal times; others' are timed by what
// they say, and refused with a reason where they do not say enough.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>

#include "absl/strings/str_cat.h"
#include "compiler/test_graphs.h"
#include "core/error.h"
#include "tools/simulate/chakra_export.h"
#include "tools/simulate/chakra_import.h"
#include "tools/simulate/chakra_ranks.h"

namespace tatami {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

// A folder that goes at the end; messages name its files.
class Folder {
 public:
  Folder() {
    std::string name = ::testing::TempDir() + "chakra-XXXXXX";
    if (mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  const std::string& path() const { return path_; }
  void Write(const std::string& name, const std::string& bytes) const {
    std::ofstream(path_ + "/" + name, std::ios::binary) << bytes;
  }
  void Write(const std::vector<NamedFile>& files) const {
    for (const NamedFile& file : files) Write(file.name, file.bytes);
  }

 private:
  std::string path_;
};

Simulation Simulated(const Program& program) {
  auto simulation = SimulateProgram(program, "dojo_tile", {});
  EXPECT_TRUE(simulation.ok()) << simulation.status();
  return *std::move(simulation);
}

TEST(ChakraRoundTrip, TimesAreEqualToTheBit) {
  std::set<size_t> files_seen;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    const Mesh meshes[] = {{3, 5}, {6, 4}, {1, 8}, {9, 4}};
    const Program program = LoweredTrainingStep(meshes[seed % 4], seed);
    const Simulation simulation = Simulated(program);
    const Folder folder;
    const auto files = ChakraFiles(program, simulation);
    folder.Write(files);
    const auto step = TimeOfChakra(folder.path(), "");
    ASSERT_TRUE(step.ok()) << step.status();
    EXPECT_EQ(step->step_ns, simulation.time.step_ns) << seed;
    EXPECT_EQ(step->ranks, program.mesh.nodes());
    EXPECT_EQ(step->traces + 1, static_cast<int64_t>(files.size()));
    EXPECT_EQ(step->exact_nodes, step->nodes);
    EXPECT_EQ(step->machine, "dojo_tile");
    EXPECT_THAT(step->other_attributes, ::testing::IsEmpty());
    files_seen.insert(files.size());
  }
  EXPECT_GT(files_seen.size(), 1);  // nodes alike, and not
}

int64_t Sum(const ChakraTrace& trace, const std::string& name, ChakraNodeType type) {
  int64_t sum = 0;
  for (const ChakraNode& node : trace.nodes) {
    if (node.type == type) sum += CountOf(node.attributes, name).value_or(0);
  }
  return sum;
}

// On a mesh of one node, its trace has all arithmetic of the step: what rounds up to
// one operation is at most one for each node of the trace.
TEST(ChakraExport, CountsTheStepsOperations) {
  const Program program = LoweredTrainingStep({1, 1}, 3);
  const Simulation simulation = Simulated(program);
  const ChakraTrace trace = ChakraTraceOf(program, simulation, program.classes[0]);
  const int64_t ops = Sum(trace, "num_ops", ChakraNodeType::kCompute);
  EXPECT_GE(ops, simulation.time.flops);
  EXPECT_LE(ops, simulation.time.flops + static_cast<int64_t>(trace.nodes.size()));
}

TEST(ChakraExport, PhasesFollowOneAnother) {
  const Program program = LoweredTrainingStep({6, 4}, 1);
  Simulation simulation = Simulated(program);
  // Phases of a toy are shorter than a microsecond, to which durations are rounded up.
  for (PhaseTime& phase : simulation.time.phases) phase.ns *= 1000;
  const ChakraTrace trace = ChakraTraceOf(program, simulation, program.classes[0]);
  std::set<std::pair<int64_t, std::string>> phases;
  uint64_t last_us = 0;
  for (const ChakraNode& node : trace.nodes) {
    phases.insert({*CountOf(node.attributes, "tatami.superstep"),
                   *StringOf(node.attributes, "tatami.phase")});
    EXPECT_EQ(node.control_deps.empty(), node.start_us == 0 && phases.size() == 1);
    EXPECT_GE(node.start_us, last_us);
    const double us = *DoubleOf(node.attributes, "tatami.duration_ns") / 1e3;
    EXPECT_GE(static_cast<double>(node.duration_us), us);
    EXPECT_LT(static_cast<double>(node.duration_us), us + 1);
    last_us = node.start_us;
  }
  EXPECT_EQ(phases.size(), simulation.time.phases.size());
}

ChakraNode Compute(uint64_t id, int64_t ops, int64_t bytes) {
  return {.id = id,
          .name = absl::StrCat("c", id),
          .type = ChakraNodeType::kCompute,
          .attributes = {
              ChakraAttribute::Int("num_ops", ops),
              ChakraAttribute::Uint("tensor_size", static_cast<uint64_t>(bytes))}};
}

absl::StatusOr<ChakraStep> Timed(const Folder& folder, const ChakraTrace& trace,
                                 const std::string& machine) {
  folder.Write("x.0.et", SerializeChakra(trace));
  return TimeOfChakra(folder.path(), machine);
}

// A D1 node by its machine file: 512 operations and two loads of 64 bytes a cycle of
// 0.5 ns. 2560 bytes take 10 ns, in which it computes 10,240 operations.
TEST(ChakraImport, OthersComputesFollowTheRoofline) {
  const auto machine = LoadMachine("d1_die");
  ASSERT_TRUE(machine.ok()) << machine.status();
  const Folder folder;
  const auto ns = [&](int64_t ops, int64_t bytes) {
    const auto step = Timed(folder, {.nodes = {Compute(1, ops, bytes)}}, "d1_die");
    EXPECT_TRUE(step.ok()) << step.status();
    EXPECT_EQ(step->modelled_nodes, 1);
    return step->step_ns - machine->call_start_ns;
  };
  // A sum and a difference of doubles below 2^12, each rounded once.
  constexpr double kRounding = 4096 * 0x1p-52;
  EXPECT_NEAR(ns(1, 2560), 10, kRounding);
  EXPECT_NEAR(ns(10240, 2560), 10, kRounding);
  EXPECT_NEAR(ns(20480, 2560), 20, kRounding);
  EXPECT_NEAR(ns(1024000, 1), 1000, kRounding);
}

ChakraNode Collective(ChakraCollective type, int64_t bytes,
                      const std::vector<bool>& dims) {
  return {
      .id = 1,
      .name = "c",
      .type = ChakraNodeType::kCollective,
      .attributes = {ChakraAttribute::Int("comm_type", static_cast<int64_t>(type)),
                     ChakraAttribute::Uint("comm_size", static_cast<uint64_t>(bytes)),
                     ChakraAttribute::Bools("involved_dim", dims)}};
}

// By hand, from the rules in ring_collectives.h and the machine file: a link carries
// 128 bytes in a ns and takes 0.5 ns a hop, taken as 1; SRAM gives 256 bytes a ns.
// Ranks are a mesh of 2 rows and 4 columns.
TEST(ChakraImport, OthersCollectivesFollowTheRingAlgorithm) {
  const auto machine = LoadMachine("d1_die");
  ASSERT_TRUE(machine.ok()) << machine.status();
  ASSERT_EQ(machine->link_bytes_per_s, 128e9);
  ASSERT_EQ(machine->hop_ns, 0.5);
  const Folder folder;
  folder.Write("ranks.json", RankMapText({{2, 4}, {{"x.0.et", {{0, 7}}}}}));
  const auto ns = [&](ChakraCollective type, const std::vector<bool>& dims) {
    const auto step =
        Timed(folder, {.nodes = {Collective(type, 4096, dims)}}, "d1_die");
    EXPECT_TRUE(step.ok()) << step.status();
    return step->step_ns - machine->superstep_start_ns;
  };
  using enum ChakraCollective;
  // A row: 3 messages of 1024 bytes, 1 + 8 ns and three passes of 4 ns.
  EXPECT_EQ(ns(kReduceScatter, {true, false}), 3 * (9 + 12));
  // A column: one message of all 4096 bytes, 1 + 32 ns.
  EXPECT_EQ(ns(kAllGather, {false, true}), 33);
  // The row, which leaves 1024 bytes; both ways in the column, 512 bytes a message, 1 +
  // 4 ns and, to add them, three passes of 2 ns; and the row again.
  EXPECT_EQ(ns(kAllReduce, {true, true}), 3 * 21 + (5 + 6) + 5 + 3 * 9);
  EXPECT_EQ(ns(kAllReduce, {true, true, true, true}), ns(kAllReduce, {true, true}));
  // Six messages of a quarter.
  EXPECT_EQ(ns(kAllToAll, {true, false}), 6 * 9);
  EXPECT_EQ(ns(kAllReduce, {false, false}), 0);
}

TEST(ChakraImport, RefusesCollectivesThatHaveNoClosedForm) {
  const Folder folder;
  const auto refused = [&](const ChakraNode& node) {
    return std::string(Timed(folder, {.nodes = {node}}, "d1_die").status().message());
  };
  const auto barrier = static_cast<ChakraCollective>(9);
  EXPECT_THAT(refused(Collective(barrier, 4, {})),
              HasSubstr("cannot time node 1 (COMM_COLL_NODE 'c'): of collectives, "
                        "all-reduce (comm_type 0), all-gather (2), all-to-all (6)"));
  for (const int64_t bytes : {int64_t{0}, (int64_t{1} << 50) + 1}) {
    EXPECT_THAT(refused(Collective(ChakraCollective::kAllReduce, bytes, {})),
                HasSubstr("of comm_size 1 to 1125899906842624 bytes."));
  }
  ChakraNode grouped = Collective(ChakraCollective::kAllReduce, 4, {});
  grouped.attributes.push_back(ChakraAttribute::String("pg_name", "1"));
  EXPECT_THAT(refused(grouped), HasSubstr("it is of a process group (pg_name)"));
}

TEST(ChakraImport, ComputesTakeTurnsAndDurationsAreReplayed) {
  const Folder folder;
  ChakraTrace trace;
  trace.nodes = {{.id = 1, .type = ChakraNodeType::kCompute, .duration_us = 3},
                 {.id = 2, .type = ChakraNodeType::kCompute, .duration_us = 8},
                 {.id = 3, .type = ChakraNodeType::kMetadata, .data_deps = {1}},
                 {.id = 4,
                  .type = ChakraNodeType::kCollective,
                  .control_deps = {3},
                  .attributes = {ChakraAttribute::Double("tatami.duration_ns", 6500)}}};
  trace.nodes[0].attributes = {ChakraAttribute::Bool("is_cpu_op", true),
                               ChakraAttribute::Uint("num_ops", 9),
                               ChakraAttribute::Uint("tensor_size", 9),
                               ChakraAttribute::String("op_schema", "x")};
  trace.nodes[1].attributes = {ChakraAttribute::String("op_schema", "y"),
                               ChakraAttribute::Int("rf_id", 4)};
  const auto step = Timed(folder, trace, "");
  ASSERT_TRUE(step.ok()) << step.status();
  // Computes end after 3 and 11 us, the collective after 3 + 6.5.
  EXPECT_EQ(step->step_ns, 11000);
  EXPECT_EQ(step->replayed_nodes, 2);
  EXPECT_EQ(step->exact_nodes, 1);
  EXPECT_THAT(step->other_attributes,
              ElementsAre(Pair("op_schema", 2), Pair("rf_id", 1)));
  EXPECT_THAT(ChakraText(*step), HasSubstr("11 us a step (modelled)"));
  EXPECT_THAT(ChakraText(*step), HasSubstr("  op_schema (2)\n"));
  trace.nodes[3].attributes = {ChakraAttribute::Double("tatami.duration_ns", 9000)};
  EXPECT_EQ(Timed(folder, trace, "")->step_ns, 12000);
}

void ExpectRefused(const absl::StatusOr<ChakraStep>& step, const std::string& message) {
  ASSERT_FALSE(step.ok());
  EXPECT_EQ(step.status().message(), message);
}

TEST(ChakraImport, RefusesWhatItCannotTime) {
  const Folder folder;
  const std::string where = absl::StrCat(" (", folder.path(), "/x.0.et)");
  ChakraNode node{.id = 4, .name = "n", .type = ChakraNodeType::kSend};
  ExpectRefused(Timed(folder, {.nodes = {node}}, "d1_die"),
                "E0402: cannot time node 4 (COMM_SEND_NODE 'n'): of other writers' "
                "traces, computes and collectives alone are timed. Give the node its "
                "time as the double tatami.duration_ns." +
                    where);
  node.type = ChakraNodeType::kCompute;
  ExpectRefused(Timed(folder, {.nodes = {node}}, "d1_die"),
                "E0402: cannot time node 4 (COMP_NODE 'n'): it has neither num_ops and "
                "tensor_size above 0 nor a duration. Give it one of them." +
                    where);
  ExpectRefused(Timed(folder, {.nodes = {Compute(1, 2, 3)}}, ""),
                "E0101: node 1 'c1' says what it does and not for how long. Name the "
                "machine with --machine." +
                    where);
  for (const double ns : {-1.0, HUGE_VAL, std::nan("")}) {
    node.attributes = {ChakraAttribute::Double("tatami.duration_ns", ns)};
    ExpectRefused(Timed(folder, {.nodes = {node}}, ""),
                  "E0402: cannot time node 4 (COMP_NODE 'n'): tatami.duration_ns is no "
                  "time. Write it again." +
                      where);
  }
}

TEST(ChakraImport, RefusesFoldersThatAreNone) {
  const Folder folder;
  const std::string again = "'. Write some with `tatami simulate --chakra FOLDER`.";
  ExpectRefused(
      TimeOfChakra(folder.path(), ""),
      absl::StrCat("E0401: no Chakra traces (*.et) in '", folder.path(), again));
  folder.Write("ranks.json", RankMapText({{1, 2}, {{"gone.et", {{0, 1}}}}}));
  ExpectRefused(TimeOfChakra(folder.path(), ""),
                absl::StrCat("E0401: cannot read '", folder.path(),
                             "/gone.et'. Write traces with `tatami simulate --chakra "
                             "FOLDER`."));
  folder.Write("gone.et", "");
  ExpectRefused(TimeOfChakra(folder.path(), ""),
                absl::StrCat("E0402: cannot read trace '", folder.path(),
                             "/gone.et': byte 0: a number is cut short. Write it again "
                             "as Chakra schema 0.0.4."));
}

TEST(ChakraImport, RefusesAnotherMachineThanThatOfOurTraces) {
  const Program program = LoweredTrainingStep({3, 5}, 0);
  const Folder folder;
  folder.Write(ChakraFiles(program, Simulated(program)));
  EXPECT_TRUE(TimeOfChakra(folder.path(), "dojo_tile").ok());
  ExpectRefused(
      TimeOfChakra(folder.path(), "d1_die"),
      "E0101: --machine d1_die does not go with traces of dojo_tile: they keep "
      "times, not what those come of. Simulate the model again with --machine "
      "d1_die.");
}

std::string RankFault(const std::string& text) {
  const auto map = ParseRankMap(text, "r");
  return map.ok() ? "" : std::string(map.status().message());
}

TEST(RankMap, EachRankHasOneTrace) {
  const RankMap map{{2, 3}, {{"a.et", {{0, 1}, {5, 5}}}, {"b.et", {{2, 4}}}}};
  const auto read = ParseRankMap(RankMapText(map), "r");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(RankMapText(*read), RankMapText(map));
  const auto fault = [](const RankMap& bad) { return RankFault(RankMapText(bad)); };
  EXPECT_EQ(fault({{2, 3}, {{"a.et", {{0, 1}, {5, 5}}}, {"b.et", {{3, 4}}}}}),
            "E0402: cannot read rank map 'r': rank 2 has no trace. Write it again with "
            "`tatami simulate --chakra`.");
  EXPECT_THAT(fault({{2, 3}, {{"a.et", {{0, 4}}}}}), HasSubstr("rank 5 has no trace"));
  EXPECT_THAT(fault({{2, 3}, {{"a.et", {{0, 5}}}, {"b.et", {{3, 4}}}}}),
              HasSubstr("rank 3 has two traces"));
  EXPECT_THAT(fault({{2, 3}, {{"a.et", {{0, 2}}}, {"a.et", {{3, 5}}}}}),
              HasSubstr("a.et is named twice"));
  EXPECT_THAT(fault({{2, 3}, {{"a.et", {{0, 6}}}}}), HasSubstr("a.et has ranks [0,6]"));
  EXPECT_THAT(fault({{2, 3}, {{"../a.et", {{0, 5}}}}}),
              HasSubstr("not the name of a file beside it"));
  EXPECT_THAT(fault({{0, 3}, {}}), HasSubstr("rows is 0; must be a whole number 1"));
  EXPECT_THAT(RankFault("[]"), HasSubstr("it is not a JSON object"));
  EXPECT_THAT(RankFault("{\"format\":1}"), HasSubstr("its format is not"));
}

}  // namespace
}  // namespace tatami
