// manifest.json: what a checkpoint is of, and the checksums that guard it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/checkpoint/checkpoint.h"

namespace tatami {

// A file beside the manifest. The first head_bytes (a shard's header, the whole index)
// hash to head_checksum; the rest is tensor data.
struct ManifestFile {
  std::string name;
  int64_t bytes = 0;
  int64_t head_bytes = 0;
  std::string head_checksum;
};

// Its data are cut into chunks of Manifest::chunk_bytes, the last one shorter; a tensor
// without data has none.
struct ManifestTensor {
  std::string name;
  std::string file;
  std::vector<std::string> chunk_checksums;
};

struct Manifest {
  int64_t step = 0;
  uint64_t seed = 0;
  std::string model;
  DataCursor data_cursor;
  int64_t chunk_bytes = 0;
  std::vector<ManifestFile> files;
  std::vector<ManifestTensor> tensors;  // in the order of Checkpoint::tensors
};

// 16 hex digits of XXH3-64.
std::string Checksum(Bytes data);

// The root of a Merkle tree whose leaves are what the checkpoint is of (model, step,
// seed, cursor), each file's head and each tensor's chunks, in the order of the
// manifest: one number that stands for every byte. An inner node hashes the digits of
// its two children; a last node without a partner moves up as it is. 16 hex digits.
std::string MerkleRoot(const Manifest& manifest);

// JSON text whose last field is the checksum of the whole text (computed with zeros in
// its place), so that no byte of it can change unnoticed.
std::string EncodeManifest(const Manifest& manifest);

// kCheckpointCorrupt, naming `path`, unless text is what EncodeManifest makes.
absl::StatusOr<Manifest> ParseManifest(absl::string_view text, absl::string_view path);

}  // namespace tatami
