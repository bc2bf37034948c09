#include "runtime/checkpoint/stored_checkpoint.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "core/error.h"
#include "core/status_macros.h"
#include "runtime/checkpoint/manifest.h"
#include "runtime/checkpoint/safetensors.h"

namespace tatami {
namespace {

constexpr absl::string_view kShardEnding = ".safetensors";
// A manifest has about 150 bytes a tensor and 25 a chunk; this allows over a million.
constexpr int64_t kManifestBytesMax = int64_t{256} << 20;

absl::Status Corrupt(absl::string_view path, absl::string_view what) {
  return MakeError(ErrorCode::kCheckpointCorrupt,
                   absl::StrCat("'", path, "' is corrupt: ", what));
}

// Where a tensor's data lie.
struct Located {
  std::string file;
  int64_t offset = 0;  // in the file
  TensorType type;
};

absl::Status CheckHead(Storage& storage, const std::string& path,
                       const ManifestFile& file) {
  if (absl::StrContains(file.name, "/") || !storage.Exists(path)) {
    return Corrupt(path, "the manifest names it and it is not there.");
  }
  TATAMI_ASSIGN_OR_RETURN(const int64_t bytes, storage.FileBytes(path));
  if (bytes != file.bytes || file.head_bytes > bytes) {
    return Corrupt(path, absl::StrCat("it has ", bytes, " bytes and the manifest says ",
                                      file.bytes, "."));
  }
  std::string head(static_cast<size_t>(file.head_bytes), '\0');
  TATAMI_RETURN_IF_ERROR(
      storage.Read(path, 0, {reinterpret_cast<std::byte*>(head.data()), head.size()}));
  if (const std::string sum = Checksum(AsBytes(head)); sum != file.head_checksum) {
    return Corrupt(
        path, absl::StrCat("the xxh3 of its first ", head.size(), " bytes is ", sum,
                           " and the manifest says ", file.head_checksum, "."));
  }
  return absl::OkStatus();
}

// Checks one file against the manifest, and adds its tensors to `located`.
absl::Status ReadFile(Storage& storage, const std::string& dir,
                      const ManifestFile& file,
                      std::map<std::string, Located>& located) {
  const std::string path = absl::StrCat(dir, "/", file.name);
  TATAMI_RETURN_IF_ERROR(CheckHead(storage, path, file));
  if (!absl::EndsWith(file.name, kShardEnding)) return absl::OkStatus();
  TATAMI_ASSIGN_OR_RETURN(const SafetensorsHeader header,
                          ReadSafetensorsHeader(storage, path));
  if (header.data_offset != file.head_bytes) {
    return Corrupt(path, absl::StrCat("its data start at byte ", header.data_offset,
                                      " and the manifest says ", file.head_bytes, "."));
  }
  for (const SafetensorsEntry& entry : header.entries) {
    const Located here{file.name, header.data_offset + entry.begin, entry.type};
    if (!located.emplace(entry.name, here).second) {
      return Corrupt(path, absl::StrCat("tensor '", entry.name, "' is in ",
                                        located[entry.name].file, " as well."));
    }
  }
  return absl::OkStatus();
}

// Joins what the manifest says of the tensors with where the shards have them.
absl::StatusOr<std::vector<StoredTensor>> JoinTensors(
    const std::string& dir, const std::string& manifest_path, const Manifest& manifest,
    const std::map<std::string, Located>& located) {
  std::vector<StoredTensor> tensors;
  std::set<std::string> seen;
  for (const ManifestTensor& tensor : manifest.tensors) {
    const auto it = located.find(tensor.name);
    if (it == located.end() || it->second.file != tensor.file ||
        !seen.insert(tensor.name).second) {
      return Corrupt(manifest_path,
                     absl::StrCat("tensor '", tensor.name, "' is not in '", tensor.file,
                                  "', or named twice."));
    }
    const Located& here = it->second;
    const int64_t bytes = here.type.bytes();
    const int64_t chunks =
        bytes / manifest.chunk_bytes + (bytes % manifest.chunk_bytes != 0);
    if (static_cast<int64_t>(tensor.chunk_checksums.size()) != chunks) {
      return Corrupt(
          manifest_path,
          absl::StrCat("tensor '", tensor.name, "' has ", bytes, " bytes, so ", chunks,
                       " chunks, and ", tensor.chunk_checksums.size(), " checksums."));
    }
    tensors.push_back({tensor.name, here.type, absl::StrCat(dir, "/", here.file),
                       here.offset, tensor.chunk_checksums});
  }
  if (seen.size() != located.size()) {
    return Corrupt(manifest_path,
                   absl::StrCat("it lists ", seen.size(),
                                " tensors and the shards hold ", located.size(), "."));
  }
  return tensors;
}

// A directory under another step's name would take that step's place in a resume.
absl::Status CheckName(const std::string& dir, const std::string& manifest_path,
                       int64_t step) {
  absl::string_view name = absl::string_view(dir).substr(dir.rfind('/') + 1);
  const absl::string_view whole = name;
  int64_t named = 0;
  if (!absl::ConsumePrefix(&name, "step-") || !absl::SimpleAtoi(name, &named) ||
      named == step) {
    return absl::OkStatus();
  }
  return Corrupt(manifest_path,
                 absl::StrCat("it is of step ", step, " and lies in a folder called '",
                              whole, "'; two steps are mixed."));
}

}  // namespace

int64_t StoredCheckpoint::data_bytes() const {
  int64_t bytes = 0;
  for (const StoredTensor& t : tensors) bytes += t.type.bytes();
  return bytes;
}

absl::StatusOr<StoredCheckpoint> OpenCheckpoint(Storage& storage,
                                                const std::string& dir) {
  if (!storage.Exists(dir)) {
    return MakeError(ErrorCode::kStorage,
                     absl::StrCat("there is no checkpoint '", dir, "'."));
  }
  const std::string path = absl::StrCat(dir, "/manifest.json");
  if (!storage.Exists(path)) return Corrupt(path, "it is missing.");
  TATAMI_ASSIGN_OR_RETURN(const std::string text,
                          ReadText(storage, path, kManifestBytesMax));
  TATAMI_ASSIGN_OR_RETURN(const Manifest manifest, ParseManifest(text, path));
  TATAMI_RETURN_IF_ERROR(CheckName(dir, path, manifest.step));
  std::map<std::string, Located> located;
  for (const ManifestFile& file : manifest.files) {
    TATAMI_RETURN_IF_ERROR(ReadFile(storage, dir, file, located));
  }
  StoredCheckpoint stored{.dir = dir,
                          .step = manifest.step,
                          .seed = manifest.seed,
                          .model = manifest.model,
                          .data_cursor = manifest.data_cursor,
                          .chunk_bytes = manifest.chunk_bytes,
                          .merkle_root = MerkleRoot(manifest),
                          .files = static_cast<int64_t>(manifest.files.size())};
  TATAMI_ASSIGN_OR_RETURN(stored.tensors, JoinTensors(dir, path, manifest, located));
  return stored;
}

int64_t ChunkBytes(const StoredCheckpoint& checkpoint, const StoredTensor& tensor,
                   size_t index) {
  const int64_t begin = static_cast<int64_t>(index) * checkpoint.chunk_bytes;
  return std::min(checkpoint.chunk_bytes, tensor.type.bytes() - begin);
}

absl::Status ReadChunk(Storage& storage, const StoredCheckpoint& checkpoint,
                       const StoredTensor& tensor, size_t index,
                       absl::Span<std::byte> to) {
  const int64_t begin =
      tensor.offset + static_cast<int64_t>(index) * checkpoint.chunk_bytes;
  TATAMI_RETURN_IF_ERROR(storage.Read(tensor.path, begin, to));
  const std::string sum = Checksum(to);
  if (sum == tensor.chunk_checksums[index]) return absl::OkStatus();
  return Corrupt(
      tensor.path,
      absl::StrCat("tensor '", tensor.name, "', chunk ", index + 1, " of ",
                   tensor.chunk_checksums.size(), " (bytes ", begin, " to ",
                   begin + static_cast<int64_t>(to.size()), "), has xxh3 ", sum,
                   " and the manifest says ", tensor.chunk_checksums[index], "."));
}

std::vector<absl::Status> DamagedChunks(Storage& storage,
                                        const StoredCheckpoint& checkpoint) {
  std::vector<absl::Status> damage;
  std::vector<std::byte> buffer;
  for (const StoredTensor& tensor : checkpoint.tensors) {
    for (size_t i = 0; i < tensor.chunk_checksums.size(); ++i) {
      buffer.resize(static_cast<size_t>(ChunkBytes(checkpoint, tensor, i)));
      absl::Status read =
          ReadChunk(storage, checkpoint, tensor, i, absl::MakeSpan(buffer));
      if (!read.ok()) damage.push_back(std::move(read));
    }
  }
  return damage;
}

}  // namespace tatami
