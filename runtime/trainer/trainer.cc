#include "runtime/trainer/trainer.h"

#include <cmath>
#include <cstring>
#include <iostream>
#include <optional>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "core/error.h"
#include "core/status_macros.h"
#include "runtime/checkpoint/checkpoint.h"
#include "runtime/ingest/prefetcher.h"
#include "runtime/trainer/evaluation.h"
#include "runtime/trainer/metrics_writer.h"
#include "runtime/trainer/progress.h"
#include "runtime/trainer/tensorboard_writer.h"

namespace tatami {
namespace {

double NowSeconds() { return absl::ToDoubleSeconds(absl::Now() - absl::UnixEpoch()); }

const TensorType& TypeOf(const Program& program, const ProgramState& state) {
  return program.buffers[state.buffer].type;
}

class TrainingRun {
 public:
  TrainingRun(const ClipDataset& data, Transport& transport, Storage& storage,
              const TrainerOptions& options)
      : data_(data), transport_(transport), storage_(storage), options_(options) {}

  absl::StatusOr<TrainSummary> Run(std::shared_ptr<const Program> train,
                                   std::shared_ptr<const Program> evaluate) {
    TATAMI_ASSIGN_OR_RETURN(emulator_,
                            Emulator::Create(train, transport_, options_.emulator));
    evaluate_ = std::move(evaluate);
    TATAMI_RETURN_IF_ERROR(LoadStates());
    TATAMI_RETURN_IF_ERROR(OpenOutputs());
    TATAMI_RETURN_IF_ERROR(Steps());
    TATAMI_RETURN_IF_ERROR(Measure(options_.steps));
    TATAMI_RETURN_IF_ERROR(SaveStates(options_.steps));
    TATAMI_RETURN_IF_ERROR(last_save_);  // nobody goes on: the weights are lost
    summary_.steps = options_.steps;
    summary_.times = emulator_->times();
    return std::move(summary_);
  }

 private:
  bool root() const { return transport_.rank() == 0; }
  bool writes() const { return root() && !options_.run_dir.empty(); }

  // From the newest good checkpoint when resuming, else from the seed.
  absl::Status LoadStates() {
    const Program& p = emulator_->program();
    std::map<std::string, const NamedTensor*> found;
    LatestCheckpointResult latest;
    if (options_.resume) {
      TATAMI_ASSIGN_OR_RETURN(latest, LatestCheckpoint(storage_, options_.run_dir));
      for (const std::string& warning : latest.warnings) Say(warning);
      if (!latest.checkpoint) {
        return MakeError(ErrorCode::kCheckpointMismatch,
                         absl::StrCat("'", options_.run_dir,
                                      "' holds no checkpoint to resume from. Start "
                                      "without --resume, or give --out the folder of "
                                      "the run to go on with."));
      }
      std::vector<std::pair<std::string, TensorType>> expected;
      for (const ProgramState& s : p.states)
        expected.emplace_back(s.name, TypeOf(p, s));
      TATAMI_RETURN_IF_ERROR(
          CheckCheckpointMatches(*latest.checkpoint, options_.model, expected),
          latest.path);
      for (const NamedTensor& t : latest.checkpoint->tensors) found[t.name] = &t;
      TATAMI_RETURN_IF_ERROR(CheckGoesOn(*latest.checkpoint), latest.path);
      first_step_ = saved_step_ = latest.checkpoint->step;
      Say(absl::StrCat("resumed ", latest.path, " after step ", first_step_));
    }
    TATAMI_RETURN_IF_ERROR(CheckRunDirIsFree());
    for (const ProgramState& s : p.states) {
      const auto it = found.find(s.name);
      TATAMI_RETURN_IF_ERROR(emulator_->WriteState(
          s.name, it == found.end() ? InitialState(s, TypeOf(p, s), options_.seed)
                                    : it->second->data));
    }
    return absl::OkStatus();
  }

  // A resumed run draws the clips that the first would have drawn.
  absl::Status CheckGoesOn(const Checkpoint& checkpoint) const {
    if (checkpoint.seed != options_.seed) {
      return MakeError(ErrorCode::kCheckpointMismatch,
                       absl::StrCat("the run was started with --seed ", checkpoint.seed,
                                    " and is to go on with ", options_.seed,
                                    ", which draws other clips. Give --seed ",
                                    checkpoint.seed, "."));
    }
    if (checkpoint.step > options_.steps) {
      return MakeError(ErrorCode::kBadFlag,
                       absl::StrCat("--steps ", options_.steps,
                                    " lies behind the newest checkpoint, of step ",
                                    checkpoint.step, ". Give more steps."));
    }
    return absl::OkStatus();
  }

  // A new run among the checkpoints of an older one would lose its own to the limit on
  // their number, and a resume would take the older one's.
  absl::Status CheckRunDirIsFree() const {
    if (!writes() || options_.resume) return absl::OkStatus();
    TATAMI_ASSIGN_OR_RETURN(const std::vector<int64_t> steps,
                            CheckpointSteps(storage_, options_.run_dir));
    if (steps.empty()) return absl::OkStatus();
    if (options_.overwrite) {
      for (const int64_t step : steps) {
        TATAMI_RETURN_IF_ERROR(storage_.Remove(CheckpointPath(options_.run_dir, step)));
      }
      return absl::OkStatus();
    }
    return MakeError(
        ErrorCode::kBadFlag,
        absl::StrCat("'", options_.run_dir, "' holds checkpoints up to step ",
                     steps.back(),
                     ". Go on with --resume, give another --out, or remove them with "
                     "--overwrite."));
  }

  absl::Status OpenOutputs() {
    progress_.emplace(stderr, ProgressOptions{.style = ProgressStyleOf(stderr),
                                              .first_step = first_step_,
                                              .total_steps = options_.steps,
                                              .samples_per_step = options_.batch,
                                              .plain_every_steps = std::max<int64_t>(
                                                  1, options_.steps / 20)});
    if (!writes()) return absl::OkStatus();
    TATAMI_RETURN_IF_ERROR(storage_.MakeDirectory(options_.run_dir));
    TATAMI_ASSIGN_OR_RETURN(
        metrics_,
        MetricsWriter::Open(
            options_.run_dir + "/metrics.jsonl",
            {.resume_step = options_.resume ? std::optional<int64_t>(first_step_)
                                            : std::nullopt}));
    TATAMI_ASSIGN_OR_RETURN(tensorboard_,
                            TensorboardWriter::Open(options_.run_dir, NowSeconds()));
    return absl::OkStatus();
  }

  absl::Status Steps() {
    Prefetcher batches(
        [this](int64_t step) {
          return data_.TrainBatch({.step = step,
                                   .batch = options_.batch,
                                   .begin = 0,
                                   .end = options_.batch});
        },
        {.first_step = first_step_, .capacity = 2});
    const double start = NowSeconds();
    for (int64_t step = first_step_; step < options_.steps; ++step) {
      TATAMI_ASSIGN_OR_RETURN(const ClipBatch batch, batches.Next());
      TATAMI_RETURN_IF_ERROR(Step(step, batch));
      const int64_t done = step + 1;
      if (done == options_.steps) break;
      if (options_.evaluate_every > 0 && done % options_.evaluate_every == 0) {
        TATAMI_RETURN_IF_ERROR(Measure(done));
        TATAMI_RETURN_IF_ERROR(WaitForRoot());
      }
      if (options_.checkpoint_every > 0 && done % options_.checkpoint_every == 0) {
        TATAMI_RETURN_IF_ERROR(SaveStates(done));
        TATAMI_RETURN_IF_ERROR(WaitForRoot());
      }
    }
    progress_->Finish();
    const double seconds = std::max(1e-9, NowSeconds() - start);
    const auto samples =
        static_cast<double>((options_.steps - first_step_) * options_.batch);
    summary_.samples_per_s = samples / seconds;
    summary_.data_wait_share =
        static_cast<double>(batches.wait_ns_total()) * 1e-9 / seconds;
    return absl::OkStatus();
  }

  // After what rank 0 does alone, on a disk that may be slow: a broadcast waits longer
  // than an exchange of the next step would.
  absl::Status WaitForRoot() {
    std::vector<std::byte> nothing;
    return transport_.BroadcastFromRoot(nothing);
  }

  absl::Status FeedScalar(absl::string_view name, double value) {
    const auto f = static_cast<float>(value);
    return emulator_->Feed(name, {reinterpret_cast<const std::byte*>(&f), sizeof f});
  }

  absl::Status Step(int64_t step, const ClipBatch& batch) {
    TATAMI_RETURN_IF_ERROR(FeedBatch(*emulator_, batch));
    const double rate = LearningRate(options_.schedule, step);
    TATAMI_RETURN_IF_ERROR(FeedScalar("learning_rate", rate));
    TATAMI_RETURN_IF_ERROR(FeedScalar("step", static_cast<double>(step + 1)));
    TATAMI_RETURN_IF_ERROR(emulator_->Step(), absl::StrCat("step ", step + 1));
    TATAMI_ASSIGN_OR_RETURN(std::vector<std::byte> bytes, emulator_->Fetch("loss"));
    TATAMI_RETURN_IF_ERROR(transport_.BroadcastFromRoot(bytes));
    float loss = 0;
    std::memcpy(&loss, bytes.data(), sizeof loss);
    if (!std::isfinite(loss)) {
      return MakeError(
          ErrorCode::kNotFinite,
          absl::StrCat(
              "the loss is ", std::isnan(loss) ? "NaN" : "infinite", " at step ",
              step + 1, " of ", options_.steps, ", with learning rate ", rate,
              ". Lower --learning_rate or set --clip_norm, then ",
              saved_step_ > 0 ? absl::StrCat("go on from step ", saved_step_,
                                             ", the newest checkpoint, with --resume.")
                              : "start again; no checkpoint was written yet."));
    }
    summary_.loss = loss;
    if (!root()) return absl::OkStatus();
    progress_->Report(step + 1, loss, NowSeconds());
    Record(step + 1, {{"train/loss", loss}, {"train/learning_rate", rate}});
    return absl::OkStatus();
  }

  // A full disk costs metrics, not the training.
  void Record(int64_t step, const std::vector<Metric>& metrics) {
    if (metrics_ == nullptr) return;
    absl::Status written = metrics_->Write(step, metrics);
    if (written.ok()) written = tensorboard_->Write(step, NowSeconds(), metrics);
    if (written.ok()) return;
    Say(absl::StrCat("warning: metrics of step ", step,
                     " and later are not written; training goes on. ",
                     written.message()));
    metrics_ = nullptr;  // a record may be cut short: nothing may follow it
    tensorboard_ = nullptr;
  }

  absl::Status Measure(int64_t step) {
    if (evaluate_ == nullptr || data_.held_out_clips() == 0) return absl::OkStatus();
    if (evaluator_ == nullptr) {
      TATAMI_ASSIGN_OR_RETURN(
          evaluator_, Emulator::Create(evaluate_, transport_, options_.emulator));
    }
    TATAMI_RETURN_IF_ERROR(CopyStates(*emulator_, *evaluator_, transport_));
    const std::string strip =
        writes() ? absl::StrCat(options_.run_dir, "/filled-", step, ".png") : "";
    TATAMI_ASSIGN_OR_RETURN(
        EvaluationResult result,
        Evaluate(
            *evaluator_, data_,
            options_.evaluation_batch > 0 ? options_.evaluation_batch : options_.batch,
            transport_, strip));
    std::vector<Metric> metrics;
    std::string line = absl::StrCat("step ", step, " held out:");
    for (const auto& [name, value] : result.metrics) {
      metrics.push_back({"held_out/" + name, value});
      absl::StrAppendFormat(&line, " %s %.3f (baseline %.3f)", name, value,
                            result.baselines[name]);
    }
    if (!metrics.empty()) Say(line);
    summary_.metrics = std::move(result.metrics);
    summary_.baselines = std::move(result.baselines);
    if (!result.strip_written.ok()) {
      Say(absl::StrCat("warning: the picture of step ", step,
                       " is missing; training goes on. ",
                       result.strip_written.message()));
    }
    if (root()) Record(step, metrics);
    return absl::OkStatus();
  }

  absl::Status SaveStates(int64_t step) {
    const Program& p = emulator_->program();
    Checkpoint checkpoint{.step = step,
                          .seed = options_.seed,
                          .model = options_.model,
                          .data_cursor = {.epoch = 0, .batch = step}};
    for (const ProgramState& s : p.states) {
      TATAMI_ASSIGN_OR_RETURN(std::vector<std::byte> bytes,
                              emulator_->ReadState(s.name));
      if (!root()) continue;
      checkpoint.tensors.push_back({s.name, TypeOf(p, s), std::move(bytes)});
    }
    if (!root()) return absl::OkStatus();
    TATAMI_RETURN_IF_ERROR(CheckFinite(checkpoint));
    summary_.weights_hash = WeightsHash(checkpoint.tensors);
    if (!writes()) return absl::OkStatus();
    const absl::Status saved = SaveCheckpoint(storage_, options_.run_dir, checkpoint);
    last_save_ = saved;
    if (!saved.ok() && step == options_.steps) {
      last_save_ = Annotate(
          saved, absl::StrCat("the weights of the last step, ", step, ", are lost; ",
                              saved_step_ > 0
                                  ? absl::StrCat("the checkpoint of step ", saved_step_,
                                                 " stays: make room and --resume")
                                  : "no checkpoint was written"));
    } else if (!saved.ok()) {
      Say(absl::StrCat("warning: the checkpoint of step ", step,
                       " was not written; training goes on, earlier ones stay. ",
                       saved.message()));
    } else {
      saved_step_ = step;
    }
    return absl::OkStatus();
  }

  // The loss of a step is computed before its update: a checkpoint must not keep what
  // the update ruined.
  absl::Status CheckFinite(const Checkpoint& checkpoint) const {
    for (const NamedTensor& t : checkpoint.tensors) {
      std::vector<float> values(t.type.num_elements());
      LoadAsFloat(t.type.dtype, t.data.data(), t.type.num_elements(), values.data());
      if (absl::c_all_of(values, [](float x) { return std::isfinite(x); })) continue;
      return MakeError(
          ErrorCode::kNotFinite,
          absl::StrCat("'", t.name, "' holds a NaN or an infinity after step ",
                       checkpoint.step, ". Lower --learning_rate or set --clip_norm, ",
                       saved_step_ > 0 ? absl::StrCat("then go on from step ",
                                                      saved_step_, " with --resume.")
                                       : "then start again."));
    }
    return absl::OkStatus();
  }

  void Say(const std::string& text) {
    if (!root()) return;
    if (progress_) {
      progress_->Note(text);
    } else {
      std::cerr << text << std::endl;
    }
  }

  const ClipDataset& data_;
  Transport& transport_;
  Storage& storage_;
  const TrainerOptions& options_;
  std::unique_ptr<Emulator> emulator_, evaluator_;
  std::shared_ptr<const Program> evaluate_;
  int64_t first_step_ = 0;
  absl::Status last_save_;
  int64_t saved_step_ = 0;  // of the newest good checkpoint; 0 when there is none
  std::optional<Progress> progress_;
  std::unique_ptr<MetricsWriter> metrics_;
  std::unique_ptr<TensorboardWriter> tensorboard_;
  TrainSummary summary_;
};

}  // namespace

absl::StatusOr<TrainSummary> Train(std::shared_ptr<const Program> train,
                                   std::shared_ptr<const Program> evaluate,
                                   const ClipDataset& data, Transport& transport,
                                   Storage& storage, const TrainerOptions& options) {
  return TrainingRun(data, transport, storage, options)
      .Run(std::move(train), std::move(evaluate));
}

}  // namespace tatami
