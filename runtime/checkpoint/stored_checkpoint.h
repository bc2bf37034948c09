// A checkpoint as it lies on disk: what it holds and where, read chunk by chunk.
// Trusts no byte before its checksum.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/tensor_type.h"
#include "runtime/checkpoint/checkpoint.h"
#include "runtime/storage.h"

namespace tatami {

struct StoredTensor {
  std::string name;
  TensorType type;
  std::string path;    // of its shard
  int64_t offset = 0;  // of its first byte in the shard
  std::vector<std::string> chunk_checksums;
};

struct StoredCheckpoint {
  std::string dir;
  int64_t step = 0;
  uint64_t seed = 0;
  std::string model;
  DataCursor data_cursor;
  int64_t chunk_bytes = 0;
  std::string merkle_root;            // 16 hex digits, see manifest.h
  int64_t files = 0;                  // shards and the index, not the manifest
  std::vector<StoredTensor> tensors;  // in the order of Checkpoint::tensors

  int64_t data_bytes() const;
};

// Reads and verifies the manifest, the index and the header of each shard; no data.
// kCheckpointCorrupt names the file and the numbers, also when a directory called
// step-NNNNNNNN holds another step; kStorage when `dir` is not there or cannot be read.
absl::StatusOr<StoredCheckpoint> OpenCheckpoint(Storage& storage,
                                                const std::string& dir);

// Bytes of the chunk, which is the index-th of the tensor.
int64_t ChunkBytes(const StoredCheckpoint& checkpoint, const StoredTensor& tensor,
                   size_t index);

// Fills `to`, which has the chunk's bytes. kCheckpointCorrupt names the shard, the
// tensor, the chunk and its bytes in the shard.
absl::Status ReadChunk(Storage& storage, const StoredCheckpoint& checkpoint,
                       const StoredTensor& tensor, size_t index,
                       absl::Span<std::byte> to);

// One error for each chunk that does not have its checksum; empty when every byte is
// as it was written. Memory: one chunk.
std::vector<absl::Status> DamagedChunks(Storage& storage,
                                        const StoredCheckpoint& checkpoint);

}  // namespace tatami
