// tatami train
#include <algorithm>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "core/error.h"
#include "core/status_macros.h"
#include "ops/kernels/instruction_set.h"
#include "runtime/ingest/clip_dataset.h"
#include "runtime/trainer/summary_file.h"
#include "runtime/trainer/trainer.h"
#include "runtime/transport_mpi.h"
#include "tools/tatami/commands.h"
#include "tools/tatami/launch.h"
#include "tools/tatami/model_flags.h"
#include "tools/tatami/parse_failure.h"
#include "tools/tatami/remedies.h"
#include "tools/tatami/stop_signals.h"

namespace tatami {
namespace {

struct TrainFlags {
  ModelFlags model;
  std::string data, out = "runs/latest", held_out, schedule = "one_cycle";
  std::string optimizer = "adamw";
  int np = 1, threads = 1;
  int64_t steps = 0, checkpoint_every = 100, evaluate_every = 0;
  uint64_t seed = 1;
  double learning_rate = 0, weight_decay = -1, clip_norm = 0;
  bool resume = false, resume_if_any = false, overwrite = false, json = false;
  std::string snapshots, time_limit;
  std::vector<std::string> faults;
  double deadline_s = 120;
};

// A steering label belongs to a clip's last frame, so every window that ends in a
// held-out block is measured.
ClipDatasetOptions DatasetOptions(const ModelPreset& preset, const TrainFlags& flags,
                                  HeldOut held_out) {
  ClipDatasetOptions options;
  options.size = {static_cast<int>(preset.height), static_cast<int>(preset.width)};
  options.clip.frames = preset.frames;
  options.held_out = std::move(held_out);
  options.seed = flags.seed;
  if (preset.task == "steering") {
    options.clip.held_out_stride = 1;
    options.clip.held_out_windows = HeldOutWindows::kEndInside;
  }
  return options;
}

// Said in terms of the flags; CheckSchedule says it in terms of its fields.
absl::Status CheckCycleHasRoom(const TrainerOptions& options) {
  const int64_t steps_min =
      static_cast<int64_t>(1 / options.schedule.cycle_rise_share) + 1;
  if (options.schedule.kind != ScheduleKind::kOneCycle || options.steps >= steps_min) {
    return absl::OkStatus();
  }
  return MakeError(
      ErrorCode::kBadFlag,
      absl::StrCat("--schedule one_cycle needs at least ", steps_min,
                   " steps, to rise and to fall; --steps is ", options.steps,
                   ". Use more steps or --schedule constant."));
}

absl::StatusOr<RunStart> StartOf(const TrainFlags& flags) {
  if (flags.resume + flags.resume_if_any + flags.overwrite > 1) {
    return MakeError(ErrorCode::kBadFlag,
                     "--resume, --resume_if_any and --overwrite say different things "
                     "about an earlier run in --out. Give one of them.");
  }
  if (flags.overwrite) return RunStart::kOverwrite;
  if (flags.resume_if_any) return RunStart::kResumeIfAny;
  return flags.resume ? RunStart::kResume : RunStart::kNew;
}

// Counted from the start of the command: what it was told to take in all.
absl::StatusOr<absl::Time> StopAt(const TrainFlags& flags, absl::Time start) {
  if (flags.time_limit.empty()) return absl::InfiniteFuture();
  absl::Duration limit;
  if (!absl::ParseDuration(flags.time_limit, &limit) || limit <= absl::ZeroDuration()) {
    return MakeError(ErrorCode::kBadFlag,
                     absl::StrCat("--time_limit '", flags.time_limit,
                                  "' is no time above zero; give one as 90s, 45m or "
                                  "1h30m."));
  }
  return start + limit;
}

absl::StatusOr<TrainerOptions> MakeTrainerOptions(const ModelChoice& choice,
                                                  const TrainFlags& flags) {
  TrainerOptions options{.model = choice.preset.name,
                         .run_dir = flags.out,
                         .steps = flags.steps > 0 ? flags.steps : choice.preset.steps,
                         .batch = choice.batch,
                         .seed = flags.seed,
                         .checkpoint_every = flags.checkpoint_every,
                         .evaluate_every = flags.evaluate_every,
                         .snapshot_dir = flags.snapshots,
                         .emulator = {.threads = flags.threads,
                                      .deadline = absl::Seconds(flags.deadline_s)}};
  for (const std::string& text : flags.faults) {
    TATAMI_ASSIGN_OR_RETURN(const Fault fault, ParseFault(text));
    options.faults.push_back(fault);
  }
  TATAMI_ASSIGN_OR_RETURN(options.start, StartOf(flags));
  TATAMI_ASSIGN_OR_RETURN(options.stop_at, StopAt(flags, absl::Now()));
  TATAMI_ASSIGN_OR_RETURN(options.schedule.kind, ParseScheduleKind(flags.schedule));
  TATAMI_RETURN_IF_ERROR(CheckCycleHasRoom(options));
  options.schedule.base_rate =
      flags.learning_rate > 0 ? flags.learning_rate : choice.preset.learning_rate;
  options.schedule.total_steps = options.steps;
  options.schedule.step_period = std::max<int64_t>(1, options.steps / 3);
  TATAMI_RETURN_IF_ERROR(CheckSchedule(options.schedule));
  return options;
}

void PrintSummary(const TrainSummary& summary, const TrainFlags& flags) {
  if (flags.json) {
    nlohmann::json object = nlohmann::json::parse(SummaryJson(summary));
    object["micro_batches"] = flags.model.micro_batches;
    object["precision"] = flags.model.precision;
    std::cout << object.dump() << std::endl;
    return;
  }
  if (summary.stopped) {
    std::cout << absl::StreamFormat(
        "stopped after step %d of %d: its checkpoint is in %s, go on with --resume\n",
        summary.steps, summary.total_steps, flags.out);
  }
  std::cout << absl::StreamFormat(
      "trained %d steps, loss %.4g, %.1f samples/s, waited %.1f %% of the time for "
      "data\n",
      summary.steps, summary.loss, summary.samples_per_s,
      100 * summary.data_wait_share);
  for (const auto& [name, value] : summary.metrics) {
    std::cout << absl::StreamFormat("held out %s %.3f, baseline %.3f\n", name, value,
                                    summary.baselines.at(name));
  }
  std::cout << "weights " << summary.weights_hash << "\n"
            << "checkpoints, metrics and pictures are in " << flags.out << std::endl;
}

// Every rank compiles for itself and sums in the order of its own kernels: both must be
// the same on all hosts of a mesh, or weights would silently depend on who computes
// what.
absl::Status CheckRanksAgree(Transport& transport, const Program& program) {
  const std::string mine = absl::StrCat("program ", program.Hash(), ", kernels for ",
                                        KernelInstructionSet());
  TATAMI_ASSIGN_OR_RETURN(
      const auto all,
      transport.GatherToRoot(absl::MakeConstSpan(
          reinterpret_cast<const std::byte*>(mine.data()), mine.size())));
  for (size_t r = 1; r < all.size(); ++r) {
    const std::string theirs(reinterpret_cast<const char*>(all[r].data()),
                             all[r].size());
    if (theirs == mine) continue;
    return MakeError(ErrorCode::kLaunch,
                     absl::StrCat("rank 0 has ", mine, " and rank ", r, " ", theirs,
                                  ". Give all ranks the same flags and machine file; "
                                  "where processors differ, set DNNL_MAX_CPU_ISA to "
                                  "what all of them have."));
  }
  return absl::OkStatus();
}

absl::Status CheckTrainable(const ModelChoice& choice, int np) {
  if (choice.preset.task == "classification") {
    return MakeError(
        ErrorCode::kBadFlag,
        absl::StrCat("'", choice.preset.name,
                     "' needs images with class labels, "
                     "which no --data folder gives. Train a drivenet, or see "
                     "`tatami bench` for this model."));
  }
  if (np < 1 || np > choice.mesh.nodes()) {
    return MakeError(
        ErrorCode::kBadFlag,
        absl::StrCat("--np must be 1 to ", choice.mesh.nodes(),
                     ", since a rank hosts at least one of the ", choice.mesh.nodes(),
                     " nodes of mesh ", choice.mesh.ToString(), "; got ", np, "."));
  }
  return absl::OkStatus();
}

// Rank 0 alone tries batches and tells what it found; `largest` is its line about it.
absl::Status AgreeOnBatchMax(Transport& transport, int64_t most,
                             TrainingChoice& training, std::string& largest) {
  if (training.model.batch != kBatchMax) return absl::OkStatus();
  absl::Status status;
  if (transport.rank() == 0) {
    const absl::StatusOr<std::string> line = ResolveBatchMax(training, most);
    status = line.status();
    if (line.ok()) largest = *line;
  }
  std::vector<std::byte> told(sizeof(training.model.batch));
  std::memcpy(told.data(), &training.model.batch, told.size());
  TATAMI_RETURN_IF_ERROR(transport.BroadcastFromRoot(told));
  std::memcpy(&training.model.batch, told.data(), told.size());
  // Where rank 0 came to an error, all come to it.
  if (transport.rank() > 0 && training.model.batch == kBatchMax) {
    return ResolveBatchMax(training, most).status();
  }
  return status;
}

// What does not fit, all ranks find out; rank 0 alone looks for remedies. The others
// wait for them, for mpirun ends all ranks when the first ends.
absl::StatusOr<Compiled> CompileOnAllRanks(Transport& transport,
                                           const TrainingChoice& training) {
  absl::StatusOr<Compiled> compiled =
      transport.rank() == 0 ? CompileOrAdvise(training)
                            : CompileTraining(training.model, training.optimizer);
  if (GetSramOverflow(compiled.status())) {
    std::vector<std::byte> nothing;
    TATAMI_RETURN_IF_ERROR(transport.BroadcastFromRoot(nothing));
  }
  return compiled;
}

OptimizerOptions OptimizerOf(const TrainFlags& flags, const ModelPreset& preset) {
  return {.name = flags.optimizer,
          .weight_decay =
              flags.weight_decay >= 0 ? flags.weight_decay : preset.weight_decay,
          .clip_norm = flags.clip_norm};
}

// When it started ranks of its own, their exit code goes to `ranks_exit_code`.
absl::Status RunTrain(const TrainFlags& flags, std::optional<int>& ranks_exit_code) {
  TATAMI_ASSIGN_OR_RETURN(ModelChoice choice, ResolveModelFlags(flags.model));
  TATAMI_RETURN_IF_ERROR(CheckTrainable(choice, flags.np));
  TATAMI_ASSIGN_OR_RETURN(TrainerOptions options, MakeTrainerOptions(choice, flags));
  TATAMI_ASSIGN_OR_RETURN(HeldOut held_out, ParseHeldOut(flags.held_out));
  if (flags.np > 1 && !LaunchedByMpi()) {
    TATAMI_ASSIGN_OR_RETURN(
        ranks_exit_code, RunUnderMpirun(flags.np, flags.threads, TermSignal::kAsUsr1));
    return absl::OkStatus();
  }

  const StopSignals stop(StartedByMpirun() ? TermMeans::kEndAtOnce : TermMeans::kStop);
  options.stop_requested = [&stop] { return stop.requested(); };
  TATAMI_ASSIGN_OR_RETURN(const std::unique_ptr<Transport> transport,
                          StartTransport(flags.np));
  const bool root = transport->rank() == 0;
  TATAMI_ASSIGN_OR_RETURN(
      const ClipDataset data,
      ClipDataset::Load(flags.data,
                        DatasetOptions(choice.preset, flags, std::move(held_out))));
  if (choice.preset.task == "steering" && !data.has_labels()) {
    return MakeError(
        ErrorCode::kLabelMismatch,
        absl::StrCat("'", flags.data, "' has no labels, and ", choice.preset.name,
                     " predicts them. Give a folder of pictures with a "
                     "labels file, as data/sullychen_garage."));
  }
  TrainingChoice training{choice, OptimizerOf(flags, choice.preset)};
  std::string largest;
  TATAMI_RETURN_IF_ERROR(AgreeOnBatchMax(
      *transport, std::max<int64_t>(1, data.train_clips()), training, largest));
  choice = training.model;
  options.batch = choice.batch;
  options.evaluation_batch = choice.evaluation_batch();
  TATAMI_ASSIGN_OR_RETURN(Compiled train, CompileOnAllRanks(*transport, training));
  TATAMI_ASSIGN_OR_RETURN(Compiled evaluate, CompileEvaluation(choice));
  if (root) {
    std::cerr << largest
              << absl::StreamFormat(
                     "%s on %s %s, ranks x threads %d x %d\n"
                     "%d training clips, %d held out\n"
                     "SRAM peak %d of %d KiB, %d supersteps, compiled in %.2f s\n",
                     choice.preset.name, choice.machine.name, choice.mesh.ToString(),
                     transport->size(), flags.threads, data.train_clips(),
                     data.held_out_clips(), train.program.peak_bytes() / 1024,
                     train.program.sram_bytes / 1024, train.program.supersteps.size(),
                     train.compile_s + evaluate.compile_s)
              << StagesText(train, choice.micro_batches) << SiteText(train);
  }
  TATAMI_RETURN_IF_ERROR(CheckRanksAgree(*transport, train.program));
  for (const Fault& fault : options.faults) {
    TATAMI_RETURN_IF_ERROR(
        CheckHappens(fault, transport->size(), options.steps,
                     static_cast<int64_t>(train.program.supersteps.size())));
  }
  PosixStorage storage;
  TATAMI_ASSIGN_OR_RETURN(const TrainSummary summary,
                          Train(std::make_shared<Program>(std::move(train.program)),
                                std::make_shared<Program>(std::move(evaluate.program)),
                                data, *transport, storage, options));
  if (root) PrintSummary(summary, flags);
  return absl::OkStatus();
}

// What a run goes on from, when it ends early, and what it is to survive.
void AddRecoveryFlags(CLI::App& command, TrainFlags& flags) {
  command.add_flag("--resume", flags.resume, "go on from the newest good checkpoint");
  command.add_flag("--resume_if_any", flags.resume_if_any,
                   "go on where --out or --snapshots has something to go on from, "
                   "else begin");
  command.add_option("--snapshots", flags.snapshots,
                     "folder of this run in shared memory (below /dev/shm) that keeps "
                     "the states after each step");
  command.add_option("--time_limit", flags.time_limit,
                     "end after the step in which this runs out, as 90s or 1h30m");
  command
      .add_option("--deadline", flags.deadline_s,
                  "seconds that a rank waits for the others in an exchange")
      ->check(Above(0))
      ->capture_default_str();
  command.add_flag("--overwrite", flags.overwrite,
                   "remove the checkpoints of an earlier run in --out");
  command
      .add_option("--inject", flags.faults,
                  "a fault to survive, as kill:rank=1,step=3,phase=wait; again for "
                  "more (docs/recovery.md)")
      ->take_all();
}

}  // namespace

void AddTrainCommand(CLI::App& app, CommandOutcome& outcome) {
  auto flags = std::make_shared<TrainFlags>();
  CLI::App* command = app.add_subcommand("train", "train a model here, now");
  command->footer(
      "Example:\n  tatami train --model drivenet-small --data data/udacity_highway "
      "--np 2");
  AddModelFlags(*command, flags->model);
  command
      ->add_option("--data", flags->data, "folder of videos or of pictures with labels")
      ->required();
  command->add_option("--np", flags->np, "ranks; above 1 starts mpirun")
      ->capture_default_str();
  command->add_option("--threads", flags->threads, "threads per rank")
      ->check(AtLeast(1))
      ->capture_default_str();
  command->add_option("--steps", flags->steps, "steps in all")->check(AtLeast(1));
  command->add_option("--seed", flags->seed)->check(AtLeast(0))->capture_default_str();
  command->add_option("--out", flags->out, "run folder")->capture_default_str();
  AddRecoveryFlags(*command, *flags);
  command->add_option("--optimizer", flags->optimizer, "adamw or sgd")
      ->capture_default_str();
  command
      ->add_option("--learning_rate", flags->learning_rate,
                   "highest rate of the schedule")
      ->check(Above(0));
  command->add_option("--weight_decay", flags->weight_decay)->check(AtLeast(0));
  command
      ->add_option("--clip_norm", flags->clip_norm,
                   "clip gradients to this global norm; 0: do not")
      ->check(AtLeast(0));
  command
      ->add_option("--schedule", flags->schedule,
                   "constant, step (a tenth after each third), cosine or one_cycle")
      ->capture_default_str();
  command->add_option(
      "--held_out", flags->held_out,
      "recordings (clip_d) or frame blocks (12-16,32-36) to measure on");
  command
      ->add_option("--checkpoint_every", flags->checkpoint_every,
                   "steps; 0: at the end")
      ->check(AtLeast(0))
      ->capture_default_str();
  command->add_option("--evaluate_every", flags->evaluate_every, "steps; 0: at the end")
      ->check(AtLeast(0))
      ->capture_default_str();
  command->add_flag("--json", flags->json,
                    "the last line of output is one JSON object");
  command->callback([flags, &outcome] {
    outcome.status = RunTrain(*flags, outcome.reported_exit_code);
  });
}

}  // namespace tatami
