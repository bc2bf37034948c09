// Snapshots of made-up states, on ranks that are threads: what is found again after a
// death, and what damage of each kind leads to.
#include "runtime/recovery/step_snapshots.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "runtime/emulator/transfer_lists.h"
#include "runtime/transport_in_process.h"

namespace tatami {
namespace {

namespace fs = std::filesystem;

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Uneven, and one node that holds nothing.
const std::vector<int64_t> kNodeBytes = {24, 8, 0, 40, 16, 104};
constexpr char kProgram[] = "0123456789abcdef";

// The byte that node n is to hold at offset i after a step.
std::byte Want(int64_t step, int64_t node, int64_t i) {
  return static_cast<std::byte>(37 * step + 11 * node + i);
}

struct Rank {
  std::unique_ptr<Transport> transport;
  std::vector<std::vector<std::byte>> memory;  // by hosted node
  std::vector<int64_t> nodes;
  std::unique_ptr<StepSnapshots> snapshots;
  std::optional<int64_t> found;
  absl::Status status;

  void Fill(int64_t step) {
    for (size_t n = 0; n < memory.size(); ++n) {
      for (size_t i = 0; i < memory[n].size(); ++i) {
        memory[n][i] = Want(step, nodes[n], static_cast<int64_t>(i));
      }
    }
  }
  bool Holds(int64_t step) const {
    for (size_t n = 0; n < memory.size(); ++n) {
      for (size_t i = 0; i < memory[n].size(); ++i) {
        if (memory[n][i] != Want(step, nodes[n], static_cast<int64_t>(i))) return false;
      }
    }
    return true;
  }
};

struct Start {
  int ranks = 4;
  int hosts = 1;  // of equal numbers of ranks, each with a folder of its own
  uint64_t seed = 7;
  std::string program = kProgram;
};

class StepSnapshotsTest : public ::testing::Test {
 protected:
  StepSnapshotsTest()
      : dir_(absl::StrCat(
            ::testing::TempDir(), "tatami_snapshots_", getpid(), "_",
            ::testing::UnitTest::GetInstance()->current_test_info()->name())) {
    fs::remove_all(dir_);
  }
  ~StepSnapshotsTest() override { fs::remove_all(dir_); }

  std::string HostDir(int host) const { return absl::StrCat(dir_, "/", host); }

  // The ranks of one start of the run; they stop at the first error.
  std::vector<Rank> Ranks(const Start& start) {
    auto transports = MakeInProcessTransports(start.ranks, {});
    std::vector<Rank> ranks(start.ranks);
    for (int r = 0; r < start.ranks; ++r) {
      ranks[r].transport = std::move(transports[r]);
      const HostedNodes hosted = HostedNodes::Of(r, start.ranks, kNodeBytes.size());
      for (int64_t n = hosted.begin; n < hosted.end; ++n) {
        ranks[r].nodes.push_back(n);
        ranks[r].memory.emplace_back(kNodeBytes[n]);
      }
    }
    OnAll(ranks, [&](Rank& rank) {
      SnapshotContent content{start.program, start.seed, kNodeBytes, {}};
      for (auto& bytes : rank.memory) {
        // As two states: what is written must not depend on how they are cut.
        const auto all = absl::MakeSpan(bytes);
        content.hosted.push_back(
            {all.first(all.size() / 2), all.subspan(all.size() / 2)});
      }
      const int host = rank.transport->rank() * start.hosts / start.ranks;
      auto made = StepSnapshots::Create(
          std::move(content), *rank.transport, storage_,
          {.dir = HostDir(host), .host = absl::StrCat("host ", host)});
      if (!made.ok()) return made.status();
      rank.snapshots = *std::move(made);
      auto found = rank.snapshots->FindNewest();
      if (!found.ok()) return found.status();
      rank.found = *found;
      return absl::OkStatus();
    });
    return ranks;
  }

  template <typename Do>
  static void OnAll(std::vector<Rank>& ranks, const Do& what) {
    std::vector<std::thread> threads;
    for (Rank& rank : ranks) {
      threads.emplace_back([&rank, &what] { rank.status = what(rank); });
    }
    for (std::thread& t : threads) t.join();
    for (const Rank& rank : ranks) EXPECT_TRUE(rank.status.ok()) << rank.status;
  }

  // Steps first + 1 to last, as a run that then dies.
  void RunSteps(const Start& start, int64_t first, int64_t last) {
    std::vector<Rank> ranks = Ranks(start);
    OnAll(ranks, [&](Rank& rank) {
      absl::Status status = rank.snapshots->Begin(first);
      for (int64_t step = first + 1; status.ok() && step <= last; ++step) {
        rank.Fill(step);
        status = rank.snapshots->Write(step);
        // What a step's exchanges with all ranks see to in a run.
        std::vector<std::byte> nothing;
        if (status.ok()) status = rank.transport->GatherToRoot(nothing).status();
        if (status.ok()) status = rank.transport->BroadcastFromRoot(nothing);
      }
      return status;
    });
  }

  // All ranks find `step` and restore what it held.
  void ExpectRestores(const Start& start, int64_t step) {
    std::vector<Rank> ranks = Ranks(start);
    for (const Rank& rank : ranks) {
      ASSERT_TRUE(rank.found.has_value());
      EXPECT_EQ(*rank.found, step);
    }
    OnAll(ranks, [](Rank& rank) { return rank.snapshots->Restore(); });
    for (const Rank& rank : ranks) {
      EXPECT_TRUE(rank.Holds(step)) << "rank " << rank.transport->rank();
    }
  }

  // Changes the file of a rank that holds the step.
  std::string FileOf(int rank, int64_t step) const {
    return absl::StrCat(HostDir(0), "/snapshot-own-rank-", rank, ".", step % 2);
  }
  static void FlipBit(const std::string& path, int64_t byte, int bit = 3) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(byte);
    const int value = file.get();
    ASSERT_GE(value, 0) << path << " ends before " << byte;
    file.seekp(byte);
    file.put(static_cast<char>(value ^ (1 << bit)));
  }
  // As if the writer had ended between its two marks.
  static void Tear(const std::string& path) {
    FlipBit(path, offsetof(SnapshotHeader, whole), 0);
  }

  const std::string dir_;
  PosixStorage storage_;
};

TEST_F(StepSnapshotsTest, NothingIsFoundWhereNothingWas) {
  for (const Rank& rank : Ranks({})) {
    EXPECT_EQ(rank.found, std::nullopt);
    EXPECT_EQ(rank.snapshots->incarnation(), 1);
    EXPECT_THAT(rank.snapshots->warnings(), IsEmpty());
  }
}

TEST_F(StepSnapshotsTest, TheLastStepIsFoundOnAnyNumberOfRanks) {
  RunSteps({.ranks = 4}, 0, 5);
  for (const int ranks : {1, 2, 3, 4, 6}) ExpectRestores({.ranks = ranks}, 5);
}

TEST_F(StepSnapshotsTest, AStepThatOneRankHadNotFinishedGivesTheOneBefore) {
  for (int rank = 0; rank < 4; ++rank) {
    RunSteps({.ranks = 4}, 0, 5);
    Tear(FileOf(rank, 5));
    ExpectRestores({.ranks = 4}, 4);
    ExpectRestores({.ranks = 3}, 4);
  }
}

TEST_F(StepSnapshotsTest, ARankThatIsAStepBehindGivesTheStepThatAllHave) {
  RunSteps({.ranks = 2}, 0, 3);
  const std::string behind = FileOf(1, 3), kept = dir_ + "/kept";
  fs::copy_file(behind, kept);  // of step 3
  RunSteps({.ranks = 2}, 3, 5);
  // Rank 1 of the second start still has step 3, which the first start wrote, where
  // rank 0 has step 5: they are not mixed.
  fs::copy_file(kept, behind, fs::copy_options::overwrite_existing);
  ExpectRestores({.ranks = 2}, 4);
}

// The same step of two starts is not put together, though it has all nodes: the step
// before is used.
TEST_F(StepSnapshotsTest, FilesOfTwoStartsAreNotMixed) {
  RunSteps({.ranks = 2}, 0, 3);
  fs::copy_file(FileOf(1, 3), dir_ + "/kept");
  RunSteps({.ranks = 2}, 2, 3);
  fs::copy_file(dir_ + "/kept", FileOf(1, 3), fs::copy_options::overwrite_existing);
  ExpectRestores({.ranks = 2}, 2);
}

TEST_F(StepSnapshotsTest, EveryFlippedByteIsRefusedAndTheOlderStepUsed) {
  RunSteps({.ranks = 2}, 0, 5);
  const std::string path = FileOf(1, 5);
  const auto size = static_cast<int64_t>(fs::file_size(path));
  ASSERT_EQ(size, 96 + 40 + 16 + 104);
  for (int64_t byte = 0; byte < size; ++byte) {
    FlipBit(path, byte);
    const std::vector<Rank> ranks = Ranks({.ranks = 2});
    EXPECT_EQ(ranks[0].found, std::optional<int64_t>(4)) << "byte " << byte;
    EXPECT_EQ(ranks[1].found, std::optional<int64_t>(4)) << "byte " << byte;
    EXPECT_EQ(ranks[0].snapshots->warnings().size(), 1) << "byte " << byte;
    FlipBit(path, byte);
  }
  ExpectRestores({.ranks = 2}, 5);
  FlipBit(path, 100);
  EXPECT_THAT(Ranks({.ranks = 2})[0].snapshots->warnings(),
              ElementsAre(HasSubstr(absl::StrCat(
                  "warning: snapshot '", path,
                  "' is not used: its 160 bytes of states have checksum "))));
}

TEST_F(StepSnapshotsTest, AFileCutShortIsRefused) {
  for (const int64_t size : {0, 50, 96, 200}) {
    RunSteps({.ranks = 2}, 0, 5);
    fs::resize_file(FileOf(1, 5), size);
    ExpectRestores({.ranks = 2}, 4);
  }
}

TEST_F(StepSnapshotsTest, AnotherProgramOrSeedIsRefusedAndToldOf) {
  RunSteps({.ranks = 2}, 0, 2);
  for (const Start& start : {Start{.ranks = 2, .program = "fedcba9876543210"},
                             Start{.ranks = 2, .seed = 8}}) {
    const std::vector<Rank> ranks = Ranks(start);
    EXPECT_EQ(ranks[0].found, std::nullopt);
    EXPECT_EQ(ranks[0].snapshots->warnings().size(), 4);
    EXPECT_EQ(ranks[0].snapshots->incarnation(), 1);
  }
  ExpectRestores({.ranks = 2}, 2);
}

TEST_F(StepSnapshotsTest, IncarnationsCountStartsWithAStepOrWithout) {
  RunSteps({.ranks = 3}, 0, 0);
  EXPECT_EQ(Ranks({.ranks = 2})[1].snapshots->incarnation(), 2);
  RunSteps({.ranks = 2}, 0, 4);
  EXPECT_EQ(Ranks({.ranks = 3})[2].snapshots->incarnation(), 3);
  ExpectRestores({.ranks = 1}, 4);
}

// A start on other ranks has other files; the old step stays until two are new.
TEST_F(StepSnapshotsTest, AnotherRankCountKeepsTheStepItCameFrom) {
  RunSteps({.ranks = 4}, 0, 3);
  RunSteps({.ranks = 2}, 3, 3);  // died before its first step was done
  ExpectRestores({.ranks = 3}, 3);
  RunSteps({.ranks = 2}, 3, 4);
  Tear(FileOf(0, 4));
  ExpectRestores({.ranks = 3}, 3);
  RunSteps({.ranks = 6}, 3, 5);
  ExpectRestores({.ranks = 1}, 5);
}

TEST_F(StepSnapshotsTest, APartnerOnAnotherHostKeepsACopy) {
  const Start start{.ranks = 4, .hosts = 2};
  RunSteps(start, 0, 5);
  ExpectRestores(start, 5);
  for (const int host : {0, 1}) {
    fs::rename(HostDir(host), dir_ + "/lost");
    ExpectRestores(start, 5);
    ExpectRestores({.ranks = 2, .hosts = 2}, 5);
    fs::remove_all(HostDir(host));
    fs::rename(dir_ + "/lost", HostDir(host));
  }
}

TEST_F(StepSnapshotsTest, RanksOfOneHostKeepNoCopies) {
  RunSteps({.ranks = 4}, 0, 5);
  for (const auto& file : fs::directory_iterator(HostDir(0))) {
    EXPECT_THAT(file.path().filename().string(), HasSubstr("-own-"));
  }
}

TEST_F(StepSnapshotsTest, RemoveLeavesNothingAndNoOtherFile) {
  for (const Start& start : {Start{.ranks = 4}, Start{.ranks = 4, .hosts = 2}}) {
    RunSteps(start, 0, 5);
    std::ofstream(HostDir(0) + "/note") << "not ours";
    std::vector<Rank> ranks = Ranks({.ranks = start.hosts, .hosts = start.hosts});
    OnAll(ranks, [](Rank& rank) { return rank.snapshots->Remove(); });
    for (int host = 0; host < start.hosts; ++host) {
      fs::remove(HostDir(0) + "/note");
      EXPECT_TRUE(fs::is_empty(HostDir(host))) << host;
    }
  }
}

TEST_F(StepSnapshotsTest, AFolderWithoutRoomIsToldOf) {
  std::ofstream(dir_) << "a file, no folder";
  const auto transport = MakeSingleTransport();
  const auto made = StepSnapshots::Create({kProgram, 7, kNodeBytes, {}}, *transport,
                                          storage_, {.dir = dir_, .host = "h"});
  EXPECT_EQ(GetErrorCode(made.status()), ErrorCode::kStorage) << made.status();
  // More than any memory holds.
  const auto file = MappedFile::Open(dir_, int64_t{1} << 60);
  EXPECT_EQ(GetErrorCode(file.status()), ErrorCode::kStorage) << file.status();
  EXPECT_THAT(std::string(file.status().message()),
              HasSubstr("cannot keep 1152921504606846976 bytes in '"));
}

}  // namespace
}  // namespace tatami
