// LoadCheckpoint and what chooses among checkpoints.
#include <algorithm>
#include <map>

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
#include "runtime/checkpoint/stored_checkpoint.h"

namespace tatami {
namespace {

constexpr absl::string_view kStepPrefix = "step-";

}  // namespace

std::string CheckpointPath(absl::string_view run_dir, int64_t step) {
  return absl::StrCat(run_dir, "/", kStepPrefix, absl::StrFormat("%08d", step));
}

absl::StatusOr<Checkpoint> LoadCheckpoint(Storage& storage, const std::string& dir) {
  TATAMI_ASSIGN_OR_RETURN(const StoredCheckpoint stored, OpenCheckpoint(storage, dir));
  Checkpoint checkpoint{.step = stored.step,
                        .seed = stored.seed,
                        .model = stored.model,
                        .data_cursor = stored.data_cursor};
  for (const StoredTensor& tensor : stored.tensors) {
    NamedTensor out{.name = tensor.name, .type = tensor.type};
    out.data.resize(static_cast<size_t>(tensor.type.bytes()));
    auto rest = absl::MakeSpan(out.data);
    for (size_t i = 0; i < tensor.chunk_checksums.size(); ++i) {
      const auto bytes = static_cast<size_t>(ChunkBytes(stored, tensor, i));
      TATAMI_RETURN_IF_ERROR(ReadChunk(storage, stored, tensor, i, rest.first(bytes)));
      rest.remove_prefix(bytes);
    }
    checkpoint.tensors.push_back(std::move(out));
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
