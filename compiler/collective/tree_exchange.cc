#include "compiler/collective/tree_exchange.h"

#include <algorithm>

namespace tatami {
namespace {

class Balancer {
 public:
  Balancer(const LinkGraph& graph, const std::vector<std::vector<int32_t>>& trees)
      : graph_(graph),
        in_(trees.size(), std::vector<uint8_t>(graph.num_links(), 0)),
        load_(graph.num_links(), 0) {
    for (size_t t = 0; t < trees.size(); ++t) {
      for (const int32_t link : trees[t]) Add(t, link);
    }
  }

  BalancedLinks Run() {
    const int64_t pairs = static_cast<int64_t>(in_.size()) * (graph_.num_nodes() - 1);
    BalancedLinks out;
    out.bottleneck = {graph_.num_nodes(), graph_.num_links()};
    limit_ = (pairs + graph_.num_links() - 1) / graph_.num_links();
    for (int32_t link = 0; link < graph_.num_links(); ++link) {
      while (load_[link] > limit_) {
        const size_t t = TreeWith(link);
        Remove(t, link);
        if (Augment(t)) continue;
        const Bottleneck tight = WhatWasReached();
        if (tight.lambda() > out.bottleneck.lambda()) out.bottleneck = tight;
        Add(t, link);
        ++limit_;
      }
    }
    out.load_max = *std::max_element(load_.begin(), load_.end());
    out.trees.resize(in_.size());
    for (size_t t = 0; t < in_.size(); ++t) {
      for (int32_t link = 0; link < graph_.num_links(); ++link) {
        if (in_[t][link] != 0) out.trees[t].push_back(link);
      }
    }
    return out;
  }

 private:
  // How a search reached a link: by adding it to `tree` in the place of `before` (-1:
  // tree lacks a link, nothing leaves it).
  struct Step {
    int32_t before = -1;
    int32_t tree = -1;  // -1: not reached
  };

  void Add(size_t tree, int32_t link) { in_[tree][link] = 1, ++load_[link]; }
  void Remove(size_t tree, int32_t link) { in_[tree][link] = 0, --load_[link]; }
  size_t TreeWith(int32_t link) const {
    size_t t = 0;
    while (in_[t][link] == 0) ++t;
    return t;
  }

  // Numbers the pieces that the links of `tree` without `without` join.
  void FindPieces(size_t tree, int32_t without) {
    piece_.assign(graph_.num_nodes(), -1);
    int32_t pieces = 0;
    for (int32_t first = 0; first < graph_.num_nodes(); ++first) {
      if (piece_[first] >= 0) continue;
      piece_[first] = pieces;
      queue_.assign(1, first);
      for (size_t i = 0; i < queue_.size(); ++i) {
        for (const LinkGraph::Arc& arc : graph_.arcs[queue_[i]]) {
          if (piece_[arc.to] >= 0 || arc.link == without || in_[tree][arc.link] == 0) {
            continue;
          }
          piece_[arc.to] = pieces;
          queue_.push_back(arc.to);
        }
      }
      ++pieces;
    }
  }

  // Reaches all links that join pieces of `tree` without `before`; returns the first
  // that has a place left, or -1.
  int32_t Reach(size_t tree, int32_t before) {
    FindPieces(tree, before);
    for (int32_t link = 0; link < graph_.num_links(); ++link) {
      const LinkGraph::Link& ends = graph_.links[link];
      if (steps_[link].tree >= 0 || piece_[ends.a] == piece_[ends.b]) continue;
      steps_[link] = {before, static_cast<int32_t>(tree)};
      if (load_[link] < limit_) return link;
      reached_.push_back(link);
    }
    return -1;
  }

  // Gives `lacking`, which is one link short of a tree, a link again, perhaps by moving
  // links between other trees. False, with nothing changed, when limit_ forbids it.
  bool Augment(size_t lacking) {
    steps_.assign(graph_.num_links(), Step{});
    reached_.clear();
    int32_t open = Reach(lacking, -1);
    for (size_t i = 0; i < reached_.size() && open < 0; ++i) {
      for (size_t t = 0; t < in_.size() && open < 0; ++t) {
        if (in_[t][reached_[i]] != 0) open = Reach(t, reached_[i]);
      }
    }
    if (open < 0) return false;
    for (int32_t link = open; link >= 0;) {
      const Step step = steps_[link];
      Add(step.tree, link);
      if (step.before >= 0) Remove(step.tree, step.before);
      link = step.before;
    }
    return true;
  }

  // After a vain search every reached link is full, and the pieces that the others join
  // are crossed by each tree as rarely as can be: that is the bottleneck.
  Bottleneck WhatWasReached() {
    std::vector<uint8_t> others(graph_.num_links(), 1);
    for (const int32_t link : reached_) others[link] = 0;
    in_.push_back(std::move(others));
    FindPieces(in_.size() - 1, -1);
    in_.pop_back();
    return {*std::max_element(piece_.begin(), piece_.end()) + 1,
            static_cast<int64_t>(reached_.size())};
  }

  const LinkGraph& graph_;
  std::vector<std::vector<uint8_t>> in_;  // by tree and link
  std::vector<int64_t> load_;             // trees by link
  int64_t limit_ = 0;
  std::vector<Step> steps_;       // by link
  std::vector<int32_t> reached_;  // full links, in order of the search
  std::vector<int32_t> piece_, queue_;
};

}  // namespace

BalancedLinks BalanceTrees(const LinkGraph& graph,
                           std::vector<std::vector<int32_t>> trees) {
  return Balancer(graph, trees).Run();
}

}  // namespace tatami
