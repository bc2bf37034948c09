#include "tools/bench/spread.h"

#include <algorithm>

#include "core/check.h"

namespace tatami {

Spread SpreadOf(std::vector<double> runs) {
  TATAMI_CHECK(!runs.empty()) << "no run was measured";
  std::sort(runs.begin(), runs.end());
  const size_t n = runs.size();
  const double median =
      n % 2 == 1 ? runs[n / 2] : 0.5 * (runs[n / 2 - 1] + runs[n / 2]);
  return {runs.front(), median, runs.back()};
}

}  // namespace tatami
