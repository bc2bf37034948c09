// The machine files against published figures, and what each wrong input says.
#include "core/machine.h"

#include <cstdio>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "core/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace tatami {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

MachineSpec Load(absl::string_view name) {
  const auto machine = LoadMachine(name);
  EXPECT_TRUE(machine.ok()) << machine.status();
  return machine.ok() ? *machine : MachineSpec{};
}

// A small machine of which tests spoil one line at a time.
constexpr absl::string_view kTiny = R"(name: "tiny"
die_nodes { rows: 4 cols: 4 }
die_nodes_usable: 16
die_logical_nodes { rows: 4 cols: 4 }
clock_hz: 1e9
sram_bytes: 1000
matrix_flops_per_cycle: 2
vector_flops_per_cycle: 2
vector_bytes: 4
sram_load_ports: 1
sram_store_ports: 1
sram_port_bytes: 8
packet_bytes: 8
link_packets_per_cycle: 1
hop_cycles: 2
)";

absl::Status ParseSpoiled(absl::string_view line, absl::string_view replacement) {
  const std::string text = absl::StrReplaceAll(kTiny, {{line, replacement}});
  EXPECT_NE(text, kTiny) << "the test names a line that is not there";
  return ParseMachine(text, "tiny.textproto", {.cores = 1, .memory_bytes = 1}).status();
}

TEST(Machine, NamesAreTheFilesOfTheFolder) {
  EXPECT_THAT(MachineNames(),
              ElementsAre("a100_dgx", "d1_die", "dojo_exapod", "dojo_tile", "dojo_tray",
                          "h100_dgx", "host"));
  for (const std::string& name : MachineNames()) EXPECT_EQ(Load(name).name, name);
}

// Published: 362 TFLOPS, 440 MB (IEEE Micro 43(3) abstract); 354 x 1.25 MiB = 464 MB.
TEST(Machine, DieHasThePublishedFigures) {
  const MachineSpec die = Load("d1_die");
  EXPECT_EQ(NumNodes(die), 354);
  EXPECT_EQ(die.sram_bytes, 1310720);
  EXPECT_EQ(SramBytesTotal(die), int64_t{354} * 1310720);
  EXPECT_NEAR(PeakMatrixFlops(die), 362e12, 0.5e12);  // published to three digits
  EXPECT_NEAR(PeakVectorFlops(die), 22.6e12, 0.1e12);
  EXPECT_DOUBLE_EQ(die.link_bytes_per_s, 128e9);
  EXPECT_DOUBLE_EQ(die.hop_ns, 0.5);
  EXPECT_DOUBLE_EQ(SramLoadBytesPerS(die), 256e9);
  EXPECT_DOUBLE_EQ(SramStoreBytesPerS(die), 128e9);
  // The shorter cut crosses 18 links.
  EXPECT_DOUBLE_EQ(BisectionBytesPerS(die), 18 * 128e9);
}

// Published: 9 PFLOPS, 11 GB, 10 TB/s bisection, 8,850 nodes (Hot Chips 34).
TEST(Machine, TileHasThePublishedFigures) {
  const MachineSpec tile = Load("dojo_tile");
  EXPECT_EQ(NumDies(tile), 25);
  EXPECT_EQ(NumNodes(tile), 8850);
  EXPECT_NEAR(PeakMatrixFlops(tile), 9.06e15, 0.005e15);
  EXPECT_NEAR(static_cast<double>(SramBytesTotal(tile)), 11e9, 0.7e9);
  EXPECT_DOUBLE_EQ(BisectionBytesPerS(tile), 10e12);
  EXPECT_EQ(DramBytesTotal(tile), int64_t{5} << 35);
}

// Published: 13.4 TB/s bisection, 54 PFLOPS, 640 GB (Hot Chips 34, transcribed).
TEST(Machine, TrayHasThePublishedFigures) {
  const MachineSpec tray = Load("dojo_tray");
  EXPECT_NEAR(PeakMatrixFlops(tray), 54e15, 0.5e15);
  // Three tile edges of 4.5 TB/s (rounded to 0.1) make 13.5, so 13.4 is within 3 x
  // 0.05.
  EXPECT_NEAR(BisectionBytesPerS(tray), 13.4e12, 0.15e12);
  EXPECT_EQ(DramBytesTotal(tray), int64_t{640} << 30);
}

// Published: 1.1 EFLOPS (1.087 derived), 1.3 TB SRAM, 1,062,000 nodes, 3,000 dies.
TEST(Machine, ExapodHasThePublishedFigures) {
  const MachineSpec pod = Load("dojo_exapod");
  EXPECT_EQ(pod.tiles.count(), 120);
  EXPECT_EQ(NumDies(pod), 3000);
  EXPECT_EQ(NumNodes(pod), 1062000);
  EXPECT_NEAR(PeakMatrixFlops(pod), 1.087e18, 0.0005e18);
  EXPECT_NEAR(static_cast<double>(SramBytesTotal(pod)), 1.3e12, 0.1e12);
  EXPECT_DOUBLE_EQ(BisectionBytesPerS(pod), 4 * 4.5e12);
}

TEST(Machine, HostIsSizedByTheComputer) {
  const auto small = ParseMachine(R"(base: "host" name: "h")", "h.textproto",
                                  {.cores = 6, .memory_bytes = int64_t{12} << 30});
  ASSERT_TRUE(small.ok()) << small.status();
  EXPECT_EQ(NumNodes(*small), 6);
  EXPECT_EQ(small->sram_bytes, int64_t{1} << 30);  // half of 12 GiB over 6 cores
  EXPECT_TRUE(CheckMesh(*small, 2, 3).ok());
  EXPECT_TRUE(CheckMesh(*small, 6, 1).ok());
  EXPECT_EQ(GetErrorCode(CheckMesh(*small, 7, 1)), ErrorCode::kMeshTooLarge);
  EXPECT_GE(NumNodes(Load("host")), 1);
  EXPECT_EQ(GetErrorCode(ParseMachine(R"(base: "host" name: "h")", "h", {}).status()),
            ErrorCode::kUnknownMachine);
}

TEST(Machine, BaseIsMergedAndOneFieldChanges) {
  const auto fast = ParseMachine(R"(base: "dojo_tile" name: "fast" clock_hz: 2.1e9)",
                                 "fast.textproto", {});
  ASSERT_TRUE(fast.ok()) << fast.status();
  EXPECT_EQ(NumNodes(*fast), 8850);
  EXPECT_DOUBLE_EQ(PeakMatrixFlops(*fast), 8850 * 512 * 2.1e9);
  EXPECT_EQ(
      GetErrorCode(
          ParseMachine(R"(base: "d1_dye" name: "x")", "x.textproto", {}).status()),
      ErrorCode::kUnknownMachine);
}

TEST(Machine, ReadsAFileByPath) {
  const std::string path = absl::StrCat(testing::TempDir(), "/tiny.textproto");
  std::ofstream(path) << kTiny;
  const MachineSpec tiny = Load(path);
  EXPECT_EQ(tiny.name, "tiny");
  EXPECT_EQ(NumNodes(tiny), 16);
  EXPECT_DOUBLE_EQ(tiny.hop_ns, 2);
  std::remove(path.c_str());
  const absl::Status gone = LoadMachine(path).status();
  EXPECT_EQ(GetErrorCode(gone), ErrorCode::kUnknownMachine);
  EXPECT_THAT(gone.message(), HasSubstr(path));
}

TEST(Machine, UnknownNameListsTheKnownAndTheNearest) {
  EXPECT_EQ(
      LoadMachine("d1_dye").status().message(),
      "E0103: no machine is named 'd1_dye'; did you mean 'd1_die'? Known: a100_dgx, "
      "d1_die, dojo_exapod, dojo_tile, dojo_tray, h100_dgx, host, or the path of a "
      ".textproto file.");
}

TEST(Machine, OverridesChangeNumbersByTheirNames) {
  const auto machine = LoadMachine(
      "dojo_tile",
      {{"link_packets_per_cycle", 4}, {"dram.cards", 7}, {"hop_cycles", 3}});
  ASSERT_TRUE(machine.ok()) << machine.status();
  EXPECT_NEAR(machine->link_bytes_per_s, 4 * 64 * 2e9, 1);
  EXPECT_EQ(machine->dram.cards, 7);
  EXPECT_NEAR(machine->hop_ns, 1.5, 1e-12);
  const absl::Status misspelt = LoadMachine("d1_die", {{"hop_cycle", 1}}).status();
  EXPECT_EQ(GetErrorCode(misspelt), ErrorCode::kUnknownField);
  EXPECT_THAT(
      std::string(misspelt.message()),
      ::testing::HasSubstr("'hop_cycle' is no number of a machine; did you mean "
                           "'hop_cycles'?"));
  EXPECT_FALSE(LoadMachine("d1_die", {{"name", 1}}).ok());
  EXPECT_FALSE(LoadMachine("d1_die", {{"pacing", 1.5}}).ok());
}

TEST(Machine, UnknownsHaveARangeAndASource) {
  const auto tile = LoadMachine("dojo_tile");
  ASSERT_TRUE(tile.ok()) << tile.status();
  EXPECT_GE(tile->unknowns.size(), 6);
  for (const UnknownField& u : tile->unknowns) {
    EXPECT_LT(u.low, u.high) << u.field;
    EXPECT_LE(u.low, u.value) << u.field;
    EXPECT_GE(u.high, u.value) << u.field;
    EXPECT_FALSE(u.source.empty()) << u.field;
  }
  const auto with = [](const std::string& unknown) {
    return ParseMachine("base: 'd1_die' name: 'mine' unknown { " + unknown + " }",
                        "mine.textproto", {})
        .status();
  };
  EXPECT_TRUE(with("field: 'hop_cycles' low: 1 high: 9 source: 'a guess'").ok());
  EXPECT_FALSE(with("field: 'hop_cycle' low: 1 high: 9 source: 'a guess'").ok());
  EXPECT_FALSE(with("field: 'hop_cycles' low: 9 high: 1 source: 'a guess'").ok());
  EXPECT_FALSE(with("field: 'hop_cycles' low: 1 high: 9").ok());
}

TEST(Machine, UnknownFieldNamesLineColumnAndNearest) {
  const absl::Status s = ParseSpoiled("clock_hz: 1e9", "clok_hz: 1e9");
  EXPECT_EQ(GetErrorCode(s), ErrorCode::kUnknownField);
  EXPECT_THAT(s.message(), HasSubstr("E0104: tiny.textproto:5:8: no field 'clok_hz' in "
                                     "a machine file; did you mean 'clock_hz'?"));
  const absl::Status nested = ParseSpoiled("die_nodes { rows: 4", "die_nodes { row: 4");
  EXPECT_THAT(nested.message(),
              HasSubstr("did you mean 'rows'? Fields here: rows, cols"));
}

TEST(Machine, BadTextIsRefusedWithItsPlace) {
  for (const auto& [line, bad] : std::vector<std::pair<std::string, std::string>>{
           {"sram_bytes: 1000", "sram_bytes: lots"},
           {"sram_bytes: 1000", "sram_bytes 1000 1000"},
           {"name: \"tiny\"", "name: \"tiny"}}) {
    const absl::Status s = ParseSpoiled(line, bad);
    EXPECT_EQ(GetErrorCode(s), ErrorCode::kUnknownField) << bad;
    EXPECT_THAT(s.message(), HasSubstr("tiny.textproto:")) << bad;
  }
}

TEST(Machine, EveryNumberMustBeThereAndInRange) {
  for (const auto& [line, bad] : std::vector<std::pair<std::string, std::string>>{
           {"name: \"tiny\"", ""},
           {"clock_hz: 1e9", ""},
           {"clock_hz: 1e9", "clock_hz: nan"},
           {"clock_hz: 1e9", "clock_hz: inf"},
           {"matrix_flops_per_cycle: 2", "matrix_flops_per_cycle: inf"},
           {"sram_bytes: 1000", "sram_bytes: -1"},
           {"sram_bytes: 1000", "sram_bytes: 4611686018427387904"},
           {"sram_bytes: 1000", "sram_bytes: 10 code_bytes_reserved: 10"},
           {"packet_bytes: 8", "packet_bytes: 0"},
           {"die_nodes_usable: 16", "die_nodes_usable: 17"},
           {"die_nodes_usable: 16", "die_nodes_usable: 15"},
           {"hop_cycles: 2", ""},
           {"hop_cycles: 2", "hop_cycles: -1"},
           {"hop_cycles: 2", "hop_cycles: 2 tiles { rows: 2 cols: 1 }"},
           {"hop_cycles: 2", "hop_cycles: 2 dram { cards: 1 }"}}) {
    EXPECT_EQ(GetErrorCode(ParseSpoiled(line, bad)), ErrorCode::kUnknownField) << bad;
  }
}

TEST(Machine, MeshTooLargeSaysWhatFits) {
  const MachineSpec die = Load("d1_die");
  EXPECT_EQ(MaxMesh(die), (Grid{18, 19}));
  EXPECT_EQ(PhysicalGrid(die), (Grid{18, 20}));
  EXPECT_TRUE(CheckMesh(die, 18, 19).ok());
  EXPECT_TRUE(CheckMesh(die, 1, 1).ok());
  const absl::Status transposed = CheckMesh(die, 19, 18);
  EXPECT_EQ(GetErrorCode(transposed), ErrorCode::kMeshTooLarge);
  EXPECT_EQ(
      transposed.message(),
      "E0105: mesh 19x18 is larger than machine 'd1_die', which hosts rectangles "
      "inside 18x19 (354 usable nodes, 342 of them in that rectangle). Make rows "
      "at most 18 and columns at most 19; the transposed mesh 18x19 fits, or pass "
      "--machine dojo_tile, dojo_tray, dojo_exapod.");
  EXPECT_EQ(GetErrorCode(CheckMesh(die, 18, 20)), ErrorCode::kMeshTooLarge);
  EXPECT_EQ(GetErrorCode(CheckMesh(die, 0, 4)), ErrorCode::kBadFlag);
  EXPECT_TRUE(CheckMesh(Load("dojo_tile"), 90, 95).ok());
  EXPECT_EQ(GetErrorCode(CheckMesh(Load("dojo_tile"), 91, 95)),
            ErrorCode::kMeshTooLarge);
}

}  // namespace
}  // namespace tatami
