// Reducing a short vector along a row of P nodes into the first one: which node sends
// to which.
//
// The model is that of Luczynski et al., "Near-Optimal Wafer-Scale Reduce", HPDC 2024
// (figures in compilers.md 5.8), in cycles for vectors of `words` words, one word per
// link and cycle: T = max(contention, energy / (P-1) + P-1) + 5 depth, where contention
// is the words that the busiest node receives, energy the words times hops of all
// messages, and 5 = 2 T_R + 1 the cost of going through a node (T_R = 2).
#pragma once

#include <cstdint>
#include <vector>

namespace tatami {

struct RowTree {
  std::vector<int64_t> parent;  // by place in the row; -1 for place 0, the root
  int64_t hops_total = 0;       // over all messages
  int64_t received_max = 0;     // messages that one node receives
  int64_t depth = 0;            // messages one after the other

  double Cycles(int64_t words) const;  // modelled
};

RowTree StarRow(int64_t nodes);
RowTree ChainRow(int64_t nodes);
// Pairs, pairs of pairs and so on; any number of nodes.
RowTree BinaryRow(int64_t nodes);
// Chains in about sqrt(nodes) groups, then a chain of their heads.
RowTree TwoPhaseRow(int64_t nodes);

// The best tree whose subtrees are unbroken stretches of the row: for each depth the
// one of least energy, by
//   e[p][d] = min over s of e[s][d-1] + e[p-s][d] + (p-s)
// (the last message into the root comes from the last s nodes, p-s hops away), and of
// these the fastest by Cycles. O(nodes^3) time.
RowTree BestRow(int64_t nodes, int64_t words);

// The bound that e[][] alone gives: min over d of words e[P][d] / (P-1) + P-1 + 5 d.
double GeneratedRowCycles(int64_t nodes, int64_t words);

}  // namespace tatami
