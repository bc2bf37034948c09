#include "tools/tatami/bench_measured_collectives.h"

#include <cstdlib>
#include <iostream>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "core/error.h"
#include "core/status_macros.h"
#include "runtime/transport_mpi.h"
#include "tools/bench/bench_collectives.h"
#include "tools/bench/measured_collectives.h"
#include "tools/tatami/launch.h"

namespace tatami {
namespace {

constexpr absl::string_view kDefaultSizes = "64KiB..16MiB";
constexpr int64_t kStep = 4;                     // from size to size of a range
constexpr int64_t kBytesMax = int64_t{1} << 30;  // MPI counts elements in an int

// "A..B": A, 4 A, 16 A.. up to B.
absl::StatusOr<std::vector<int64_t>> ParseSizes(absl::string_view text, int np) {
  if (text.empty()) text = kDefaultSizes;
  const std::pair<absl::string_view, absl::string_view> ends =
      absl::StrSplit(text, absl::MaxSplits("..", 1));
  TATAMI_ASSIGN_OR_RETURN(const int64_t first, ParseBytes(ends.first));
  int64_t last = first;
  if (!ends.second.empty()) {
    TATAMI_ASSIGN_OR_RETURN(last, ParseBytes(ends.second));
  }
  const int64_t unit = np * static_cast<int64_t>(sizeof(float));
  if (first % unit != 0 || last < first || last > kBytesMax) {
    return MakeError(
        ErrorCode::kBadFlag,
        absl::StrCat("--bytes ", text, ": measured sizes rise from a multiple of ",
                     unit, ", an f32 for each of ", np, " ranks, to at most ",
                     BytesText(kBytesMax), ", as in ", kDefaultSizes));
  }
  std::vector<int64_t> sizes;
  for (int64_t bytes = first; bytes <= last; bytes *= kStep) sizes.push_back(bytes);
  return sizes;
}

double Us(double seconds) { return seconds * 1e6; }

nlohmann::json ToJson(const Spread& s) {
  return {{"min", Us(s.min)}, {"median", Us(s.median)}, {"max", Us(s.max)}};
}

// Rates, so that a ratio above 1 says that ours is the faster.
nlohmann::json ToJson(const std::vector<MeasuredCollective>& results,
                      const MeasuredCollectivesFlags& flags, const std::string& peer) {
  nlohmann::json rows = nlohmann::json::array();
  for (const MeasuredCollective& r : results) {
    const double gigabytes = static_cast<double>(r.bytes) / 1e9;
    rows.push_back({{"name", r.name},
                    {"bytes", r.bytes},
                    {"ours", gigabytes / r.ours_s.median},
                    {"peer", gigabytes / r.peer_s.median},
                    {"ratio", r.ratio},
                    {"unit", "GB/s of the vector"},
                    {"runs", flags.runs},
                    {"copy_share", r.copy_share},
                    {"ours_us", ToJson(r.ours_s)},
                    {"peer_us", ToJson(r.peer_s)}});
  }
  nlohmann::json object = rows.back();
  for (const nlohmann::json& row : rows) {  // the usual keys: the largest all-reduce
    if (row["name"] == "all-reduce") object = row;
  }
  object["ranks"] = flags.np;
  object["peer_name"] = peer;
  object["collectives"] = std::move(rows);
  return object;
}

void Print(const std::vector<MeasuredCollective>& results,
           const MeasuredCollectivesFlags& flags, const std::string& peer) {
  std::cout << absl::StreamFormat(
      "collectives of f32 between %d ranks of one node each, measured: the exchange\n"
      "of a Program, whose sums have a fixed order, beside %s.\nMedians of %d "
      "interleaved runs; results were equal bit for bit. copying: the\nshare of our "
      "time spent on packing, copies and sums, not on waiting.\n\n"
      "%-15s %7s %16s %16s %6s %8s\n",
      flags.np, peer, flags.runs, "collective", "bytes", "ours us", "its us", "ratio",
      "copying");
  const auto time = [](const Spread& s) {
    return absl::StrFormat("%.1f +-%2.0f%%", Us(s.median),
                           50 * (s.max - s.min) / s.median);
  };
  for (const MeasuredCollective& r : results) {
    std::cout << absl::StreamFormat("%-15s %7s %16s %16s %6.2f %7.0f%%\n", r.name,
                                    BytesText(r.bytes), time(r.ours_s), time(r.peer_s),
                                    r.ratio, 100 * r.copy_share);
  }
}

}  // namespace

absl::Status RunMeasuredCollectives(const MeasuredCollectivesFlags& flags,
                                    CommandOutcome& outcome) {
  if (flags.np < 2) {
    return MakeError(ErrorCode::kBadFlag,
                     absl::StrCat("a collective needs --np 2 or more; got ", flags.np));
  }
  MeasureCollectivesOptions options{.runs = flags.runs};
  TATAMI_ASSIGN_OR_RETURN(options.sizes, ParseSizes(flags.bytes, flags.np));
  if (!LaunchedByMpi()) {
    // Our ranks give way while they wait. Open MPI's otherwise use up their slices of
    // time, and where anything else runs that would measure the scheduler: 35 ms where
    // 50 us do.
    setenv("OMPI_MCA_mpi_yield_when_idle", "1", /*overwrite=*/0);
    TATAMI_ASSIGN_OR_RETURN(outcome.reported_exit_code,
                            RunUnderMpirun(flags.np, /*threads=*/1));
    return absl::OkStatus();
  }
  TATAMI_ASSIGN_OR_RETURN(const auto transport, StartTransport(flags.np));
  TATAMI_ASSIGN_OR_RETURN(const auto peer, MakeMpiCollectives());
  TATAMI_ASSIGN_OR_RETURN(const std::vector<MeasuredCollective> results,
                          MeasureCollectives(*transport, *peer, options));
  if (transport->rank() != 0) return absl::OkStatus();
  Print(results, flags, peer->name());
  if (flags.json) {
    std::cout << ToJson(results, flags, peer->name()).dump() << std::endl;
  }
  return absl::OkStatus();
}

}  // namespace tatami
