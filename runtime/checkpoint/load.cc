// LoadCheckpoint and what chooses among checkpoints. Trusts no byte before its
// checksum.
#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "core/error.h"
#include "core/status_macros.h"
#include "runtime/checkpoint/checkpoint.h"
#include "runtime/checkpoint/manifest.h"
#include "runtime/checkpoint/safetensors.h"

namespace tatami {
namespace {

constexpr absl::string_view kStepPrefix = "step-";
constexpr absl::string_view kShardEnding = ".safetensors";
// A manifest has about 150 bytes a tensor; this allows over a million tensors.
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

// Checks one file against the manifest, and adds its tensors to `located`.
absl::Status ReadFile(Storage& storage, const std::string& dir,
                      const ManifestFile& file,
                      std::map<std::string, Located>& located) {
  const std::string path = absl::StrCat(dir, "/", file.name);
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

absl::StatusOr<NamedTensor> ReadTensor(Storage& storage, const std::string& dir,
                                       const ManifestTensor& tensor,
                                       const Located& located) {
  const std::string path = absl::StrCat(dir, "/", located.file);
  NamedTensor out{.name = tensor.name, .type = located.type};
  out.data.resize(static_cast<size_t>(located.type.bytes()));
  TATAMI_RETURN_IF_ERROR(storage.Read(path, located.offset, absl::MakeSpan(out.data)));
  if (const std::string sum = Checksum(out.data); sum != tensor.checksum) {
    return Corrupt(
        path, absl::StrCat("tensor '", tensor.name, "' (bytes ", located.offset, " to ",
                           located.offset + located.type.bytes(), ") has xxh3 ", sum,
                           " and the manifest says ", tensor.checksum, "."));
  }
  return out;
}

}  // namespace

std::string CheckpointPath(absl::string_view run_dir, int64_t step) {
  return absl::StrCat(run_dir, "/", kStepPrefix, absl::StrFormat("%08d", step));
}

absl::StatusOr<Checkpoint> LoadCheckpoint(Storage& storage, const std::string& dir) {
  if (!storage.Exists(dir)) {
    return MakeError(ErrorCode::kStorage,
                     absl::StrCat("there is no checkpoint '", dir, "'."));
  }
  const std::string path = absl::StrCat(dir, "/manifest.json");
  if (!storage.Exists(path)) return Corrupt(path, "it is missing.");
  TATAMI_ASSIGN_OR_RETURN(const std::string text,
                          ReadText(storage, path, kManifestBytesMax));
  TATAMI_ASSIGN_OR_RETURN(const Manifest manifest, ParseManifest(text, path));
  std::map<std::string, Located> located;
  for (const ManifestFile& file : manifest.files) {
    TATAMI_RETURN_IF_ERROR(ReadFile(storage, dir, file, located));
  }
  Checkpoint checkpoint{.step = manifest.step,
                        .seed = manifest.seed,
                        .model = manifest.model,
                        .data_cursor = manifest.data_cursor};
  std::set<std::string> read;
  for (const ManifestTensor& tensor : manifest.tensors) {
    const auto it = located.find(tensor.name);
    if (it == located.end() || it->second.file != tensor.file ||
        !read.insert(tensor.name).second) {
      return Corrupt(path, absl::StrCat("tensor '", tensor.name, "' is not in '",
                                        tensor.file, "', or named twice."));
    }
    TATAMI_ASSIGN_OR_RETURN(NamedTensor data,
                            ReadTensor(storage, dir, tensor, it->second));
    checkpoint.tensors.push_back(std::move(data));
  }
  if (read.size() != located.size()) {
    return Corrupt(
        path, absl::StrCat("it lists ", read.size(), " tensors and the shards hold ",
                           located.size(), "."));
  }
  return checkpoint;
}

absl::StatusOr<std::vector<int64_t>> CheckpointSteps(Storage& storage,
                                                     const std::string& run_dir) {
  std::vector<int64_t> steps;
  if (!storage.Exists(run_dir)) return steps;
  TATAMI_ASSIGN_OR_RETURN(const std::vector<std::string> names, storage.List(run_dir));
  for (const std::string& name : names) {
    absl::string_view digits = name;
    int64_t step = 0;
    if (absl::ConsumePrefix(&digits, kStepPrefix) && absl::SimpleAtoi(digits, &step) &&
        CheckpointPath(run_dir, step) == absl::StrCat(run_dir, "/", name)) {
      steps.push_back(step);
    }
  }
  std::sort(steps.begin(), steps.end());
  return steps;
}

absl::StatusOr<LatestCheckpointResult> LatestCheckpoint(Storage& storage,
                                                        const std::string& run_dir) {
  TATAMI_ASSIGN_OR_RETURN(std::vector<int64_t> steps,
                          CheckpointSteps(storage, run_dir));
  LatestCheckpointResult result;
  std::reverse(steps.begin(), steps.end());
  for (const int64_t step : steps) {
    const std::string path = CheckpointPath(run_dir, step);
    auto checkpoint = LoadCheckpoint(storage, path);
    if (checkpoint.ok()) {
      result.path = path;
      result.checkpoint = *std::move(checkpoint);
      return result;
    }
    result.warnings.emplace_back(checkpoint.status().message());
  }
  if (steps.empty()) return result;
  return MakeError(
      ErrorCode::kCheckpointCorrupt,
      absl::StrCat("none of the ", steps.size(), " checkpoints in '", run_dir,
                   "' can be read: ", absl::StrJoin(result.warnings, "; "),
                   " Give --out an empty directory to start anew."));
}

absl::Status CheckCheckpointMatches(
    const Checkpoint& checkpoint, absl::string_view model,
    absl::Span<const std::pair<std::string, TensorType>> expected) {
  constexpr size_t kShown = 3;
  std::vector<std::string> differences;
  if (checkpoint.model != model) {
    differences.push_back(absl::StrCat("it is of model '", checkpoint.model,
                                       "' and the run trains '", model, "'"));
  }
  std::map<absl::string_view, const TensorType*> held;
  for (const NamedTensor& t : checkpoint.tensors) held[t.name] = &t.type;
  for (const auto& [name, type] : expected) {
    const auto it = held.find(name);
    if (it == held.end()) {
      differences.push_back(absl::StrCat("'", name, "' is missing"));
      continue;
    }
    if (!(*it->second == type)) {
      differences.push_back(absl::StrCat("'", name, "' is ", it->second->ToString(),
                                         " and should be ", type.ToString()));
    }
    held.erase(it);
  }
  for (const auto& [name, type] : held) {
    differences.push_back(absl::StrCat("'", name, "' is not in the model"));
  }
  if (differences.empty()) return absl::OkStatus();
  const size_t count = differences.size();
  differences.resize(std::min(count, kShown));
  return MakeError(
      ErrorCode::kCheckpointMismatch,
      absl::StrCat(
          "the checkpoint of step ", checkpoint.step,
          " is not for this run: ", absl::StrJoin(differences, "; "),
          count > kShown ? absl::StrCat("; and ", count - kShown, " more") : "",
          ". Resume with the model and preset it was made with, or give --out "
          "an empty directory."));
}

std::string WeightsHash(absl::Span<const NamedTensor> tensors) {
  // Each tensor is hashed by itself and then the list, so that bytes cannot move from
  // one tensor to the next unseen.
  std::string list;
  for (const NamedTensor& t : tensors) {
    absl::StrAppend(&list, t.name, " ", t.type.ToString(), " ", Checksum(t.data), "\n");
  }
  return Checksum(AsBytes(list));
}

}  // namespace tatami
