#include "tools/jobs/web/prometheus.h"

#include <array>
#include <charconv>
#include <cmath>
#include <functional>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "tools/jobs/job_json.h"
#include "tools/jobs/job_states.h"
#include "tools/jobs/placing.h"

namespace tatami::jobs {
namespace {

void Head(absl::string_view name, absl::string_view type, absl::string_view help,
          std::string& out) {
  absl::StrAppend(&out, "# HELP ", name, " ", help, "\n# TYPE ", name, " ", type, "\n");
}

// The shortest digits that read back as the value; NaN and infinities as the format
// has them.
std::string Number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  std::array<char, 32> digits;  // 24 suffice for any double
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  return {digits.data(), end.ptr};
}

void Sample(absl::string_view name, absl::string_view labels, double value,
            std::string& out) {
  absl::StrAppend(&out, name, labels, " ", Number(value), "\n");
}

std::string JobLabels(const Job& job) {
  return absl::StrCat("{job_id=\"", job.id(), "\",name=\"",
                      EscapeLabel(job.config().name()), "\",queue=\"",
                      EscapeLabel(QueueOf(job)), "\"}");
}

void JobsAndNodes(const ServiceFigures& figures, std::string& out) {
  std::map<JobState, int64_t> jobs;
  for (const Job& job : figures.jobs) ++jobs[job.state()];
  Head("tatami_jobs", "gauge", "Jobs by state, ended ones included.", out);
  for (int state = QUEUED; state <= CANCELLED; ++state) {
    if (!JobState_IsValid(state)) continue;  // reserved
    const auto as_state = static_cast<JobState>(state);
    Sample("tatami_jobs", absl::StrCat("{state=\"", StateName(as_state), "\"}"),
           static_cast<double>(jobs[as_state]), out);
  }
  Head("tatami_nodes", "gauge", "Nodes of the mesh; each has one state.", out);
  const std::pair<const char*, int64_t> nodes[] = {{"free", figures.nodes.free},
                                                   {"held", figures.nodes.held},
                                                   {"drained", figures.nodes.drained},
                                                   {"dead", figures.nodes.dead}};
  for (const auto& [state, count] : nodes) {
    Sample("tatami_nodes", absl::StrCat("{state=\"", state, "\"}"),
           static_cast<double>(count), out);
  }
}

// A resumed job keeps the time of its first start, so this does not count backwards.
void StartedJobs(const ServiceFigures& figures, std::string& out) {
  int64_t started = 0, wait_ms = 0;
  for (const Job& job : figures.jobs) {
    if (job.started_ms() == 0) continue;
    ++started;
    wait_ms += job.started_ms() - job.submitted_ms();
  }
  constexpr char kName[] = "tatami_queue_wait_seconds";
  Head(kName, "summary", "From a job's submission to its first start.", out);
  Sample("tatami_queue_wait_seconds_sum", "", static_cast<double>(wait_ms) / 1e3, out);
  Sample("tatami_queue_wait_seconds_count", "", static_cast<double>(started), out);
}

// What to say of a job, or nothing.
using JobFigure = std::function<std::optional<double>(const Job&)>;

void OfJobs(const ServiceFigures& figures, absl::string_view name,
            absl::string_view type, absl::string_view help, const JobFigure& figure,
            std::string& out) {
  Head(name, type, help, out);
  for (const Job& job : figures.jobs) {
    if (const auto value = figure(job)) Sample(name, JobLabels(job), *value, out);
  }
}

void WaitingJobs(const ServiceFigures& figures, std::string& out) {
  OfJobs(
      figures, "tatami_job_waiting_seconds", "gauge",
      "How long a queued job has waited since it was submitted.",
      [&](const Job& job) -> std::optional<double> {
        if (job.state() != QUEUED) return std::nullopt;
        return static_cast<double>(figures.now_ms - job.submitted_ms()) / 1e3;
      },
      out);
}

std::optional<double> IfKnown(double figure) {
  return figure > 0 ? std::optional(figure) : std::nullopt;
}

void RunningJobs(const ServiceFigures& figures, std::string& out) {
  using Get = std::optional<double> (*)(const Job&, const RunFigures&);
  const auto of_running = [&](absl::string_view name, absl::string_view type,
                              absl::string_view help, Get get) {
    OfJobs(
        figures, name, type, help,
        [&](const Job& job) -> std::optional<double> {
          const auto run = figures.running.find(job.id());
          if (run == figures.running.end()) return std::nullopt;
          return get(job, run->second);
        },
        out);
  };
  of_running("tatami_job_steps_done", "gauge", "The step a running job has reached.",
             [](const Job& job, const RunFigures&) -> std::optional<double> {
               return static_cast<double>(job.step());
             });
  of_running("tatami_job_steps_planned", "gauge", "Steps that the job trains in all.",
             [](const Job& job, const RunFigures&) {
               return IfKnown(static_cast<double>(StepsInAll(job)));
             });
  of_running("tatami_job_loss", "gauge", "Training loss of the last step.",
             [](const Job& job, const RunFigures&) {
               return job.step() > 0 ? std::optional(job.loss()) : std::nullopt;
             });
  of_running(
      "tatami_job_steps_per_second", "gauge", "Pace of the last 32 steps.",
      [](const Job&, const RunFigures& run) { return IfKnown(run.steps_per_s); });
  of_running(
      "tatami_job_samples_per_second", "gauge",
      "Pace of the last 32 steps, times the batch.",
      [](const Job&, const RunFigures& run) { return IfKnown(run.samples_per_s); });
  of_running("tatami_job_attempts", "gauge",
             "How often the job's processes were started.",
             [](const Job& job, const RunFigures&) -> std::optional<double> {
               return static_cast<double>(job.attempt());
             });
  of_running("tatami_job_steps_computed_total", "counter",
             "Steps computed, those computed again after a failure included.",
             [](const Job&, const RunFigures& run) -> std::optional<double> {
               return static_cast<double>(run.computed_steps);
             });
  of_running("tatami_job_goodput_ratio", "gauge",
             "Share of the computed steps that were not computed twice.",
             [](const Job&, const RunFigures& run) {
               return run.computed_steps > 0 ? std::optional(run.goodput)
                                             : std::nullopt;
             });
}

}  // namespace

std::string EscapeLabel(absl::string_view text) {
  return absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"\"", "\\\""}, {"\n", "\\n"}});
}

std::string PrometheusText(const ServiceFigures& figures) {
  std::string out;
  JobsAndNodes(figures, out);
  StartedJobs(figures, out);
  WaitingJobs(figures, out);
  RunningJobs(figures, out);
  return out;
}

}  // namespace tatami::jobs
