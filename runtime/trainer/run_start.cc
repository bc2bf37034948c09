#include "runtime/trainer/run_start.h"

#include <cstring>
#include <map>
#include <optional>

#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "core/status_macros.h"
#include "runtime/checkpoint/checkpoint.h"
#include "runtime/emulator/transfer_lists.h"

namespace tatami {
namespace {

const TensorType& TypeOf(const Program& program, const ProgramState& state) {
  return program.buffers[state.buffer].type;
}

bool Resumes(const TrainerOptions& options) {
  return options.start == RunStart::kResume || options.start == RunStart::kResumeIfAny;
}

// A new run among the checkpoints of an older one would lose its own to the limit on
// their number, and a resume would take the older one's.
absl::Status FreeRunDir(Storage& storage, const TrainerOptions& options) {
  TATAMI_ASSIGN_OR_RETURN(const std::vector<int64_t> steps,
                          CheckpointSteps(storage, options.run_dir));
  if (steps.empty()) return absl::OkStatus();
  if (options.start == RunStart::kOverwrite) {
    for (const int64_t step : steps) {
      TATAMI_RETURN_IF_ERROR(storage.Remove(CheckpointPath(options.run_dir, step)));
    }
    return absl::OkStatus();
  }
  return MakeError(
      ErrorCode::kBadFlag,
      absl::StrCat("'", options.run_dir, "' holds checkpoints up to step ",
                   steps.back(),
                   ". Go on with --resume, give another --out, or remove them with "
                   "--overwrite."));
}

absl::Status CheckStepsLeft(int64_t step, absl::string_view of,
                            const TrainerOptions& options) {
  if (step <= options.steps) return absl::OkStatus();
  return MakeError(ErrorCode::kBadFlag,
                   absl::StrCat("--steps ", options.steps, " lies behind the newest ",
                                of, ", of step ", step, ". Give more steps."));
}

// A resumed run draws the clips that the first would have drawn.
absl::Status CheckGoesOn(const Checkpoint& checkpoint, const TrainerOptions& options) {
  if (checkpoint.seed != options.seed) {
    return MakeError(
        ErrorCode::kCheckpointMismatch,
        absl::StrCat("the run was started with --seed ", checkpoint.seed,
                     " and is to go on with ", options.seed,
                     ", which draws other clips. Give --seed ", checkpoint.seed, "."));
  }
  return CheckStepsLeft(checkpoint.step, "checkpoint", options);
}

// The newest good checkpoint, if it is of this run.
absl::StatusOr<LatestCheckpointResult> FindCheckpoint(const Program& program,
                                                      Storage& storage,
                                                      const TrainerOptions& options) {
  LatestCheckpointResult latest;
  if (options.run_dir.empty()) return latest;
  TATAMI_ASSIGN_OR_RETURN(latest, LatestCheckpoint(storage, options.run_dir));
  if (!latest.checkpoint) return latest;
  std::vector<std::pair<std::string, TensorType>> expected;
  for (const ProgramState& s : program.states) {
    expected.emplace_back(s.name, TypeOf(program, s));
  }
  TATAMI_RETURN_IF_ERROR(
      CheckCheckpointMatches(*latest.checkpoint, options.model, expected), latest.path);
  TATAMI_RETURN_IF_ERROR(CheckGoesOn(*latest.checkpoint, options), latest.path);
  return latest;
}

// Every rank reads the folder for itself: what it read must be what rank 0 read.
absl::Status CheckSeesTheSame(Transport& transport, int64_t step,
                              const TrainerOptions& options) {
  std::vector<std::byte> told(sizeof step);
  std::memcpy(told.data(), &step, sizeof step);
  TATAMI_RETURN_IF_ERROR(transport.BroadcastFromRoot(told));
  int64_t of_root = 0;
  std::memcpy(&of_root, told.data(), sizeof of_root);
  if (of_root == step) return absl::OkStatus();
  return MakeError(
      ErrorCode::kCheckpointMismatch,
      absl::StrCat("rank ", transport.rank(), " sees step ", step,
                   " as the newest in '", options.run_dir, "' and rank 0 step ",
                   of_root, ". Give --out a folder that all hosts share."));
}

absl::Status WriteStates(Emulator& emulator, const Checkpoint* checkpoint,
                         uint64_t seed) {
  std::map<std::string, const NamedTensor*> found;
  if (checkpoint != nullptr) {
    for (const NamedTensor& t : checkpoint->tensors) found[t.name] = &t;
  }
  const Program& p = emulator.program();
  for (const ProgramState& s : p.states) {
    const auto it = found.find(s.name);
    TATAMI_RETURN_IF_ERROR(emulator.WriteState(
        s.name,
        it == found.end() ? InitialState(s, TypeOf(p, s), seed) : it->second->data));
  }
  return absl::OkStatus();
}

absl::StatusOr<StartPoint> BeginAnew(Emulator& emulator, Transport& transport,
                                     Storage& storage, StepSnapshots* snapshots,
                                     const TrainerOptions& options) {
  if (transport.rank() == 0 && !options.run_dir.empty()) {
    TATAMI_RETURN_IF_ERROR(FreeRunDir(storage, options));
  }
  if (snapshots != nullptr) TATAMI_RETURN_IF_ERROR(snapshots->Remove());
  TATAMI_RETURN_IF_ERROR(WriteStates(emulator, nullptr, options.seed));
  return StartPoint{};
}

}  // namespace

absl::StatusOr<std::unique_ptr<StepSnapshots>> MakeSnapshots(
    Emulator& emulator, Transport& transport, Storage& storage,
    const TrainerOptions& options,
    std::function<void(absl::Span<std::byte> image)> before_mark) {
  const Program& p = emulator.program();
  SnapshotContent content{.program = p.Hash(), .seed = options.seed};
  for (int64_t n = 0; n < p.mesh.nodes(); ++n) {
    int64_t& bytes = content.node_bytes.emplace_back();
    for (const ProgramState& s : p.states) {
      bytes += p.BytesAt(s.buffer, NodeAt(n, p.mesh));
    }
  }
  const HostedNodes hosted =
      HostedNodes::Of(transport.rank(), transport.size(), p.mesh.nodes());
  for (int64_t n = 0; n < hosted.end - hosted.begin; ++n) {
    content.hosted.push_back(emulator.NodeStates(n));
  }
  return StepSnapshots::Create(std::move(content), transport, storage,
                               {.dir = options.snapshot_dir,
                                .host = ThisHost(),
                                .deadline = options.emulator.deadline,
                                .before_mark = std::move(before_mark)});
}

absl::StatusOr<StartPoint> LoadStates(Emulator& emulator, Transport& transport,
                                      Storage& storage, StepSnapshots* snapshots,
                                      const TrainerOptions& options) {
  if (!Resumes(options)) {
    return BeginAnew(emulator, transport, storage, snapshots, options);
  }
  StartPoint point;
  std::optional<int64_t> kept;
  if (snapshots != nullptr) {
    TATAMI_ASSIGN_OR_RETURN(kept, snapshots->FindNewest());
    point.remarks = snapshots->warnings();
    point.incarnation = snapshots->incarnation();
  }
  absl::StatusOr<LatestCheckpointResult> latest =
      FindCheckpoint(emulator.program(), storage, options);
  // Damaged checkpoints stop a run only where there is nothing else.
  if (kept && GetErrorCode(latest.status()) == ErrorCode::kCheckpointCorrupt) {
    point.remarks.push_back(absl::StrCat("warning: ", latest.status().message()));
    latest = LatestCheckpointResult{};
  }
  TATAMI_RETURN_IF_ERROR(latest.status());
  const Checkpoint* checkpoint = latest->checkpoint ? &*latest->checkpoint : nullptr;
  point.checkpoint_step = checkpoint == nullptr ? 0 : checkpoint->step;
  for (std::string& warning : latest->warnings) {
    point.remarks.push_back(std::move(warning));
  }
  TATAMI_RETURN_IF_ERROR(CheckSeesTheSame(transport, point.checkpoint_step, options));
  if (kept && *kept > point.checkpoint_step) {
    TATAMI_RETURN_IF_ERROR(CheckStepsLeft(*kept, "snapshot", options),
                           options.snapshot_dir);
    TATAMI_RETURN_IF_ERROR(snapshots->Restore());
    point.step = *kept;
    point.source = StartSource::kSnapshot;
    point.remarks.push_back(absl::StrCat("resumed the snapshot in ",
                                         options.snapshot_dir, " after step ", *kept));
    return point;
  }
  if (checkpoint == nullptr && options.start == RunStart::kResume) {
    return MakeError(ErrorCode::kCheckpointMismatch,
                     absl::StrCat("'", options.run_dir,
                                  "' holds no checkpoint to resume from. Start "
                                  "without --resume, or give --out the folder of "
                                  "the run to go on with."));
  }
  TATAMI_RETURN_IF_ERROR(WriteStates(emulator, checkpoint, options.seed));
  if (checkpoint == nullptr) return point;
  point.step = checkpoint->step;
  point.source = StartSource::kCheckpoint;
  point.incarnation = std::max<int64_t>(point.incarnation, 2);
  point.remarks.push_back(
      absl::StrCat("resumed ", latest->path, " after step ", point.step));
  return point;
}

}  // namespace tatami
