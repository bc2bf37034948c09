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

struct ManifestTensor {
  std::string name;
  std::string file;
  std::string checksum;  // of its data
};

struct Manifest {
  int64_t step = 0;
  uint64_t seed = 0;
  std::string model;
  DataCursor data_cursor;
  std::vector<ManifestFile> files;
  std::vector<ManifestTensor> tensors;  // in the order of Checkpoint::tensors
};

// 16 hex digits of XXH3-64.
std::string Checksum(Bytes data);

// JSON text whose last field is the checksum of the whole text (computed with zeros in
// its place), so that no byte of it can change unnoticed.
std::string EncodeManifest(const Manifest& manifest);

// kCheckpointCorrupt, naming `path`, unless text is what EncodeManifest makes.
absl::StatusOr<Manifest> ParseManifest(absl::string_view text, absl::string_view path);

}  // namespace tatami
