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
#include "runtime/trainer/run_start.h"
#include "runtime/trainer/summary_file.h"
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
    EmulatorOptions emulator = options_.emulator;
    if (!options_.faults.empty()) {
      emulator.at_point = [this](SuperstepPoint point, int superstep) {
        ComeTo(PhaseOf(point), superstep);
      };
    }
    TATAMI_ASSIGN_OR_RETURN(emulator_,
                            Emulator::Create(train, transport_, std::move(emulator)));
    evaluate_ = std::move(evaluate);
    TATAMI_RETURN_IF_ERROR(Start());
    TATAMI_RETURN_IF_ERROR(OpenOutputs());
    TATAMI_RETURN_IF_ERROR(Steps());
    if (!summary_.stopped) TATAMI_RETURN_IF_ERROR(Measure(done_));
    TATAMI_RETURN_IF_ERROR(SaveStates(done_));
    TATAMI_RETURN_IF_ERROR(last_save_);  // nobody goes on: the weights are lost
    summary_.steps = done_;
    summary_.times = emulator_->times();
    if (writes()) {
      TATAMI_RETURN_IF_ERROR(WriteSummaryFile(storage_, options_.run_dir, summary_));
    }
    if (snapshots_ != nullptr) {
      TATAMI_RETURN_IF_ERROR(WaitForRoot());  // who has saved all they are for
      TATAMI_RETURN_IF_ERROR(snapshots_->Remove());
    }
    return std::move(summary_);
  }

 private:
  bool root() const { return transport_.rank() == 0; }
  bool writes() const { return root() && !options_.run_dir.empty(); }

  // Where it goes on; what is said of it.
  absl::Status Start() {
    if (!options_.snapshot_dir.empty()) {
      TATAMI_ASSIGN_OR_RETURN(
          snapshots_, MakeSnapshots(*emulator_, transport_, storage_, options_,
                                    [this](absl::Span<std::byte> image) {
                                      if (injector_)
                                        injector_->At(FaultPhase::kSnapshot, 0, image);
                                    }));
    }
    TATAMI_ASSIGN_OR_RETURN(start_, LoadStates(*emulator_, transport_, storage_,
                                               snapshots_.get(), options_));
    if (snapshots_ != nullptr) TATAMI_RETURN_IF_ERROR(snapshots_->Begin(start_.step));
    if (!options_.faults.empty()) {
      injector_.emplace(options_.faults, transport_.rank(), start_.incarnation);
    }
    saved_step_ = start_.checkpoint_step;
    done_ = start_.step;
    summary_.total_steps = options_.steps;
    summary_.resumed = start_.source;
    summary_.resumed_step = start_.step;
    for (const std::string& remark : start_.remarks) Say(remark);
    return absl::OkStatus();
  }

  absl::Status OpenOutputs() {
    progress_.emplace(stderr, ProgressOptions{.style = ProgressStyleOf(stderr),
                                              .first_step = start_.step,
                                              .total_steps = options_.steps,
                                              .samples_per_step = options_.batch,
                                              .plain_every_steps = std::max<int64_t>(
                                                  1, options_.steps / 20)});
    if (!writes()) return absl::OkStatus();
    TATAMI_RETURN_IF_ERROR(storage_.MakeDirectory(options_.run_dir));
    TATAMI_RETURN_IF_ERROR(RemoveSummaryFile(storage_, options_.run_dir));
    TATAMI_ASSIGN_OR_RETURN(
        metrics_, MetricsWriter::Open(
                      options_.run_dir + "/metrics.jsonl",
                      {.resume_step = start_.source == StartSource::kSeed
                                          ? std::nullopt
                                          : std::optional<int64_t>(start_.step)}));
    // Of a run that was resumed after its last step.
    summary_.loss = metrics_->Kept("train/loss").value_or(0);
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
        {.first_step = start_.step, .capacity = 2});
    const double start = NowSeconds();
    while (done_ < options_.steps && !summary_.stopped) {
      if (injector_) injector_->BeginStep(done_ + 1);
      ComeTo(FaultPhase::kLoad, 0);
      TATAMI_ASSIGN_OR_RETURN(const ClipBatch batch, batches.Next());
      TATAMI_RETURN_IF_ERROR(Step(done_, batch));
      ++done_;
      if (done_ < options_.steps) TATAMI_RETURN_IF_ERROR(AfterStep());
    }
    progress_->Finish();
    const double seconds = std::max(1e-9, NowSeconds() - start);
    const auto samples = static_cast<double>((done_ - start_.step) * options_.batch);
    summary_.samples_per_s = samples / seconds;
    summary_.data_wait_share =
        static_cast<double>(batches.wait_ns_total()) * 1e-9 / seconds;
    return absl::OkStatus();
  }

  // The snapshot comes last: a run that goes on from it has what the step wrote, and
  // one that dies before does the step again.
  absl::Status AfterStep() {
    if (options_.evaluate_every > 0 && done_ % options_.evaluate_every == 0) {
      TATAMI_RETURN_IF_ERROR(Measure(done_));
      TATAMI_RETURN_IF_ERROR(WaitForRoot());
    }
    if (summary_.stopped)
      return absl::OkStatus();  // a checkpoint is written at the end
    if (options_.checkpoint_every > 0 && done_ % options_.checkpoint_every == 0) {
      TATAMI_RETURN_IF_ERROR(SaveStates(done_));
      TATAMI_RETURN_IF_ERROR(WaitForRoot());
    }
    if (snapshots_ != nullptr) {
      const double start = NowSeconds();
      TATAMI_RETURN_IF_ERROR(snapshots_->Write(done_));
      summary_.snapshot_s += NowSeconds() - start;
    }
    ComeTo(FaultPhase::kCommit, 0);
    return absl::OkStatus();
  }

  static FaultPhase PhaseOf(SuperstepPoint point) {
    switch (point) {
      case SuperstepPoint::kExchange:
        return FaultPhase::kExchange;
      case SuperstepPoint::kWait:
        return FaultPhase::kWait;
      case SuperstepPoint::kCompute:
        return FaultPhase::kCompute;
    }
    return FaultPhase::kCompute;
  }

  // A place where a fault may have been ordered; flips are in the first state here.
  void ComeTo(FaultPhase phase, int64_t superstep) {
    if (!injector_) return;
    for (const absl::Span<std::byte> state : emulator_->NodeStates(0)) {
      if (!state.empty()) return injector_->At(phase, superstep, state);
    }
    injector_->At(phase, superstep, {});
  }

  // Rank 0's decision, which the others hear with the loss.
  bool IsToStop() const {
    return (options_.stop_requested && options_.stop_requested()) ||
           absl::Now() >= options_.stop_at;
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
    ComeTo(FaultPhase::kLoss, 0);
    TATAMI_ASSIGN_OR_RETURN(std::vector<std::byte> bytes, emulator_->Fetch("loss"));
    if (root()) bytes.push_back(std::byte{IsToStop()});
    TATAMI_RETURN_IF_ERROR(transport_.BroadcastFromRoot(bytes));
    float loss = 0;
    std::memcpy(&loss, bytes.data(), sizeof loss);
    summary_.stopped = step + 1 < options_.steps && bytes.back() == std::byte{1};
    if (!std::isfinite(loss)) {
      // Their weights lead here again, and a checkpoint may not.
      if (snapshots_ != nullptr) TATAMI_RETURN_IF_ERROR(snapshots_->Remove());
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
    ComeTo(FaultPhase::kCheckpoint, 0);
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
    if (!saved.ok() && (step == options_.steps || summary_.stopped)) {
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
  std::unique_ptr<StepSnapshots> snapshots_;
  std::optional<FaultInjector> injector_;  // where faults are ordered
  StartPoint start_;
  int64_t done_ = 0;  // steps
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
