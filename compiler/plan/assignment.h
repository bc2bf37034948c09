// The assignment problem beneath the search: one of a few states for each of many
// variables, so that the sum of unary and pairwise costs is least, with a proof of how
// good the answer is.
//
// Variables with at most two neighbours are eliminated exactly (the reductions R0, R1,
// R2 of partitioned Boolean quadratic programming, E. Scholz and B. Burgstaller, 2002).
// What remains is eliminated exactly too where the tables stay small, which is dynamic
// programming on a tree decomposition. Elsewhere sequential message passing
// (V. Kolmogorov, "A New Look at Reweighted Message Passing", 2015, which is TRW-S for
// pairwise costs) gives a lower bound and, with local search, an answer; states that
// the bound rules out are removed and the elimination is tried again.
#pragma once

#include <vector>

namespace tatami {

struct AssignmentProblem {
  struct Edge {
    int a = 0, b = 0;          // two variables
    std::vector<double> cost;  // [state of a * number of states of b + state of b]
  };
  std::vector<std::vector<double>> unary;  // by variable and state; none is empty
  std::vector<Edge> edges;                 // several may join the same variables

  double Cost(const std::vector<int>& state) const;
};

struct AssignmentOptions {
  double table_limit = 1 << 22;  // entries of the largest table of an elimination
  double work_limit = 3e8;       // additions of one elimination
  int passes = 60;               // of message passing, each forward and back
  double gap_goal = 0;           // relative; what is proven so near is near enough
  std::vector<int> start;        // an assignment to improve on; may be empty
};

struct Assignment {
  std::vector<int> state;
  double cost = 0;
  double bound = 0;  // no assignment costs less; equal to the cost when proven best
};

// Deterministic; never fails.
Assignment SolveAssignment(const AssignmentProblem& problem,
                           const AssignmentOptions& options);

// Changes one variable at a time while that lowers the cost.
void ImproveByOne(const AssignmentProblem& problem, std::vector<int>& state);

}  // namespace tatami
