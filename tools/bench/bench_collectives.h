// Collectives on a live mesh: modelled and simulated times beside their lower bounds.
// No time here is measured on hardware.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "compiler/collective/choose.h"
#include "core/embedding.h"
#include "core/live_mesh.h"

namespace tatami {

// One way to do a collective, for one size.
struct CollectiveTime {
  CollectivePlan plan;
  std::optional<double> simulated_s;  // none for two-colour, which is only modelled
};

struct CollectiveSizeResult {
  int64_t bytes = 0;
  CollectiveBounds bounds;
  std::vector<CollectiveTime> ways;  // the cheapest by the model first
};

// Ticks for chunks over eight trees: one chunk a link direction and tick, no latency.
struct ChunkTickResult {
  int64_t chunks = 0;
  int64_t ticks = 0;
};

// Modelled cycles of reducing a vector along a row.
struct RowCycles {
  int64_t words = 0;
  double star = 0, chain = 0, binary = 0, two_phase = 0, best = 0;
};

struct CollectiveBenchResult {
  Mesh logical;  // the largest that the live mesh hosts
  Dilation dilation;
  int64_t live_nodes = 0, live_links = 0;
  CollectiveSizeResult all_reduce;          // every way simulated
  CollectiveSizeResult broadcast;           // from the first live node
  std::vector<CollectiveSizeResult> sweep;  // all-reduce; only the cheapest simulated
  double reduce_scatter_s = 0;              // two-colour, modelled; 0 with dead parts
  CollectiveBounds reduce_scatter_bounds;
  std::vector<ChunkTickResult> ticks;
  std::vector<RowCycles> row;  // as long as a physical row
};

// REQUIRES: bytes >= 1. Some ten seconds on 18x20.
absl::StatusOr<CollectiveBenchResult> BenchCollectives(const LiveMesh& live,
                                                       const LinkModel& link,
                                                       int64_t bytes);

// "64MiB", "4KiB", "512" -> bytes; kBadFlag when it is no such text or not in 1 to 1
// TiB.
absl::StatusOr<int64_t> ParseBytes(absl::string_view text);
// The shortest such text: "64MiB", "1000".
std::string BytesText(int64_t bytes);

}  // namespace tatami
