#include "tools/tatami/job_text.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "runtime/trainer/progress.h"
#include "tools/jobs/job_json.h"
#include "tools/jobs/job_states.h"

namespace tatami {
namespace {

using jobs::Job;

std::string Place(const Job& job) {
  if (!job.has_rectangle()) return "-";
  return absl::StrFormat("(%d,%d)", job.rectangle().row(), job.rectangle().col());
}

std::string Steps(const Job& job) {
  const int64_t total = jobs::StepsInAll(job);
  if (total == 0) return absl::StrCat(job.step());
  return absl::StrCat(job.step(), "/", total);
}

std::string Age(int64_t since_ms, absl::Time now) {
  const double seconds = static_cast<double>(absl::ToUnixMillis(now) - since_ms) / 1e3;
  return FormatDuration(std::max(0.0, seconds));
}

std::string Clock(int64_t ms) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%S", absl::FromUnixMillis(ms),
                          absl::LocalTimeZone());
}

// What the reader waits for, where there is something to say.
std::string Reason(const Job& job, absl::Time now) {
  std::string reason = job.reason();
  if (job.state() == jobs::QUEUED && job.earliest_start_ms() > 0) {
    absl::StrAppend(
        &reason, "; may start in ",
        FormatDuration(std::max<double>(
            0, static_cast<double>(job.earliest_start_ms() - absl::ToUnixMillis(now)) /
                   1e3)));
  }
  return reason;
}

}  // namespace

std::string JobTable(const jobs::JobList& list, absl::Time now) {
  if (list.jobs().empty()) return "no jobs\n";
  std::string text =
      absl::StrFormat("%4s  %-16s %-10s %-7s %-7s %-11s %3s %9s\n", "ID", "NAME",
                      "STATE", "MESH", "AT", "STEP", "ATT", "AGE");
  for (const Job& job : list.jobs()) {
    absl::StrAppendFormat(&text, "%4d  %-16.16s %-10s %-7s %-7s %-11s %3d %9s\n",
                          job.id(), job.config().name(), jobs::StateName(job.state()),
                          absl::StrCat(job.rows(), "x", job.cols()), Place(job),
                          Steps(job), job.attempt(), Age(job.submitted_ms(), now));
    const bool plain = job.state() == jobs::RUNNING && job.attempt() == 1;
    if (!plain) absl::StrAppend(&text, "      ", Reason(job, now), "\n");
  }
  return text;
}

std::string JobDescription(const jobs::JobDetails& details, absl::Time now) {
  const Job& job = details.job();
  std::string text = absl::StrFormat(
      "job %d  %s  of %s\n  state     %s: %s\n  mesh      %dx%d at %s\n"
      "  steps     %s, loss %.4g\n  attempts  %d\n",
      job.id(), job.config().name(), job.owner(), jobs::StateName(job.state()),
      Reason(job, now), job.rows(), job.cols(), Place(job), Steps(job), job.loss(),
      job.attempt());
  if (!job.weights_hash().empty()) {
    absl::StrAppend(&text, "  weights   ", job.weights_hash(), "\n");
  }
  if (!job.folder().empty()) absl::StrAppend(&text, "  files     ", job.folder(), "\n");
  absl::StrAppend(&text, "history\n");
  for (const jobs::JobEvent& event : details.events()) {
    absl::StrAppendFormat(&text, "  %s  %-10s %s\n", Clock(event.time_ms()),
                          jobs::StateName(event.to()), event.reason());
  }
  return text;
}

std::string MeshMap(const jobs::ClusterInfo& cluster, const jobs::JobList& list) {
  const auto width = static_cast<size_t>(cluster.cols());
  std::vector<std::string> map(static_cast<size_t>(cluster.rows()),
                               std::string(width, '.'));
  // Marks what of these nodes is there: a service of a larger mesh may have drained
  // them, or given them to a job that still runs.
  const auto mark = [&](int row, int col, int rows, int cols, char letter) {
    for (int r = row; r < std::min(row + rows, cluster.rows()); ++r) {
      for (int c = col; c < std::min(col + cols, cluster.cols()); ++c)
        map[r][c] = letter;
    }
  };
  for (const auto& node : cluster.drained()) mark(node.row(), node.col(), 1, 1, 'd');
  for (const auto& node : cluster.dead()) mark(node.row(), node.col(), 1, 1, 'x');
  std::string legend = ". free   x dead   d drained\n";
  char letter = 'A';
  for (const Job& job : list.jobs()) {
    if (!job.has_rectangle() || !jobs::HoldsNodes(job.state())) continue;
    const jobs::NodeRectangle& r = job.rectangle();
    mark(r.row(), r.col(), r.rows(), r.cols(), letter);
    absl::StrAppendFormat(&legend, "%c job %d %s, %s\n", letter, job.id(),
                          job.config().name(), jobs::StateName(job.state()));
    letter = letter == 'Z' ? 'A' : static_cast<char>(letter + 1);
  }
  std::string text;
  for (const std::string& row : map) absl::StrAppend(&text, row, "\n");
  return text + legend;
}

}  // namespace tatami
