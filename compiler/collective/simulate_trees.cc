#include "compiler/collective/simulate_trees.h"

#include <algorithm>
#include <queue>
#include <tuple>
#include <vector>

namespace tatami {
namespace {

// What waits for a link direction. The order is the priority of the header.
struct Waiting {
  bool reduce = false;
  int64_t chunk = 0;
  int32_t to = 0;
  friend bool operator>(const Waiting& a, const Waiting& b) {
    return std::tie(a.reduce, a.chunk) > std::tie(b.reduce, b.chunk);
  }
};

struct Event {
  int64_t time = 0;
  int32_t lane = 0;      // the link direction
  bool arrives = false;  // else the lane becomes free
  Waiting chunk;
  friend bool operator>(const Event& a, const Event& b) {
    return std::tie(a.time, a.lane, a.chunk.chunk, a.arrives) >
           std::tie(b.time, b.lane, b.chunk.chunk, b.arrives);
  }
};

class Simulation {
 public:
  Simulation(const LinkGraph& graph, const TreePacking& packing,
             const ChunkTimes& times)
      : graph_(graph),
        packing_(packing),
        times_(times),
        waiting_(2 * graph.num_links()),
        free_at_(2 * graph.num_links(), 0) {
    for (const SpanningTree& tree : packing.trees) children_.push_back(tree.Children());
    missing_.resize(times.chunks * graph.num_nodes());
    for (int64_t k = 0; k < times.chunks; ++k) {
      for (int32_t n = 0; n < graph.num_nodes(); ++n) {
        missing_[k * graph.num_nodes() + n] =
            static_cast<uint8_t>(children_[TreeOf(k)][n].size());
      }
    }
  }

  int64_t Run(TreeWork work, const std::function<void(const Arrival&)>& on_arrival) {
    for (int64_t k = 0; k < times_.chunks; ++k) {
      if (work == TreeWork::kBroadcast) {
        PassDown(k, packing_.trees[TreeOf(k)].root);
        continue;
      }
      for (int32_t n = 0; n < graph_.num_nodes(); ++n) {
        if (missing_[k * graph_.num_nodes() + n] == 0) SumIsReady(k, n);
      }
    }
    Serve(0);
    int64_t last = 0;
    while (!events_.empty()) {
      const int64_t now = events_.top().time;
      // All that happens at one time is known before any link takes its next chunk.
      while (!events_.empty() && events_.top().time == now) {
        const Event event = events_.top();
        events_.pop();
        if (!event.arrives) {
          touched_.push_back(event.lane);
          continue;
        }
        if (on_arrival) on_arrival(ArrivalOf(event));
        Take(event.chunk);
        last = now;
      }
      Serve(now);
    }
    return last;
  }

 private:
  int64_t TreeOf(int64_t chunk) const { return chunk % packing_.num_trees(); }

  Arrival ArrivalOf(const Event& e) const {
    const int32_t link = e.lane / 2;
    const LinkGraph::Link& ends = graph_.links[link];
    return {.time = e.time,
            .chunk = e.chunk.chunk,
            .phase = e.chunk.reduce ? TreePhase::kReduce : TreePhase::kBroadcast,
            .tree = static_cast<int32_t>(TreeOf(e.chunk.chunk)),
            .link = link,
            .from = e.lane % 2 == 0 ? ends.a : ends.b,
            .to = e.chunk.to};
  }

  void Send(int64_t chunk, int32_t link, int32_t from, int32_t to, TreePhase phase) {
    const int32_t lane = graph_.Directed(link, from);
    waiting_[lane].push({phase == TreePhase::kReduce, chunk, to});
    touched_.push_back(lane);
  }

  // Node n holds the sum of its subtree.
  void SumIsReady(int64_t chunk, int32_t n) {
    const SpanningTree& tree = packing_.trees[TreeOf(chunk)];
    if (n == tree.root) return PassDown(chunk, n);
    Send(chunk, tree.uplink[n], n, tree.parent[n], TreePhase::kReduce);
  }

  void PassDown(int64_t chunk, int32_t n) {
    const SpanningTree& tree = packing_.trees[TreeOf(chunk)];
    for (const int32_t child : children_[TreeOf(chunk)][n]) {
      Send(chunk, tree.uplink[child], n, child, TreePhase::kBroadcast);
    }
  }

  void Take(const Waiting& w) {
    if (!w.reduce) return PassDown(w.chunk, w.to);
    if (--missing_[w.chunk * graph_.num_nodes() + w.to] == 0) SumIsReady(w.chunk, w.to);
  }

  // Starts the best waiting chunk on each free link direction that something changed
  // on.
  void Serve(int64_t now) {
    for (const int32_t lane : touched_) {
      if (free_at_[lane] > now || waiting_[lane].empty()) continue;
      const Waiting chunk = waiting_[lane].top();
      waiting_[lane].pop();
      free_at_[lane] = now + times_.link_time;
      events_.push({free_at_[lane] + times_.hop_time, lane, true, chunk});
      events_.push({free_at_[lane], lane, false, chunk});
    }
    touched_.clear();
  }

  const LinkGraph& graph_;
  const TreePacking& packing_;
  const ChunkTimes times_;
  std::vector<std::vector<std::vector<int32_t>>> children_;  // by tree and node
  std::vector<uint8_t> missing_;  // children still to come, by chunk and node
  using Queue = std::priority_queue<Waiting, std::vector<Waiting>, std::greater<>>;
  std::vector<Queue> waiting_;    // by link direction
  std::vector<int64_t> free_at_;  // by link direction
  std::vector<int32_t> touched_;  // link directions to look at, with repeats
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
};

}  // namespace

int64_t SimulateTrees(const LinkGraph& graph, const TreePacking& packing,
                      const ChunkTimes& times, TreeWork work,
                      const std::function<void(const Arrival&)>& on_arrival) {
  return Simulation(graph, packing, times).Run(work, on_arrival);
}

}  // namespace tatami
