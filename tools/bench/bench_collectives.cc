#include "tools/bench/bench_collectives.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "compiler/collective/row_reduce.h"
#include "compiler/collective/simulate_trees.h"
#include "compiler/collective/two_colour.h"
#include "core/error.h"
#include "core/status_macros.h"

namespace tatami {
namespace {

constexpr int64_t kKiB = 1024, kMiB = kKiB * 1024, kGiB = kMiB * 1024;
constexpr int64_t kBytesMax = kGiB * 1024;

CollectiveSizeResult AllReduce(const MeshCollectives& collectives, int64_t bytes,
                               size_t simulated) {
  CollectiveSizeResult result{
      .bytes = bytes,
      .bounds = AllReduceBounds(collectives.graph(), collectives.bottleneck(), bytes,
                                collectives.link())};
  for (const CollectivePlan& plan : collectives.AllReducePlans(bytes)) {
    result.ways.push_back({.plan = plan});
    if (plan.algorithm != CollectiveAlgorithm::kTwoColour &&
        result.ways.size() <= simulated) {
      result.ways.back().simulated_s = collectives.SimulatedSeconds(plan);
    }
  }
  return result;
}

CollectiveSizeResult Broadcast(const MeshCollectives& collectives, int64_t bytes) {
  CollectiveSizeResult result{
      .bytes = bytes,
      .bounds = BroadcastBounds(collectives.graph(), 0, bytes, collectives.link())};
  for (const CollectivePlan& plan : collectives.BroadcastPlans(0, bytes)) {
    result.ways.push_back({plan, collectives.SimulatedBroadcastSeconds(plan, 0)});
  }
  return result;
}

}  // namespace

absl::StatusOr<CollectiveBenchResult> BenchCollectives(const LiveMesh& live,
                                                       const LinkModel& link,
                                                       int64_t bytes) {
  CollectiveBenchResult out{.logical = LargestLogicalMesh(live),
                            .live_nodes = live.live_nodes(),
                            .live_links = live.live_links()};
  TATAMI_ASSIGN_OR_RETURN(const Embedding embedding, Embed(live, out.logical));
  out.dilation = DilationOf(embedding, live);
  const MeshCollectives collectives(live, link);
  out.all_reduce = AllReduce(collectives, bytes, collectives.packings().size() + 1);
  out.broadcast = Broadcast(collectives, bytes);
  for (const int64_t size : {int64_t{64}, kKiB, 16 * kKiB, 256 * kKiB, 4 * kMiB}) {
    if (size < bytes) out.sweep.push_back(AllReduce(collectives, size, 1));
  }
  if (live.IsWhole()) {
    out.reduce_scatter_s = TwoColourPipeline(live.grid(), bytes, link).seconds;
  }
  out.reduce_scatter_bounds = ReduceScatterBounds(collectives.graph(), bytes, link);
  for (const TreePacking& packing : collectives.packings()) {
    if (packing.num_trees() != 8) continue;
    for (const int64_t chunks : {32, 128, 512}) {
      out.ticks.push_back(
          {chunks, SimulateTrees(collectives.graph(), packing, {.chunks = chunks},
                                 TreeWork::kAllReduce, nullptr)});
    }
  }
  const int64_t cols = live.grid().cols;
  for (const int64_t words : {1, 8, 32, 128, 512}) {
    out.row.push_back({.words = words,
                       .star = StarRow(cols).Cycles(words),
                       .chain = ChainRow(cols).Cycles(words),
                       .binary = BinaryRow(cols).Cycles(words),
                       .two_phase = TwoPhaseRow(cols).Cycles(words),
                       .best = BestRow(cols, words).Cycles(words)});
  }
  return out;
}

absl::StatusOr<int64_t> ParseBytes(absl::string_view text) {
  absl::string_view number = text;
  int64_t unit = 1, value = 0;
  if (absl::ConsumeSuffix(&number, "KiB")) {
    unit = kKiB;
  } else if (absl::ConsumeSuffix(&number, "MiB")) {
    unit = kMiB;
  } else if (absl::ConsumeSuffix(&number, "GiB")) {
    unit = kGiB;
  }
  if (!absl::SimpleAtoi(number, &value) || value < 1 || value > kBytesMax / unit) {
    return MakeError(ErrorCode::kBadFlag,
                     absl::StrCat("'", text,
                                  "' is not a size from 1 byte to 1024GiB, as in "
                                  "--bytes 64MiB, 4KiB or 512"));
  }
  return value * unit;
}

std::string BytesText(int64_t bytes) {
  if (bytes % kGiB == 0) return absl::StrCat(bytes / kGiB, "GiB");
  if (bytes % kMiB == 0) return absl::StrCat(bytes / kMiB, "MiB");
  if (bytes % kKiB == 0) return absl::StrCat(bytes / kKiB, "KiB");
  return absl::StrCat(bytes);
}

}  // namespace tatami
