#include "runtime/simulator/fluid.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <numeric>
#include <queue>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "core/live_mesh.h"
#include "core/status_macros.h"

namespace tatami {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

bool IsInside(NodeCoord node, const Mesh& mesh) {
  return node.row >= 0 && node.row < mesh.rows && node.col >= 0 && node.col < mesh.cols;
}

absl::Status CheckFabric(const FabricRates& fabric) {
  const size_t nodes = static_cast<size_t>(fabric.mesh.nodes());
  if (fabric.links.size() != 4 * nodes || fabric.injection.size() != nodes ||
      fabric.ejection.size() != nodes) {
    return MakeError(
        ErrorCode::kBadFlag,
        absl::StrCat("a fabric of ", fabric.mesh.ToString(), " nodes needs ", 4 * nodes,
                     " link rates and ", nodes, " rates of either port; got ",
                     fabric.links.size(), ", ", fabric.injection.size(), " and ",
                     fabric.ejection.size(), "."));
  }
  for (const std::vector<double>* rates :
       {&fabric.links, &fabric.injection, &fabric.ejection}) {
    for (const double rate : *rates) {
      if (!(rate > 0 && rate < kInfinity)) {
        return MakeError(
            ErrorCode::kBadFlag,
            absl::StrCat("a link or port of ", rate,
                         " bytes per second; rates must be finite and above 0."));
      }
    }
  }
  return absl::OkStatus();
}

absl::Status CheckFlows(const FabricRates& fabric, absl::Span<const Flow> flows) {
  TATAMI_RETURN_IF_ERROR(CheckFabric(fabric));
  for (size_t i = 0; i < flows.size(); ++i) {
    const Flow& f = flows[i];
    if (IsInside(f.from, fabric.mesh) && IsInside(f.to, fabric.mesh) && f.bytes >= 0 &&
        f.start_s >= 0 && f.start_s < kInfinity) {
      continue;
    }
    return MakeError(
        ErrorCode::kBadFlag,
        absl::StrCat("flow ", i, " sends ", f.bytes, " bytes from (", f.from.row, ",",
                     f.from.col, ") to (", f.to.row, ",", f.to.col, ") at ", f.start_s,
                     " s; both ends must lie on the ", fabric.mesh.ToString(),
                     " mesh and neither bytes nor start be negative."));
  }
  return absl::OkStatus();
}

// Lists of small numbers, one after the other.
class Lists {
 public:
  void Append(int32_t value) { values_.push_back(value); }
  void EndList() { ends_.push_back(values_.size()); }
  size_t size() const { return ends_.size() - 1; }
  absl::Span<const int32_t> operator[](size_t i) const {
    return absl::MakeConstSpan(values_).subspan(ends_[i], ends_[i + 1] - ends_[i]);
  }
  // For each number below `count`, the lists that hold it.
  Lists Inverse(size_t count) const {
    Lists inverse;
    inverse.values_.resize(values_.size());
    inverse.ends_.assign(count + 1, 0);
    for (const int32_t value : values_) ++inverse.ends_[static_cast<size_t>(value) + 1];
    std::partial_sum(inverse.ends_.begin(), inverse.ends_.end(), inverse.ends_.begin());
    std::vector<size_t> next(inverse.ends_.begin(), inverse.ends_.end() - 1);
    for (size_t i = 0; i < size(); ++i) {
      for (const int32_t value : (*this)[i]) {
        inverse.values_[next[static_cast<size_t>(value)]++] = static_cast<int32_t>(i);
      }
    }
    return inverse;
  }

 private:
  std::vector<int32_t> values_;
  std::vector<size_t> ends_ = {0};
};

// The resources of each flow's route: links first, then injection, then ejection ports.
Lists RoutesOf(const Mesh& mesh, absl::Span<const Flow> flows) {
  Lists routes;
  for (const Flow& f : flows) {
    NodeCoord at = f.from;
    while (!(at == f.to)) {
      const NodeCoord next =
          at.col != f.to.col ? NodeCoord{at.row, at.col + (f.to.col > at.col ? 1 : -1)}
                             : NodeCoord{at.row + (f.to.row > at.row ? 1 : -1), at.col};
      routes.Append(
          static_cast<int32_t>(NodeIndex(at, mesh) * 4 + DirectionTo(at, next)));
      at = next;
    }
    if (!(f.from == f.to)) {
      routes.Append(static_cast<int32_t>(4 * mesh.nodes() + NodeIndex(f.from, mesh)));
      routes.Append(static_cast<int32_t>(5 * mesh.nodes() + NodeIndex(f.to, mesh)));
    }
    routes.EndList();
  }
  return routes;
}

std::vector<double> RatesOf(const FabricRates& fabric) {
  std::vector<double> rates = fabric.links;
  rates.insert(rates.end(), fabric.injection.begin(), fabric.injection.end());
  rates.insert(rates.end(), fabric.ejection.begin(), fabric.ejection.end());
  return rates;
}

// Gives rates by progressive filling: all flows grow alike until a resource is full;
// what runs through it is then settled and the others grow on.
class MaxMinFilling {
 public:
  MaxMinFilling(const FabricRates& fabric, const Lists& routes)
      : capacity_(RatesOf(fabric)),
        routes_(routes),
        flows_of_(routes.Inverse(capacity_.size())),
        left_(capacity_.size()),
        unsettled_(capacity_.size(), 0) {}

  // Sets rates[f] for each f of `running`; the others' are not looked at.
  void Fill(absl::Span<const int32_t> running, std::vector<double>& rates) {
    growing_.assign(routes_.size(), 0);
    for (const int32_t f : running) {
      growing_[Index(f)] = 1;
      rates[Index(f)] = kInfinity;
      for (const int32_t r : routes_[Index(f)]) {
        if (unsettled_[Index(r)]++ == 0) used_.push_back(r);
      }
    }
    for (const int32_t r : used_) {
      left_[Index(r)] = capacity_[Index(r)];
      Push(r, 0);
    }
    used_.clear();
    while (!fullest_.empty()) {
      const auto [share, r] = fullest_.top();
      fullest_.pop();
      if (unsettled_[Index(r)] == 0) continue;
      // A share only grows as others settle for less, so an old one may be too small.
      if (Share(r) > share) {
        Push(r, share);
      } else {
        SettleFlowsOf(r, share, rates);
      }
    }
  }

 private:
  static size_t Index(int32_t i) { return static_cast<size_t>(i); }
  double Share(int32_t r) const {
    return left_[Index(r)] / static_cast<double>(unsettled_[Index(r)]);
  }
  // Rounding must not let a share fall below one that was settled before.
  void Push(int32_t r, double floor) { fullest_.push({std::max(floor, Share(r)), r}); }
  void SettleFlowsOf(int32_t r, double share, std::vector<double>& rates) {
    for (const int32_t f : flows_of_[Index(r)]) {
      if (growing_[Index(f)] == 0) continue;
      growing_[Index(f)] = 0;
      rates[Index(f)] = share;
      for (const int32_t q : routes_[Index(f)]) {
        left_[Index(q)] -= share;
        --unsettled_[Index(q)];
      }
    }
  }

  using ShareOf = std::pair<double, int32_t>;
  std::vector<double> capacity_;  // by resource
  const Lists& routes_;
  Lists flows_of_;                  // by resource
  std::vector<double> left_;        // by resource
  std::vector<int32_t> unsettled_;  // by resource, flows that still grow; 0 after Fill
  std::vector<int32_t> used_;       // resources, while Fill begins
  std::vector<char> growing_;       // by flow
  std::priority_queue<ShareOf, std::vector<ShareOf>, std::greater<>> fullest_;
};

class FluidRun {
 public:
  FluidRun(const FabricRates& fabric, absl::Span<const Flow> flows)
      : flows_(flows),
        routes_(RoutesOf(fabric.mesh, flows)),
        filling_(fabric, routes_),
        to_start_(flows.size()),
        left_(flows.size()),
        rates_(flows.size(), 0),
        result_{std::vector<double>(flows.size(), 0), LinkBytes(fabric.mesh)} {
    std::iota(to_start_.begin(), to_start_.end(), 0);
    // The last of the list starts first.
    std::stable_sort(to_start_.begin(), to_start_.end(), [&](int32_t a, int32_t b) {
      return flows_[Index(a)].start_s > flows_[Index(b)].start_s;
    });
  }

  FluidResult Run() {
    while (!running_.empty() || !to_start_.empty()) {
      if (running_.empty()) now_s_ = NextStart();
      Start();
      if (running_.empty()) continue;
      filling_.Fill(running_, rates_);
      Advance();
    }
    return std::move(result_);
  }

 private:
  static size_t Index(int32_t i) { return static_cast<size_t>(i); }
  double NextStart() const {
    return to_start_.empty() ? kInfinity : flows_[Index(to_start_.back())].start_s;
  }

  void Start() {
    while (NextStart() <= now_s_) {
      const int32_t f = to_start_.back();
      to_start_.pop_back();
      const bool moves = flows_[Index(f)].bytes > 0 && !routes_[Index(f)].empty();
      left_[Index(f)] = static_cast<double>(flows_[Index(f)].bytes);
      if (moves) {
        running_.push_back(f);
      } else {
        result_.end_s[Index(f)] = now_s_;
      }
    }
  }

  // To the next start or end of a flow.
  void Advance() {
    double step_s = NextStart() - now_s_;
    for (const int32_t f : running_) {
      step_s = std::min(step_s, left_[Index(f)] / rates_[Index(f)]);
    }
    now_s_ = step_s == NextStart() - now_s_ ? NextStart() : now_s_ + step_s;
    size_t kept = 0;
    for (const int32_t f : running_) {
      left_[Index(f)] -= rates_[Index(f)] * step_s;
      const double bytes = static_cast<double>(flows_[Index(f)].bytes);
      if (left_[Index(f)] > kFlowRemainder * bytes) {
        running_[kept++] = f;
      } else {
        End(f);
      }
    }
    running_.resize(kept);
  }

  void End(int32_t f) {
    result_.end_s[Index(f)] = now_s_;
    std::vector<int64_t>& links = result_.links.raw();
    for (const int32_t r : routes_[Index(f)]) {
      if (Index(r) < links.size()) links[Index(r)] += flows_[Index(f)].bytes;
    }
  }

  absl::Span<const Flow> flows_;
  Lists routes_;
  MaxMinFilling filling_;
  std::vector<int32_t> to_start_, running_;
  std::vector<double> left_;   // bytes, by flow
  std::vector<double> rates_;  // by flow
  double now_s_ = 0;
  FluidResult result_;
};

}  // namespace

FabricRates UniformFabric(const Mesh& mesh, double link_bytes_per_s,
                          double port_bytes_per_s) {
  const size_t nodes = static_cast<size_t>(mesh.nodes());
  return {.mesh = mesh,
          .links = std::vector<double>(4 * nodes, link_bytes_per_s),
          .injection = std::vector<double>(nodes, port_bytes_per_s),
          .ejection = std::vector<double>(nodes, port_bytes_per_s)};
}

absl::StatusOr<FluidResult> SimulateFlows(const FabricRates& fabric,
                                          absl::Span<const Flow> flows) {
  TATAMI_RETURN_IF_ERROR(CheckFlows(fabric, flows));
  return FluidRun(fabric, flows).Run();
}

absl::StatusOr<double> PhaseLoadSeconds(const FabricRates& fabric,
                                        absl::Span<const Flow> flows) {
  TATAMI_RETURN_IF_ERROR(CheckFlows(fabric, flows));
  LinkBytes links(fabric.mesh);
  std::vector<int64_t> sent(fabric.injection.size(), 0);
  std::vector<int64_t> received(fabric.ejection.size(), 0);
  for (const Flow& f : flows) {
    if (f.from == f.to) continue;
    links.AddRoute(f.from, f.to, f.bytes);
    sent[static_cast<size_t>(NodeIndex(f.from, fabric.mesh))] += f.bytes;
    received[static_cast<size_t>(NodeIndex(f.to, fabric.mesh))] += f.bytes;
  }
  double seconds = 0;
  const auto raise = [&](const std::vector<int64_t>& bytes,
                         const std::vector<double>& rates) {
    for (size_t i = 0; i < bytes.size(); ++i) {
      seconds = std::max(seconds, static_cast<double>(bytes[i]) / rates[i]);
    }
  };
  raise(links.raw(), fabric.links);
  raise(sent, fabric.injection);
  raise(received, fabric.ejection);
  return seconds;
}

absl::StatusOr<std::vector<double>> MaxMinRates(const FabricRates& fabric,
                                                absl::Span<const Flow> flows) {
  TATAMI_RETURN_IF_ERROR(CheckFlows(fabric, flows));
  const Lists routes = RoutesOf(fabric.mesh, flows);
  std::vector<int32_t> all(flows.size());
  std::iota(all.begin(), all.end(), 0);
  std::vector<double> rates(flows.size(), 0);
  MaxMinFilling(fabric, routes).Fill(all, rates);
  return rates;
}

}  // namespace tatami
