// The safetensors file format: u64 little-endian header length, JSON header
// {name: {dtype, shape, data_offsets}}, data without holes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/tensor_type.h"
#include "runtime/storage.h"

namespace tatami {

// Bytes [begin, end) of the data area, which starts after the header.
struct SafetensorsEntry {
  std::string name;
  TensorType type;
  int64_t begin = 0, end = 0;
};

struct SafetensorsHeader {
  int64_t data_offset = 0;                // where the data area starts in the file
  std::vector<SafetensorsEntry> entries;  // by ascending begin
};

// Everything before the data area, padded so that the data start at a multiple of 8.
// REQUIRES: entries follow each other without holes from 0.
std::string EncodeSafetensorsHeader(const std::vector<SafetensorsEntry>& entries);

// Reads and checks the header of a file. kCheckpointCorrupt, naming the path, the
// tensor and the numbers, unless lengths, types, shapes and offsets agree with each
// other and with the file's size. Allocates no more than the file is long, whatever it
// claims.
absl::StatusOr<SafetensorsHeader> ReadSafetensorsHeader(Storage& storage,
                                                        const std::string& path);

}  // namespace tatami
