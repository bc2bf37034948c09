#include "runtime/simulator/pacing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <iostream>

#include "absl/strings/str_format.h"
#include "core/machine.h"

namespace tatami {
namespace {

// What a machine file says of its pacing is the worst that flits attain, in twentieths:
// the default, of nodes that send evenly, rounded down, as it must not promise more;
// the low end of its range, of nodes that do not, to the nearest.
TEST(Pacing, OfTheMachineFilesIsTheWorstThatFlitsAttain) {
  double paced = 1, unpaced = 1, unpaced_best = 0;
  for (const Mesh mesh : {Mesh{8, 8}, Mesh{16, 16}}) {
    for (const TrafficPattern pattern : kTrafficPatterns) {
      const PacingEfficiency e = *MeasurePacing(mesh, RouterSpec{}, pattern, 1000);
      std::cout << absl::StreamFormat(
          "%-6s %-15s unpaced %.3f of the bound's rate, time %.3f of it; paced %.3f, "
          "%.3f\n",
          mesh.ToString(), PatternName(pattern), e.unpaced.efficiency(),
          e.unpaced.ratio(), e.paced.efficiency(), e.paced.ratio());
      paced = std::min(paced, e.paced.efficiency());
      unpaced = std::min(unpaced, e.unpaced.efficiency());
      unpaced_best = std::max(unpaced_best, e.unpaced.efficiency());
      // Published: paced traffic attains 82 to 100 % of the bound.
      EXPECT_GE(e.paced.ratio(), 1);
      EXPECT_LE(e.paced.ratio(), 1.22);
    }
  }
  const MachineSpec machine = *LoadMachine("d1_die");
  EXPECT_DOUBLE_EQ(machine.pacing, std::floor(paced * 20) / 20);
  const auto range =
      std::find_if(machine.unknowns.begin(), machine.unknowns.end(),
                   [](const UnknownField& u) { return u.field == "pacing"; });
  ASSERT_NE(range, machine.unknowns.end());
  EXPECT_DOUBLE_EQ(range->low, std::round(unpaced * 20) / 20);
  EXPECT_DOUBLE_EQ(range->high, 1);
  // The high end is attained: a transpose's flows take all of a link whoever goes
  // first.
  EXPECT_GE(unpaced_best, 1);
}

TEST(Pacing, PassesOnWhyThereIsNoPhase) {
  EXPECT_EQ(
      MeasurePacing({4, 8}, RouterSpec{}, TrafficPattern::kTranspose, 10).status(),
      CheckFlitTraffic({4, 8}, TrafficPattern::kTranspose));
}

}  // namespace
}  // namespace tatami
