// The service in Prometheus' text format, version 0.0.4: what GET /metrics answers.
// https://prometheus.io/docs/instrumenting/exposition_formats
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "tools/jobs/proto/jobs.pb.h"

namespace tatami::jobs {

// Every node is one of these: a dead one that a job holds is dead, a drained one that a
// job still holds is held.
struct NodeCounts {
  int64_t free = 0, held = 0, drained = 0, dead = 0;
};

// Of a job whose processes run.
struct RunFigures {
  double steps_per_s = 0;    // 0: not known yet
  double samples_per_s = 0;  // 0: not known
  int64_t computed_steps = 0;
  double goodput = 1;  // share of the computed steps that are not computed twice
};

struct ServiceFigures {
  int64_t now_ms = 0;
  NodeCounts nodes;
  std::vector<Job> jobs;                  // all there ever were
  std::map<int64_t, RunFigures> running;  // by job
};

constexpr char kPrometheusType[] = "text/plain; version=0.0.4; charset=utf-8";

std::string PrometheusText(const ServiceFigures& figures);

// `text` as it stands between the quotes of a label's value.
std::string EscapeLabel(absl::string_view text);

}  // namespace tatami::jobs
