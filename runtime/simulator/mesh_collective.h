// Which exchanges are collectives as other systems know them.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"
#include "core/exchange_blocks.h"

namespace tatami {

enum class CollectiveKind : uint8_t { kAllReduce, kAllGather, kReduceScatter };
absl::string_view CollectiveKindName(CollectiveKind kind);  // "all-reduce"

// Nodes that differ in the digits of `axes` alone form a group:
//   all-reduce      each holds a term of one box, and all take the sum
//   reduce-scatter  each holds a term of one box, and takes its part of the sum
//   all-gather      each holds a part of one box, and all take the box
struct MeshCollective {
  CollectiveKind kind = CollectiveKind::kAllReduce;
  AxisList axes;
  int64_t bytes = 0;  // that a node enters with, of the node that has most
};

// Nothing for any other exchange: halos, new cuts, gathers along leading digits.
std::optional<MeshCollective> CollectiveOf(const Exchange& exchange, const Mesh& mesh);

}  // namespace tatami
