#include "compiler/collective/row_reduce.h"

#include <algorithm>
#include <cmath>

namespace tatami {
namespace {

constexpr double kNodeCycles = 5;  // 2 T_R + 1
constexpr int64_t kNever = int64_t{1} << 40;

// Fills in the figures. Children of one node send in order of their place, each once it
// has received all of its own; depth is the longest chain of messages.
RowTree Measured(std::vector<int64_t> parent) {
  RowTree tree{.parent = std::move(parent)};
  const auto nodes = static_cast<int64_t>(tree.parent.size());
  std::vector<int64_t> received(nodes, 0), depth(nodes, 0);
  for (int64_t n = nodes - 1; n > 0;
       --n) {  // parents are to the left of their children
    const int64_t p = tree.parent[n];
    tree.hops_total += n - p;
    tree.received_max = std::max(tree.received_max, ++received[p]);
    depth[p] = std::max(depth[p], depth[n] + 1);
  }
  tree.depth = nodes == 0 ? 0 : depth[0];
  return tree;
}

// e[p][d] of the header, and the s that gives it.
struct Energies {
  explicit Energies(int64_t nodes)
      : nodes(nodes),
        least(nodes + 1, std::vector<int64_t>(nodes, kNever)),
        last(nodes + 1, std::vector<int64_t>(nodes, 0)) {
    for (int64_t d = 0; d < nodes; ++d) least[1][d] = 0;
    for (int64_t p = 2; p <= nodes; ++p) {
      for (int64_t d = 1; d < nodes; ++d) {
        for (int64_t s = 1; s < p; ++s) {
          const int64_t e = least[s][d - 1] + least[p - s][d] + (p - s);
          if (e < least[p][d]) least[p][d] = e, last[p][d] = s;
        }
      }
    }
  }

  void Build(int64_t first, int64_t p, int64_t d, std::vector<int64_t>& parent) const {
    if (p == 1) return;
    const int64_t s = last[p][d];
    parent[first + p - s] = first;
    Build(first + p - s, s, d - 1, parent);
    Build(first, p - s, d, parent);
  }

  int64_t nodes;
  std::vector<std::vector<int64_t>> least, last;  // by p and d
};

}  // namespace

double RowTree::Cycles(int64_t words) const {
  const auto nodes = static_cast<double>(parent.size());
  if (nodes < 2) return 0;
  const auto w = static_cast<double>(words);
  return std::max(w * static_cast<double>(received_max),
                  w * static_cast<double>(hops_total) / (nodes - 1) + nodes - 1) +
         kNodeCycles * static_cast<double>(depth);
}

RowTree StarRow(int64_t nodes) {
  std::vector<int64_t> parent(nodes, 0);
  parent[0] = -1;
  return Measured(std::move(parent));
}

RowTree ChainRow(int64_t nodes) {
  std::vector<int64_t> parent(nodes);
  for (int64_t n = 0; n < nodes; ++n) parent[n] = n - 1;
  return Measured(std::move(parent));
}

RowTree BinaryRow(int64_t nodes) {
  std::vector<int64_t> parent(nodes, -1);
  for (int64_t n = 1; n < nodes; ++n)
    parent[n] = n & (n - 1);  // its lowest bit cleared
  return Measured(std::move(parent));
}

RowTree TwoPhaseRow(int64_t nodes) {
  const auto group =
      static_cast<int64_t>(std::llround(std::sqrt(static_cast<double>(nodes))));
  std::vector<int64_t> parent(nodes, -1);
  for (int64_t n = 1; n < nodes; ++n) parent[n] = n % group == 0 ? n - group : n - 1;
  return Measured(std::move(parent));
}

RowTree BestRow(int64_t nodes, int64_t words) {
  const Energies energies(nodes);
  RowTree best = ChainRow(nodes);
  for (int64_t d = 1; d < nodes; ++d) {
    std::vector<int64_t> parent(nodes, -1);
    energies.Build(0, nodes, d, parent);
    RowTree tree = Measured(std::move(parent));
    if (tree.Cycles(words) < best.Cycles(words)) best = std::move(tree);
  }
  return best;
}

double GeneratedRowCycles(int64_t nodes, int64_t words) {
  if (nodes < 2) return 0;
  const Energies energies(nodes);
  double best = 0;
  for (int64_t d = 1; d < nodes; ++d) {
    const double cycles = static_cast<double>(words * energies.least[nodes][d]) /
                              static_cast<double>(nodes - 1) +
                          static_cast<double>(nodes - 1) +
                          kNodeCycles * static_cast<double>(d);
    if (d == 1 || cycles < best) best = cycles;
  }
  return best;
}

}  // namespace tatami
