#include "tools/jobs/web/web_state.h"

#include <algorithm>
#include <vector>

#include "absl/strings/numbers.h"
#include "core/status_macros.h"
#include "models/model.h"
#include "tools/jobs/job_json.h"
#include "tools/jobs/job_states.h"

namespace tatami::jobs {
namespace {

// A curve takes some 20 kB. Beyond this many all are dropped, and read again on demand.
constexpr size_t kCurvesMax = 256;

std::string RunFolder(const Job& job) { return job.folder() + "/run"; }

// Samples a step; 0 where the run alone knows, which looks for the largest that fits.
int64_t BatchOf(const RunConfig& run) {
  int64_t batch = 0;
  if (run.has_batch()) return absl::SimpleAtoi(run.batch(), &batch) ? batch : 0;
  const auto preset = FindModel(run.model());
  return preset.ok() ? preset->batch : 0;
}

template <typename Nodes>
nlohmann::json NodesJson(const Nodes& nodes) {
  nlohmann::json list = nlohmann::json::array();
  for (const MeshNode& node : nodes) {
    list.push_back(
        {{"row", node.row()}, {"col", node.col()}, {"reason", node.reason()}});
  }
  return list;
}

}  // namespace

RunFigures WebState::Figures(const Job& job) {
  ComputedSteps& steps = computed_.try_emplace(job.id(), RunFolder(job)).first->second;
  steps.Read();
  const double pace = steps.StepsPerSecond();
  return {.steps_per_s = pace,
          .samples_per_s = pace * static_cast<double>(BatchOf(job.config().run())),
          .computed_steps = steps.computed(),
          .goodput = steps.Goodput()};
}

NodeCounts WebState::CountNodes(const ClusterInfo& cluster,
                                const std::vector<Job>& jobs) const {
  enum class Node : uint8_t { kFree, kDrained, kHeld, kDead };
  const auto cols = static_cast<size_t>(cluster.cols());
  std::vector<Node> nodes(static_cast<size_t>(cluster.rows()) * cols, Node::kFree);
  const auto at = [&](int row, int col) -> Node& {
    return nodes[static_cast<size_t>(row) * cols + static_cast<size_t>(col)];
  };
  for (const MeshNode& node : cluster.drained()) {
    at(node.row(), node.col()) = Node::kDrained;
  }
  for (const Job& job : jobs) {
    if (!job.has_rectangle() || !HoldsNodes(job.state())) continue;
    const NodeRectangle& r = job.rectangle();
    // One that a service of a larger mesh gave may reach over the edge.
    for (int row = r.row(); row < std::min(r.row() + r.rows(), cluster.rows()); ++row) {
      for (int col = r.col(); col < std::min(r.col() + r.cols(), cluster.cols());
           ++col) {
        at(row, col) = Node::kHeld;
      }
    }
  }
  for (const MeshNode& node : cluster.dead()) at(node.row(), node.col()) = Node::kDead;
  const auto count = [&](Node kind) {
    return static_cast<int64_t>(std::count(nodes.begin(), nodes.end(), kind));
  };
  return {.free = count(Node::kFree),
          .held = count(Node::kHeld),
          .drained = count(Node::kDrained),
          .dead = count(Node::kDead)};
}

nlohmann::json WebState::State() {
  const ClusterInfo cluster = service_.Describe();
  std::vector<Job> jobs = service_.List();
  const NodeCounts nodes = CountNodes(cluster, jobs);
  const auto ended = static_cast<size_t>(std::count_if(
      jobs.begin(), jobs.end(), [](const Job& job) { return HasEnded(job.state()); }));
  size_t left_out = ended - std::min(ended, kEndedMax);
  nlohmann::json state = {{"now_ms", absl::ToUnixMillis(now_())},
                          {"mesh",
                           {{"rows", cluster.rows()},
                            {"cols", cluster.cols()},
                            {"dead", NodesJson(cluster.dead())},
                            {"drained", NodesJson(cluster.drained())}}},
                          {"nodes",
                           {{"free", nodes.free},
                            {"held", nodes.held},
                            {"drained", nodes.drained},
                            {"dead", nodes.dead}}},
                          {"jobs", nlohmann::json::array()},
                          {"ended_left_out", left_out}};
  const std::lock_guard<std::mutex> lock(mutex_);
  for (const Job& job : jobs) {
    if (HasEnded(job.state()) && left_out > 0) {  // by id: the oldest come first
      --left_out;
      continue;
    }
    nlohmann::json& object = state["jobs"].emplace_back(JobJson(job));
    if (!HasProcesses(job.state())) continue;
    const RunFigures figures = Figures(job);
    object["steps_per_s"] = figures.steps_per_s;
    object["goodput"] = figures.goodput;
  }
  return state;
}

absl::StatusOr<nlohmann::json> WebState::Loss(int64_t job) {
  TATAMI_ASSIGN_OR_RETURN(const JobDetails details, service_.Get(job));
  nlohmann::json points = nlohmann::json::array();
  if (details.job().folder().empty()) {  // it has never started
    return nlohmann::json{{"job", job}, {"points", points}, {"steps_not_finite", 0}};
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  if (curves_.size() >= kCurvesMax && !curves_.contains(job)) curves_.clear();
  LossCurve& curve = curves_.try_emplace(job, RunFolder(details.job())).first->second;
  curve.Read();
  for (const CurvePoint& point : curve.points()) {
    points.push_back({point.step, point.mean, point.low, point.high});
  }
  return nlohmann::json{{"job", job},
                        {"points", std::move(points)},
                        {"steps_not_finite", curve.steps_not_finite()}};
}

absl::StatusOr<LogView> WebState::Log(int64_t job, std::optional<int64_t> offset) {
  if (!offset) {
    TATAMI_ASSIGN_OR_RETURN(const LogPiece nothing, service_.ReadLog(job, 0, 0));
    offset = std::max<int64_t>(0, nothing.size - kLogBytes);
  }
  LogView view{.offset = *offset};
  TATAMI_ASSIGN_OR_RETURN(view.piece, service_.ReadLog(job, *offset, kLogBytes));
  return view;
}

std::string WebState::Metrics() {
  ServiceFigures figures{.now_ms = absl::ToUnixMillis(now_()), .jobs = service_.List()};
  figures.nodes = CountNodes(service_.Describe(), figures.jobs);
  const std::lock_guard<std::mutex> lock(mutex_);
  for (const Job& job : figures.jobs) {
    if (HasProcesses(job.state())) {
      figures.running[job.id()] = Figures(job);
    } else {
      computed_.erase(job.id());
    }
  }
  return PrometheusText(figures);
}

}  // namespace tatami::jobs
