#include "tools/jobs/schedule/usage.h"

#include <cmath>
#include <numbers>

namespace tatami::jobs {
namespace {

double Faded(int64_t seconds, int64_t half_life_s) {
  return std::exp2(-static_cast<double>(seconds) / static_cast<double>(half_life_s));
}

}  // namespace

double DecayedNodeSeconds(const Usage& usage, int64_t now_s, int64_t half_life_s) {
  return usage.node_s * Faded(now_s - usage.as_of_s, half_life_s);
}

void AddUsage(Usage& usage, int64_t nodes, int64_t from_s, int64_t until_s,
              int64_t half_life_s) {
  const double mean_life_s = static_cast<double>(half_life_s) / std::numbers::ln2;
  usage.node_s = DecayedNodeSeconds(usage, until_s, half_life_s) +
                 static_cast<double>(nodes) * mean_life_s *
                     (1 - Faded(until_s - from_s, half_life_s));
  usage.as_of_s = until_s;
}

}  // namespace tatami::jobs
