#include "tests/support/expect_fit.h"

#include "gtest/gtest.h"
#include "tests/support/run_graph.h"

namespace tatami::testing {

void ExpectRunTakesWhatThePlanSays(const Program& program, const Graph& graph,
                                   const std::string& what) {
  const auto run = RunProgram(program, DrawValues(graph, 1, 8, 8.0, 2), {.threads = 2});
  ASSERT_TRUE(run.ok()) << what << ": " << run.status();
  // Not by EXPECT_EQ, which would print a number for each link.
  EXPECT_TRUE(run->link_bytes == CountLinkBytes(program))
      << what << ": " << run->link_bytes.total() << " bytes counted over all links, "
      << CountLinkBytes(program).total() << " predicted";
  ASSERT_LE(program.peak_bytes(), program.sram_bytes) << what;
  // Storages are as long as their alignment; what they hold may end before.
  const auto packed = [](int64_t bytes) {
    return (bytes + kSramAlignment - 1) / kSramAlignment * kSramAlignment;
  };
  EXPECT_EQ(packed(run->high_water_bytes), packed(program.peak_bytes())) << what;
}

}  // namespace tatami::testing
