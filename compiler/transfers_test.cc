// Transfers as told per call, against the Program's own exchanges and link bytes.
#include "compiler/transfers.h"

#include "compiler/test_graphs.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace tatami {
namespace {

int CountExchanges(const Program& program) {
  int count = 0;
  for (const Superstep& s : program.supersteps) {
    count += static_cast<int>(s.exchanges.size());
  }
  return count;
}

TEST(Transfers, EachExchangeIsToldOnce) {
  for (const Mesh mesh : {Mesh{1, 1}, Mesh{2, 3}, Mesh{4, 4}}) {
    for (uint64_t seed = 0; seed < 8; ++seed) {
      const Program program = LoweredTrainingStep(mesh, seed);
      const ProgramTransfers transfers = TransfersOf(program);
      int told = 0;
      for (const auto& of_call : transfers.of_call) {
        for (const Transfer& t : of_call) told += t.exchanges;
      }
      for (const Transfer& t : transfers.at_end) told += t.exchanges;
      EXPECT_EQ(told, CountExchanges(program)) << mesh.ToString() << " " << seed;
    }
  }
}

// On two nodes every byte that a node gets crosses the one link to it, so the fullest
// node's bytes of an exchange are the busiest link's.
TEST(Transfers, OnTwoNodesTheFullestNodeIsTheBusiestLink) {
  for (uint64_t seed = 0; seed < 8; ++seed) {
    const Program program = LoweredTrainingStep({1, 2}, seed);
    const ProgramTransfers transfers = TransfersOf(program);
    std::vector<int64_t> told, links;
    for (const auto& of_call : transfers.of_call) {
      for (const Transfer& t : of_call) {
        ASSERT_EQ(t.exchanges, 1);
        told.push_back(t.bytes_max);
      }
    }
    for (const Transfer& t : transfers.at_end) told.push_back(t.bytes_max);
    for (const Superstep& s : program.supersteps) {
      for (const ExchangeOp& e : s.exchanges) {
        LinkBytes bytes(program.mesh);
        AddLinkBytes(program, e, bytes);
        links.push_back(bytes.max());
      }
    }
    EXPECT_THAT(told, ::testing::UnorderedElementsAreArray(links)) << seed;
  }
}

TEST(Transfers, AnOriginIsACallAStateOrAnInput) {
  const Program program = LoweredTrainingStep({2, 3}, 1);
  const std::vector<BufferOrigin> origins = OriginsOf(program);
  for (size_t b = 0; b < program.buffers.size(); ++b) {
    const std::string& name = program.buffers[b].name;
    EXPECT_EQ(name.substr(0, origins[b].name.size()), origins[b].name) << name;
    EXPECT_EQ(origins[b].staged, name.ends_with(".in")) << name;
  }
}

}  // namespace
}  // namespace tatami
