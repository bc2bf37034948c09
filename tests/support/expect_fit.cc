#include "tests/support/expect_fit.h"

#include <algorithm>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/run_graph.h"

namespace tatami::testing {
namespace {

// Storages are as long as their alignment; what they hold may end before.
int64_t Packed(int64_t bytes) {
  return (bytes + kSramAlignment - 1) / kSramAlignment * kSramAlignment;
}

}  // namespace

void ExpectRunTakesWhatThePlanSays(const Program& program, const Graph& graph,
                                   const std::string& what) {
  const auto run = RunProgram(program, DrawValues(graph, 1, 8, 8.0, 2), {.threads = 2});
  ASSERT_TRUE(run.ok()) << what << ": " << run.status();
  // Not by EXPECT_EQ, which would print a number for each link.
  EXPECT_TRUE(run->link_bytes == CountLinkBytes(program))
      << what << ": " << run->link_bytes.total() << " bytes counted over all links, "
      << CountLinkBytes(program).total() << " predicted";
  ASSERT_LE(program.peak_bytes(), program.sram_bytes) << what;
  EXPECT_EQ(Packed(run->high_water_bytes), Packed(program.peak_bytes())) << what;
}

void ExpectEachClassTakesWhatThePlanSays(const Program& program, const Graph& graph,
                                         const std::string& what) {
  const auto run = RunProgram(program, DrawValues(graph, 1, 8, 8.0, 2),
                              {.ranks = static_cast<int>(program.mesh.nodes())});
  ASSERT_TRUE(run.ok()) << what << ": " << run.status();
  EXPECT_TRUE(run->link_bytes == CountLinkBytes(program)) << what;
  std::vector<int64_t> most(program.classes.size(), 0);
  for (int64_t n = 0; n < program.mesh.nodes(); ++n) {
    int64_t& of_class = most[program.class_of_node[n]];
    of_class = std::max(of_class, run->high_water_of_rank[n]);
  }
  for (size_t c = 0; c < most.size(); ++c) {
    EXPECT_EQ(Packed(most[c]), Packed(program.classes[c].peak_bytes))
        << what << ", class " << c;
  }
}

}  // namespace tatami::testing
