// Checkpoints: logical tensors on disk, so that any mesh and any number of ranks can
// resume.
//
// A run directory holds step-NNNNNNNN directories. Each has safetensors shards that any
// safetensors reader imports (model.safetensors, or model-00001-of-00003.safetensors
// and so on with model.safetensors.index.json) and manifest.json. Invariants:
//   1. A step directory appears whole or not at all: it is written beside, made durable
//      and renamed.
//   2. Every byte that LoadCheckpoint uses is covered by an xxh3 checksum: tensor data
//      by its chunk's, shard headers and the index by their file's, all of these by
//      the manifest's own.
//   3. One process writes a run directory at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/tensor_type.h"
#include "runtime/storage.h"

namespace tatami {

// Dense row-major little-endian data of a whole tensor. Names are printable ASCII and
// differ from each other.
struct NamedTensor {
  std::string name;
  TensorType type;
  std::vector<std::byte> data;
};

// The next batch that the run would have read.
struct DataCursor {
  int64_t epoch = 0;
  int64_t batch = 0;
  friend bool operator==(const DataCursor&, const DataCursor&) = default;
};

struct Checkpoint {
  int64_t step = 0;  // steps done
  uint64_t seed = 0;
  std::string model;
  DataCursor data_cursor;
  std::vector<NamedTensor> tensors;
};

struct CheckpointOptions {
  // A shard ends before it would grow beyond this; a larger tensor has one of its own.
  int64_t shard_bytes_max = int64_t{1} << 30;
  // A checksum guards so many bytes of a tensor; damage is named this
  // finely. A multiple of 8.
  int64_t chunk_bytes = int64_t{4} << 20;
  // The newest so many are kept and older ones removed; at least 1.
  int64_t keep = 3;
};

// "RUN_DIR/step-00000042"
std::string CheckpointPath(absl::string_view run_dir, int64_t step);

// Writes `checkpoint` durably below run_dir, replacing one of the same step, then
// removes what `keep` leaves over. On failure (kStorage, with the path, the bytes
// needed and the bytes free) what was there before is untouched and nothing
// half-written is left where the disk still lets it be removed. Cost: reads the data
// twice (checksum, write); holds no copy of it.
absl::Status SaveCheckpoint(Storage& storage, const std::string& run_dir,
                            const Checkpoint& checkpoint,
                            const CheckpointOptions& options = {});

// Reads and verifies everything. kCheckpointCorrupt names the file, the tensor and the
// numbers; kStorage when `dir` is not there or cannot be read.
absl::StatusOr<Checkpoint> LoadCheckpoint(Storage& storage, const std::string& dir);

struct LatestCheckpointResult {
  std::optional<Checkpoint> checkpoint;  // nullopt when the run has none yet
  std::string path;
  std::vector<std::string> warnings;  // one for each newer checkpoint passed over
};

// The newest checkpoint of the run that verifies. Fails with kCheckpointCorrupt when
// there are checkpoints and none verifies: a run is not silently begun anew.
absl::StatusOr<LatestCheckpointResult> LatestCheckpoint(Storage& storage,
                                                        const std::string& run_dir);

// Steps of the checkpoints in the run directory, ascending; not verified.
absl::StatusOr<std::vector<int64_t>> CheckpointSteps(Storage& storage,
                                                     const std::string& run_dir);

// OK when the checkpoint was made for `model` and holds exactly the tensors `expected`
// (in any order); else kCheckpointMismatch naming the first differences.
absl::Status CheckCheckpointMatches(
    const Checkpoint& checkpoint, absl::string_view model,
    absl::Span<const std::pair<std::string, TensorType>> expected);

// 16 hex digits over names, types and data in order: equal weights, equal hash.
std::string WeightsHash(absl::Span<const NamedTensor> tensors);

}  // namespace tatami
