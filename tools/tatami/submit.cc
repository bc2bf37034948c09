// tatami submit
#include <filesystem>
#include <iostream>
#include <map>
#include <random>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/error.h"
#include "core/status_macros.h"
#include "tools/jobs/job_client.h"
#include "tools/jobs/job_json.h"
#include "tools/jobs/run_config.h"
#include "tools/tatami/commands.h"
#include "tools/tatami/job_text.h"
#include "tools/tatami/model_flags.h"
#include "tools/tatami/service_flags.h"

namespace tatami {
namespace {

struct SubmitFlags {
  std::string file, key;
  ServiceFlags service;
  std::vector<std::string> settings;
  std::map<std::string, std::string> leaves;  // "run.model" -> value, of its own flag
  bool explain = false, json = false;
};

// The service works in a folder of its own: paths start where the user stands.
void MakeAbsolute(std::string& path) {
  std::error_code error;
  if (!path.empty() && std::filesystem::exists(path, error)) {
    path = std::filesystem::absolute(path, error).lexically_normal().string();
  }
}

// Tries the model flags as `tatami train` would, so that a wrong name is told now;
// fills in what the service must know and the preset says.
absl::Status FillIn(jobs::ConfigSources& sources) {
  jobs::RunConfig& run = *sources.config.mutable_run();
  ModelFlags flags;
  flags.model = run.model();
  flags.machine = run.machine();
  flags.mesh = run.mesh();
  if (run.has_stages()) flags.stages = run.stages();
  if (run.has_precision()) flags.precision = run.precision();
  TATAMI_ASSIGN_OR_RETURN(const ModelChoice choice, ResolveModelFlags(flags));
  const std::string origin = "preset of " + choice.preset.name;
  if (!run.has_mesh()) {
    TATAMI_RETURN_IF_ERROR(jobs::MergeSetting(
        absl::StrCat("run.mesh=", choice.mesh.ToString()), origin, sources));
  }
  if (!run.has_steps()) {
    TATAMI_RETURN_IF_ERROR(jobs::MergeSetting(
        absl::StrCat("run.steps=", choice.preset.steps), origin, sources));
  }
  if (!sources.config.has_name()) {
    TATAMI_RETURN_IF_ERROR(
        jobs::MergeSetting(absl::StrCat("name=", choice.preset.name), origin, sources));
  }
  MakeAbsolute(*run.mutable_data());
  if (run.has_plan()) MakeAbsolute(*run.mutable_plan());
  if (absl::EndsWith(run.machine(), ".textproto")) MakeAbsolute(*run.mutable_machine());
  return absl::OkStatus();
}

std::string RandomKey() {
  std::random_device random;
  return absl::StrFormat("%08x%08x%08x%08x", random(), random(), random(), random());
}

absl::Status Submit(const SubmitFlags& flags) {
  jobs::ConfigSources sources;
  if (!flags.file.empty()) {
    TATAMI_ASSIGN_OR_RETURN(const std::string text, ReadWholeFile(flags.file));
    TATAMI_RETURN_IF_ERROR(jobs::MergeConfigText(text, flags.file, sources));
  }
  for (const auto& [path, value] : flags.leaves) {
    if (value.empty()) continue;
    const std::string flag = "--" + path.substr(path.rfind('.') + 1);
    TATAMI_RETURN_IF_ERROR(
        jobs::MergeSetting(absl::StrCat(path, "=", value), flag, sources));
  }
  for (const std::string& setting : flags.settings) {
    TATAMI_RETURN_IF_ERROR(jobs::MergeSetting(setting, "--set", sources));
  }
  TATAMI_RETURN_IF_ERROR(FillIn(sources));
  TATAMI_RETURN_IF_ERROR(jobs::CheckConfig(sources.config));
  if (flags.explain) {
    std::cout << jobs::ExplainConfig(sources);
    return absl::OkStatus();
  }
  jobs::SubmitRequest request;
  *request.mutable_config() = sources.config;
  request.set_idempotency_key(flags.key.empty() ? RandomKey() : flags.key);
  TATAMI_ASSIGN_OR_RETURN(const auto client, flags.service.Client());
  TATAMI_ASSIGN_OR_RETURN(const jobs::Job job, client->Submit(request));
  if (flags.json) {
    std::cout << JobJson(job).dump() << std::endl;
  } else {
    std::cout << absl::StreamFormat(
        "job %d is queued: %s on %dx%d nodes\nfollow it with tatami logs -f %d\n",
        job.id(), job.config().run().model(), job.rows(), job.cols(), job.id());
  }
  return absl::OkStatus();
}

}  // namespace

void AddSubmitCommand(CLI::App& app, CommandOutcome& outcome) {
  auto flags = std::make_shared<SubmitFlags>();
  CLI::App* command = app.add_subcommand("submit", "give a job to the service");
  command->footer(
      "Values come from the file, then from flags, then from --set; the last wins.\n"
      "Example:\n  tatami submit --model drivenet-small --data data/udacity_highway "
      "--np 2\n  tatami submit job.txtpb --set run.steps=200 --explain");
  command->add_option("file", flags->file, "job as text-proto or JSON");
  command->add_option("--set", flags->settings, "NAME=VALUE, as run.steps=200")
      ->allow_extra_args(false);
  for (const std::string& path : jobs::ConfigLeaves()) {
    const bool of_run = absl::StartsWith(path, "run.");
    command
        ->add_option("--" + path.substr(path.rfind('.') + 1), flags->leaves[path],
                     of_run ? "as in tatami train" : "of the job")
        ->group(of_run ? "The run" : "The job");
  }
  command->add_flag("--explain", flags->explain,
                    "say where each value comes from, and submit nothing");
  command->add_option("--once", flags->key,
                      "the same key submits one job, however often; default: random");
  AddServiceFlags(*command, flags->service);
  command->add_flag("--json", flags->json, "one JSON object");
  command->callback([flags, &outcome] { outcome.status = Submit(*flags); });
}

}  // namespace tatami
