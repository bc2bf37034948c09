// SaveCheckpoint: lay the tensors out in shards, write beside, make durable, rename.
#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "core/check.h"
#include "core/error.h"
#include "core/status_macros.h"
#include "nlohmann/json.hpp"
#include "runtime/checkpoint/checkpoint.h"
#include "runtime/checkpoint/manifest.h"
#include "runtime/checkpoint/safetensors.h"

namespace tatami {
namespace {

constexpr absl::string_view kTempPrefix = ".writing-";
constexpr char kIndexName[] = "model.safetensors.index.json";

struct Shard {
  std::vector<const NamedTensor*> tensors;
  int64_t data_bytes = 0;
};

// A file to write: its own head, then the data of its tensors.
struct OutFile {
  std::string name;
  std::string head;
  std::vector<const NamedTensor*> tensors;
};

bool IsPrintable(const std::string& text) {
  return std::all_of(text.begin(), text.end(), absl::ascii_isprint);
}

void CheckTensors(const Checkpoint& checkpoint) {
  std::set<absl::string_view> names;
  for (const NamedTensor& t : checkpoint.tensors) {
    TATAMI_CHECK(static_cast<int64_t>(t.data.size()) == t.type.bytes()) << t.name;
    TATAMI_CHECK(!t.name.empty() && IsPrintable(t.name) && t.name != "__metadata__");
    TATAMI_CHECK(names.insert(t.name).second) << t.name << " is there twice";
  }
  TATAMI_CHECK(IsPrintable(checkpoint.model)) << "model name";
}

std::vector<Shard> CutIntoShards(const Checkpoint& checkpoint, int64_t bytes_max) {
  std::vector<Shard> shards(1);
  for (const NamedTensor& t : checkpoint.tensors) {
    const int64_t bytes = t.type.bytes();
    if (shards.back().data_bytes + bytes > bytes_max &&
        !shards.back().tensors.empty()) {
      shards.emplace_back();
    }
    shards.back().tensors.push_back(&t);
    shards.back().data_bytes += bytes;
  }
  // Wide elements first, so that every tensor starts at a multiple of its element.
  for (Shard& shard : shards) {
    std::stable_sort(shard.tensors.begin(), shard.tensors.end(),
                     [](const NamedTensor* a, const NamedTensor* b) {
                       return ByteSize(a->type.dtype) > ByteSize(b->type.dtype);
                     });
  }
  return shards;
}

std::vector<OutFile> LayOut(const Checkpoint& checkpoint, int64_t shard_bytes_max) {
  const std::vector<Shard> shards = CutIntoShards(checkpoint, shard_bytes_max);
  std::vector<OutFile> files;
  nlohmann::ordered_json index;
  int64_t total_bytes = 0;
  for (size_t i = 0; i < shards.size(); ++i) {
    OutFile& file = files.emplace_back();
    file.name = shards.size() == 1 ? "model.safetensors"
                                   : absl::StrFormat("model-%05d-of-%05d.safetensors",
                                                     i + 1, shards.size());
    file.tensors = shards[i].tensors;
    std::vector<SafetensorsEntry> entries;
    int64_t at = 0;
    for (const NamedTensor* t : file.tensors) {
      entries.push_back({t->name, t->type, at, at + t->type.bytes()});
      at = entries.back().end;
      index["weight_map"][t->name] = file.name;
    }
    total_bytes += at;
    file.head = EncodeSafetensorsHeader(entries);
  }
  if (shards.size() > 1) {
    index["metadata"]["total_size"] = total_bytes;
    files.push_back({.name = kIndexName, .head = index.dump(1) + "\n"});
  }
  return files;
}

std::vector<std::string> ChunkChecksums(Bytes data, int64_t chunk_bytes) {
  std::vector<std::string> sums;
  for (; !data.empty();
       data.remove_prefix(std::min<size_t>(chunk_bytes, data.size()))) {
    sums.push_back(Checksum(data.first(std::min<size_t>(chunk_bytes, data.size()))));
  }
  return sums;
}

std::string ManifestOf(const Checkpoint& checkpoint, const std::vector<OutFile>& files,
                       int64_t chunk_bytes) {
  Manifest manifest{.step = checkpoint.step,
                    .seed = checkpoint.seed,
                    .model = checkpoint.model,
                    .data_cursor = checkpoint.data_cursor,
                    .chunk_bytes = chunk_bytes};
  std::map<absl::string_view, absl::string_view> file_of;
  for (const OutFile& file : files) {
    const auto head_bytes = static_cast<int64_t>(file.head.size());
    int64_t bytes = head_bytes;
    for (const NamedTensor* t : file.tensors) {
      bytes += t->type.bytes();
      file_of[t->name] = file.name;
    }
    manifest.files.push_back(
        {file.name, bytes, head_bytes, Checksum(AsBytes(file.head))});
  }
  for (const NamedTensor& t : checkpoint.tensors) {
    manifest.tensors.push_back(
        {t.name, std::string(file_of[t.name]), ChunkChecksums(t.data, chunk_bytes)});
  }
  return EncodeManifest(manifest);
}

int64_t TotalBytes(const std::vector<OutFile>& files) {
  int64_t total = 0;
  for (const OutFile& file : files) {
    total += static_cast<int64_t>(file.head.size());
    for (const NamedTensor* t : file.tensors) total += t->type.bytes();
  }
  return total;
}

absl::Status WriteAll(Storage& storage, const std::string& dir,
                      const std::vector<OutFile>& files) {
  TATAMI_RETURN_IF_ERROR(storage.MakeDirectory(dir));
  for (const OutFile& file : files) {
    std::vector<Bytes> pieces = {AsBytes(file.head)};
    for (const NamedTensor* t : file.tensors) pieces.push_back(t->data);
    const std::string path = absl::StrCat(dir, "/", file.name);
    TATAMI_RETURN_IF_ERROR(storage.Write(path, pieces));
    TATAMI_RETURN_IF_ERROR(storage.Sync(path));
  }
  return storage.Sync(dir);
}

// The error a user sees: where, how much is needed and free, why, what to do.
absl::Status SaveError(Storage& storage, const std::string& run_dir,
                       const std::string& path, int64_t needed_bytes,
                       absl::string_view reason) {
  const auto free_bytes = storage.FreeBytes(run_dir);
  std::string free = "an unknown number of";
  std::string advice = "Check the path and its permissions";
  if (free_bytes.ok()) {
    free = absl::StrCat(*free_bytes);
    if (*free_bytes < needed_bytes) {
      advice = absl::StrCat("Free ", needed_bytes - *free_bytes, " bytes more there");
    }
  }
  return MakeError(ErrorCode::kStorage,
                   absl::StrCat("checkpoint '", path, "' was not written: it needs ",
                                needed_bytes, " bytes and ", free, " bytes are free (",
                                reason, "). Earlier checkpoints are untouched. ",
                                advice, ", or give --out another disk."));
}

// `keep` newest by step stay; the one just written stays whatever its step is, because
// newer ones may be corrupt leftovers that this run has passed over.
absl::Status RemoveOld(Storage& storage, const std::string& run_dir, int64_t written,
                       int64_t keep) {
  TATAMI_ASSIGN_OR_RETURN(std::vector<int64_t> steps,
                          CheckpointSteps(storage, run_dir));
  const int64_t surplus =
      static_cast<int64_t>(steps.size()) - std::max<int64_t>(1, keep);
  int64_t removed = 0;
  for (const int64_t step : steps) {
    if (removed >= surplus) break;
    if (step == written) continue;
    TATAMI_RETURN_IF_ERROR(storage.Remove(CheckpointPath(run_dir, step)));
    ++removed;
  }
  return absl::OkStatus();
}

// Leftovers of a process that died while it wrote.
absl::Status RemoveUnfinished(Storage& storage, const std::string& run_dir) {
  TATAMI_ASSIGN_OR_RETURN(const std::vector<std::string> names, storage.List(run_dir));
  for (const std::string& name : names) {
    if (!absl::StartsWith(name, kTempPrefix)) continue;
    TATAMI_RETURN_IF_ERROR(storage.Remove(absl::StrCat(run_dir, "/", name)));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status SaveCheckpoint(Storage& storage, const std::string& run_dir,
                            const Checkpoint& checkpoint,
                            const CheckpointOptions& options) {
  CheckTensors(checkpoint);
  TATAMI_CHECK(options.chunk_bytes > 0 && options.chunk_bytes % 8 == 0)
      << options.chunk_bytes;
  std::vector<OutFile> files = LayOut(checkpoint, options.shard_bytes_max);
  files.push_back({.name = "manifest.json",
                   .head = ManifestOf(checkpoint, files, options.chunk_bytes)});
  const int64_t needed_bytes = TotalBytes(files);
  const std::string path = CheckpointPath(run_dir, checkpoint.step);
  const std::string temp =
      absl::StrCat(run_dir, "/", kTempPrefix, "step-", checkpoint.step);

  TATAMI_RETURN_IF_ERROR(storage.MakeDirectory(run_dir));
  TATAMI_RETURN_IF_ERROR(RemoveUnfinished(storage, run_dir));
  // Seen before the first byte is written, a full disk costs nothing.
  const auto free_bytes = storage.FreeBytes(run_dir);
  if (free_bytes.ok() && *free_bytes < needed_bytes) {
    return SaveError(storage, run_dir, path, needed_bytes, "nothing was tried");
  }
  absl::Status status = WriteAll(storage, temp, files);
  if (status.ok()) status = storage.Rename(temp, path);
  if (status.ok()) status = storage.Sync(run_dir);
  if (!status.ok()) {
    // Removed before the free space is measured, so that the message counts it as free.
    // Its own failure is not reported: the disk may be gone, and the cause comes first.
    storage.Remove(temp).IgnoreError();
    return SaveError(storage, run_dir, path, needed_bytes,
                     absl::StripPrefix(status.message(), "E0602: "));
  }
  TATAMI_RETURN_IF_ERROR(RemoveOld(storage, run_dir, checkpoint.step, options.keep),
                         absl::StrCat("checkpoint '", path,
                                      "' itself is saved; an older one is left over"));
  return absl::OkStatus();
}

}  // namespace tatami
