// Offset packing of instances in files: how high the exact search packs beside the
// greedy orders.
#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace tatami {

struct PackingBenchResult {
  std::string name;
  int64_t buffers = 0, capacity = 0;
  int64_t lower_bound = 0;   // the largest sum alive at one tick
  int64_t greedy_bytes = 0;  // the height of the best greedy order
  std::string answer;        // "fits", "does not fit" or "gave up"
  double seconds = 0;        // of the exact search
};

// Packs the buffers of a file of lines `id,lower,upper,size` below a first line that
// names them: a buffer lives in ticks [lower, upper). The capacity is the number before
// ".csv" in the file's name. Errors: E0401, E0402.
absl::StatusOr<PackingBenchResult> BenchPacking(const std::string& path);

}  // namespace tatami
