// ranks.json, the file beside Chakra traces that says which ranks each is the trace of:
// a file for each of a million nodes would be no interchange.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/sharding.h"

namespace tatami {

constexpr absl::string_view kRanksFile = "ranks.json";

struct RanksOfTrace {
  std::string file;                               // in the same folder
  std::vector<std::pair<int64_t, int64_t>> runs;  // first and last rank of each
};

// Rank r is node (r / cols, r % cols) of the mesh.
struct RankMap {
  Mesh mesh;
  std::vector<RanksOfTrace> traces;
};

std::string RankMapText(const RankMap& map);

// Each rank of the mesh has one trace, and each file is named once. E0402 otherwise;
// `source` names the text in messages.
absl::StatusOr<RankMap> ParseRankMap(absl::string_view text, absl::string_view source);

}  // namespace tatami
