// Training steps over more and more ranks of this computer, ours beside PyTorch's
// DistributedDataParallel over gloo: how much of one rank's speed each of several
// keeps.
#pragma once

#include <compare>
#include <functional>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "absl/status/statusor.h"
#include "core/sharding.h"
#include "models/model.h"
#include "tools/bench/scaling_record.h"

namespace tatami {

// Ranks that take steps of `batch` samples in all, on `mesh`.
struct RankGroup {
  int ranks = 1;
  int64_t batch = 1;
  Mesh mesh;
  friend auto operator<=>(const RankGroup& a, const RankGroup& b) {
    return std::tie(a.ranks, a.batch, a.mesh.rows, a.mesh.cols) <=>
           std::tie(b.ranks, b.batch, b.mesh.rows, b.mesh.cols);
  }
};

struct BenchScalingOptions {
  ModelPreset preset;
  int64_t batch = 1;  // of all ranks (strong), of each (weak)
  std::string machine;
  // How nodes grow with ranks: one a rank, on `host`, or, of an emulated machine, this
  // mesh, which weak scaling widens.
  std::optional<Mesh> emulated;
  std::vector<int> ranks;  // ascending
  std::vector<Scaling> scalings;
  int runs = 5, steps = 3, threads = 1;  // threads: of each rank
  enum class Peer : uint8_t { kNone, kPytorch } peer = Peer::kPytorch;
  // The command whose ranks serve a group's steps, reading requests in the folder.
  std::function<std::vector<std::string>(const RankGroup&, const std::string& folder)>
      serving_command;
};

struct ScalingCurves {
  ScalingRecord ours;
  std::optional<ScalingRecord> peer;
};

// Runs of all groups take turns, so that a busy computer slows all alike; an efficiency
// compares runs of one turn. One untimed step of each comes first. Errors: E0101 for a
// batch that ranks cannot share; E0603; those of our ranks, which they tell themselves.
absl::StatusOr<std::vector<ScalingCurves>> BenchScaling(
    const BenchScalingOptions& options);

}  // namespace tatami
