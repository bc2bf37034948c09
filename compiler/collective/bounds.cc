#include "compiler/collective/bounds.h"

#include <algorithm>

namespace tatami {
namespace {

// num / den, or 0 for a mesh of one node, which sends nothing.
double Share(double num, int64_t den) {
  return den == 0 ? 0 : num / static_cast<double>(den);
}

}  // namespace

double CollectiveBounds::seconds() const {
  return std::max({capacity_s, degree_s, bottleneck_s, latency_s});
}

CollectiveBounds AllReduceBounds(const LinkGraph& graph, const Bottleneck& bottleneck,
                                 int64_t bytes, const LinkModel& link) {
  const double n_s = static_cast<double>(bytes) / link.bytes_per_s;
  return {.capacity_s = n_s * Share(graph.num_nodes() - 1, graph.num_links()),
          .degree_s = Share(n_s, graph.DegreeMin()),
          .bottleneck_s = n_s * bottleneck.lambda(),
          .latency_s = static_cast<double>(DiameterOf(graph)) * link.hop_s};
}

CollectiveBounds ReduceScatterBounds(const LinkGraph& graph, int64_t bytes,
                                     const LinkModel& link) {
  const double nodes = graph.num_nodes();
  const double sent_s = static_cast<double>(bytes) / link.bytes_per_s * (1 - 1 / nodes);
  return {.capacity_s = Share(sent_s * nodes, 2 * int64_t{graph.num_links()}),
          .degree_s = Share(sent_s, graph.DegreeMin()),
          .latency_s = static_cast<double>(DiameterOf(graph)) * link.hop_s};
}

CollectiveBounds BroadcastBounds(const LinkGraph& graph, int32_t source, int64_t bytes,
                                 const LinkModel& link) {
  const double n_s = static_cast<double>(bytes) / link.bytes_per_s;
  const auto depth = static_cast<double>(BreadthFirstTree(graph, source).depth);
  return {
      .capacity_s = n_s * Share(graph.num_nodes() - 1, 2 * int64_t{graph.num_links()}),
      .degree_s = Share(n_s, graph.DegreeMin()),
      .latency_s = depth * link.hop_s};
}

}  // namespace tatami
