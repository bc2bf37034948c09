// tatami jobs, describe, logs, cancel, resume, wait, nodes, drain
#include <iostream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "core/error.h"
#include "core/status_macros.h"
#include "tools/jobs/job_client.h"
#include "tools/jobs/job_json.h"
#include "tools/jobs/job_states.h"
#include "tools/jobs/run_config.h"
#include "tools/tatami/commands.h"
#include "tools/tatami/job_text.h"
#include "tools/tatami/parse_failure.h"
#include "tools/tatami/service_flags.h"

namespace tatami {
namespace {

constexpr absl::Duration kWaitPoll = absl::Milliseconds(300);
// How long `wait` bears with a service that is being started again.
constexpr absl::Duration kAwayMax = absl::Minutes(2);

struct JobFlags {
  ServiceFlags service;
  int64_t id = 0, offset = 0;
  std::string rectangle, reason = "drained";
  bool all = false, follow = false, now = false, undrain = false, json = false;
};

absl::Status PrintJobs(const JobFlags& flags) {
  TATAMI_ASSIGN_OR_RETURN(const auto client, flags.service.Client());
  jobs::ListRequest request;
  request.set_ended(flags.all);
  TATAMI_ASSIGN_OR_RETURN(const jobs::JobList list, client->List(request));
  if (!flags.json) {
    std::cout << JobTable(list, absl::Now());
    return absl::OkStatus();
  }
  nlohmann::json array = nlohmann::json::array();
  for (const jobs::Job& job : list.jobs()) array.push_back(JobJson(job));
  std::cout << nlohmann::json{{"jobs", array}}.dump() << std::endl;
  return absl::OkStatus();
}

absl::Status Describe(const JobFlags& flags) {
  TATAMI_ASSIGN_OR_RETURN(const auto client, flags.service.Client());
  TATAMI_ASSIGN_OR_RETURN(const jobs::JobDetails details, client->Get(flags.id));
  if (!flags.json) {
    std::cout << JobDescription(details, absl::Now());
    return absl::OkStatus();
  }
  nlohmann::json object = JobJson(details.job());
  for (const jobs::JobEvent& event : details.events()) {
    object["events"].push_back({{"time_ms", event.time_ms()},
                                {"from", jobs::StateName(event.from())},
                                {"to", jobs::StateName(event.to())},
                                {"reason", event.reason()}});
  }
  std::cout << object.dump() << std::endl;
  return absl::OkStatus();
}

absl::Status PrintLogs(const JobFlags& flags) {
  TATAMI_ASSIGN_OR_RETURN(const auto client, flags.service.Client());
  jobs::LogsRequest request;
  request.set_id(flags.id);
  request.set_offset(flags.offset);
  request.set_follow(flags.follow);
  return client->Logs(
      request, [](absl::string_view data) { std::cout << data << std::flush; },
      [] { std::cerr << "tatami: the service is away; waiting for it" << std::endl; });
}

void PrintOutcome(const jobs::Job& job, const JobFlags& flags) {
  if (flags.json) {
    std::cout << JobJson(job).dump() << std::endl;
    return;
  }
  std::cout << absl::StreamFormat("job %d is %s: %s\n", job.id(),
                                  jobs::StateName(job.state()), job.reason());
  if (!job.weights_hash().empty()) {
    std::cout << "weights " << job.weights_hash() << std::endl;
  }
}

absl::Status Cancel(const JobFlags& flags) {
  TATAMI_ASSIGN_OR_RETURN(const auto client, flags.service.Client());
  jobs::CancelRequest request;
  request.set_id(flags.id);
  request.set_mode(flags.now ? jobs::CancelRequest::NOW : jobs::CancelRequest::SAVE);
  TATAMI_ASSIGN_OR_RETURN(const jobs::Job job, client->Cancel(request));
  PrintOutcome(job, flags);
  return absl::OkStatus();
}

absl::Status Resume(const JobFlags& flags) {
  TATAMI_ASSIGN_OR_RETURN(const auto client, flags.service.Client());
  TATAMI_ASSIGN_OR_RETURN(const jobs::Job job, client->Resume(flags.id));
  PrintOutcome(job, flags);
  return absl::OkStatus();
}

// Ends with the exit code that says how the job ended.
absl::Status Wait(const JobFlags& flags, CommandOutcome& outcome) {
  TATAMI_ASSIGN_OR_RETURN(const auto client, flags.service.Client());
  absl::Time reached = absl::Now();
  while (true) {
    const absl::StatusOr<jobs::JobDetails> details = client->Get(flags.id);
    if (details.ok()) {
      reached = absl::Now();
      const jobs::Job& job = details->job();
      if (jobs::HasEnded(job.state())) {
        PrintOutcome(job, flags);
        if (job.state() == jobs::CANCELLED) outcome.reported_exit_code = 130;
        if (job.state() == jobs::FAILED) {
          outcome.reported_exit_code = job.exit_code() > 0 ? job.exit_code() : 6;
        }
        return absl::OkStatus();
      }
    } else if (GetErrorCode(details.status()) != ErrorCode::kService ||
               absl::Now() - reached > kAwayMax) {
      return details.status();
    }
    absl::SleepFor(kWaitPoll);
  }
}

absl::Status PrintNodes(const JobFlags& flags) {
  TATAMI_ASSIGN_OR_RETURN(const auto client, flags.service.Client());
  TATAMI_ASSIGN_OR_RETURN(const jobs::ClusterInfo cluster, client->Cluster());
  TATAMI_ASSIGN_OR_RETURN(const jobs::JobList list, client->List({}));
  std::cout << MeshMap(cluster, list);
  return absl::OkStatus();
}

// "ROW,COL" or "ROW,COL:ROWSxCOLS"
absl::Status Drain(const JobFlags& flags) {
  TATAMI_ASSIGN_OR_RETURN(const auto client, flags.service.Client());
  const std::vector<std::string> parts =
      absl::StrSplit(flags.rectangle, absl::MaxSplits(':', 1));
  const std::vector<std::string> corner = absl::StrSplit(parts[0], ',');
  int row = 0, col = 0;
  if (corner.size() != 2 || !absl::SimpleAtoi(corner[0], &row) ||
      !absl::SimpleAtoi(corner[1], &col)) {
    return MakeError(ErrorCode::kBadFlag,
                     absl::StrCat("nodes are ROW,COL or ROW,COL:ROWSxCOLS, as 3,6 or "
                                  "0,0:2x8; got '",
                                  flags.rectangle, "'."));
  }
  TATAMI_ASSIGN_OR_RETURN(const auto size,
                          jobs::ParseMeshSize(parts.size() > 1 ? parts[1] : "1x1"));
  jobs::DrainRequest request;
  request.set_undrain(flags.undrain);
  request.set_reason(flags.reason);
  request.mutable_rectangle()->set_row(row);
  request.mutable_rectangle()->set_col(col);
  request.mutable_rectangle()->set_rows(size.first);
  request.mutable_rectangle()->set_cols(size.second);
  TATAMI_ASSIGN_OR_RETURN(const jobs::ClusterInfo cluster, client->Drain(request));
  std::cout << absl::StreamFormat("%d nodes are drained\n", cluster.drained().size());
  return absl::OkStatus();
}

}  // namespace

void AddJobCommands(CLI::App& app, CommandOutcome& outcome) {
  auto flags = std::make_shared<JobFlags>();
  const auto add = [&](const char* name, const char* summary, const char* example,
                       auto run) {
    CLI::App* command = app.add_subcommand(name, summary);
    command->footer(absl::StrCat("Example:\n  tatami ", example));
    AddServiceFlags(*command, flags->service);
    command->callback([flags, run, &outcome] { outcome.status = run(*flags); });
    return command;
  };
  const auto add_json = [&](CLI::App* command) {
    command->add_flag("--json", flags->json, "one JSON object");
  };
  const auto add_id = [&](CLI::App* command) {
    command->add_option("id", flags->id, "number of the job")->required();
  };
  CLI::App* list = add("jobs", "jobs, and why they wait", "jobs --all", PrintJobs);
  list->add_flag("--all", flags->all, "those that have ended too");
  add_json(list);
  CLI::App* describe =
      add("describe", "one job and its history", "describe 7", Describe);
  add_id(describe);
  add_json(describe);
  CLI::App* logs = add("logs", "what a job has said", "logs -f 7", PrintLogs);
  add_id(logs);
  logs->add_flag("-f,--follow", flags->follow, "until the job has ended");
  logs->add_option("--offset", flags->offset, "bytes to leave out at the start")
      ->check(AtLeast(0));
  CLI::App* cancel = add("cancel", "end a job", "cancel 7", Cancel);
  add_id(cancel);
  cancel->add_flag("--now", flags->now, "without a checkpoint");
  add_json(cancel);
  CLI::App* resume = add("resume", "queue an ended job again", "resume 7", Resume);
  add_id(resume);
  add_json(resume);
  CLI::App* wait =
      add("wait", "until a job has ended; its exit code is the job's", "wait 7",
          [&outcome](const JobFlags& f) { return Wait(f, outcome); });
  add_id(wait);
  add_json(wait);
  add("nodes", "the mesh, and the jobs on it", "nodes", PrintNodes);
  CLI::App* drain = add("drain", "give nodes no new job", "drain 0,0:2x8", Drain);
  drain->add_option("nodes", flags->rectangle, "ROW,COL or ROW,COL:ROWSxCOLS")
      ->required();
  drain->add_flag("--undo", flags->undrain, "give them jobs again");
  drain->add_option("--reason", flags->reason)->capture_default_str();
}

}  // namespace tatami
